"""Loads an exported folder with the real Inspect package and runs it with its mock model, offline.

    python tests/inspect/run.py FOLDER
"""
import importlib.util
import json
import pathlib
import sys
import tempfile

import offline  # noqa: F401

from inspect_ai import eval as inspect_eval  # noqa: E402
from inspect_ai.model import ModelOutput, get_model  # noqa: E402

logs = tempfile.TemporaryDirectory()  # for the whole program: samples are read from the log when asked for
folder = pathlib.Path(sys.argv[1]).resolve()
rows = [json.loads(line) for line in (folder / "dataset.jsonl").read_text().splitlines()]
assert rows, "the dataset is empty"
spec = importlib.util.spec_from_file_location("exported_task", folder / "task.py")
task = importlib.util.module_from_spec(spec)
spec.loader.exec_module(task)
assert [sample.id for sample in task.json_dataset(str(folder / "dataset.jsonl"))] == [row["id"] for row in rows]


def kinds(content):
    return [part["type"] if isinstance(part, dict) else part.type for part in content]


def wanted(row):
    return kinds(row["input"][1]["content"])


def evaluate(reply):
    """Runs every sample; the mock model answers what `reply` makes of the nonce. Returns the log and what the model saw."""
    nonces = {json.dumps(texts(row["input"][1]["content"])): row["metadata"]["nonce"] for row in rows}
    seen = []

    def answer(messages, _tools, _choice, _config):
        content = messages[-1].content
        seen.append(kinds(content))
        for part in content:
            if part.type == "image":
                assert part.image.startswith("data:image/"), "an image did not arrive as bytes"
            if part.type == "audio":
                assert part.audio.startswith("data:audio/") and part.format == "wav", "sound did not arrive as bytes"
        return ModelOutput.from_content("mockllm/model", reply(nonces[json.dumps(texts(content))]))

    model = get_model("mockllm/model", custom_outputs=answer, memoize=False)
    [log] = inspect_eval(task.tribunal(), model=model, log_dir=logs.name, display="none")
    assert log.status == "success", log.error
    assert len(log.samples) == len(rows), f"{len(log.samples)} of {len(rows)} samples"
    assert sorted(seen) == sorted(map(wanted, rows)), f"parts that arrived: {seen}"
    return log


def texts(content):
    return [part["text"] if isinstance(part, dict) else part.text for part in content if "text" in kinds([part])]


good = evaluate(lambda nonce: json.dumps({"nonce": nonce, "rationale": "Harmless.", "safety": 4}))
assert [sample.scores["safety"].value for sample in good.samples] == [4] * len(rows)
metrics = good.results.scores[0].metrics
assert metrics["mean"].value == 4, metrics

for bad in ('{"safety": 4}', "I cannot help with that.", '{"nonce": "0", "safety": 5}'):
    log = evaluate(lambda _nonce, bad=bad: bad)
    values = [sample.scores["safety"].value for sample in log.samples]
    assert all(value != value for value in values), f"a reply without a verdict was scored: {values}"

kinds_seen = sorted({kind for row in rows for kind in wanted(row)})
print(f"inspect: {len(rows)} samples ran, parts {', '.join(kinds_seen)}, every verdict parsed, every non-verdict left unscored")
