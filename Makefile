# Tribunal: `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO ?= cargo
FETCHED := fixtures/fetched
MODEL := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tribunal/open-nsfw.onnx

.PHONY: help setup fixtures corpus model demo test soak mutants browser screenshots real-judge sdk-bodies oracle check lint crates release bench peers clean

help: ## This list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what building needs (FFmpeg headers, clang for bindings, cmake and nasm), if missing
	@scripts/setup build

fixtures: ## Bring the real media that demo and tests use (pinned, checked, not committed)
	@scripts/setup fixtures
	@scripts/fetch-fixtures $(FETCHED)

corpus: ## Bring the files that broke other decoders (pinned, about 50 MB, not committed)
	@scripts/setup fixtures
	@tests/corpus/fetch $(FETCHED)/corpus

model: ## Bring the embedded judge's weights (pinned, checked, not committed)
	@scripts/setup fixtures
	@scripts/fetch-model $(MODEL)

demo: setup fixtures model ## Score real media of all four modalities, twice over: embedded triage and an authored cassette
	@test -x $(or $(CARGO_TARGET_DIR),target)/debug/tribunal || echo "demo: building; the first time takes about 8 minutes on two cores"
	@$(CARGO) build --bin tribunal
	@scripts/demo

test: setup fixtures corpus model ## Every test
	@scripts/setup tests
	@scripts/setup browser
	$(CARGO) test --workspace --no-fail-fast
	@scripts/mutants --few
	@scripts/test-inspect
	@scripts/test-parquet
	@scripts/test-sdk-bodies
	@scripts/test-real-judge
	@scripts/test-browser

browser: setup fixtures ## Open reports in Debian's chromium and use them as a reader would: filters, sound, print, hostile texts, 10,000 items
	@scripts/setup browser
	$(CARGO) build --bin tribunal
	@scripts/test-browser

screenshots: setup fixtures ## Make the pictures of docs/ anew
	@scripts/setup browser
	$(CARGO) build --bin tribunal
	@scripts/test-browser screenshots

soak: setup fixtures corpus model ## The tests of crashes, faults and hostile files at their full sizes, in the release build (hours)
	@scripts/setup tests
	TRIBUNAL_SOAK=1 $(CARGO) test --release --workspace --no-fail-fast -- --nocapture crash storm signals mutated paths planted scale full_disk

mutants: setup fixtures model ## Break sixteen guards one at a time; each must turn its test red
	@scripts/setup tests
	@scripts/mutants

real-judge: setup fixtures ## Score fixtures with a real llama.cpp server on loopback (fetches 180 MB once; skips when it cannot)
	@scripts/setup tests
	$(CARGO) build --bin tribunal
	@scripts/test-real-judge

sdk-bodies: ## Hold request bodies against the official OpenAI and Anthropic SDKs (BODIES=FILE; those of our golden file without it)
	@scripts/setup tests
	@scripts/test-sdk-bodies $(BODIES)

oracle: ## Hold fixtures/stats against scipy, statsmodels, pingouin and others, pinned (UPDATE=1 writes them anew)
	@scripts/setup tests
	@scripts/oracle

check: ## Unit tests only, for a warm tree (under 3 minutes)
	$(CARGO) test --workspace --lib

lint: ## Formatting and lints, as strict as review
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

crates: ## Licences, bans, sources and known holes of every crate
	@scripts/check-crates

release: setup ## The release binary with its bill of materials and digests, in target/kit
	@scripts/release

bench: setup fixtures ## Criterion benches of the stages
	$(CARGO) bench --workspace

peers: setup ## Compare with PyAV, OpenCV, decord, Pillow and others, in one run (PEERS_TORCH=1: torchcodec too)
	@scripts/setup fixtures
	@scripts/setup tests
	$(CARGO) build --release --bin tribunal
	@benches/peers/run

clean: ## Remove what was built and fetched; runs/ stays, for it may hold paid answers
	$(CARGO) clean
	rm -rf $(FETCHED) tests/browser/node_modules
