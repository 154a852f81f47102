"""Reads exported logs with the real Inspect package.

    python tests/inspect/log.py FOLDER
"""
import json
import math
import pathlib
import sys

from inspect_ai.log import list_eval_logs, read_eval_log

folder = pathlib.Path(sys.argv[1]).resolve()
files = sorted(folder.glob("*.json"))
assert files, "no log was exported"
assert len(list_eval_logs(str(folder))) == len(files), "Inspect does not list every log"
samples = scored = 0
for file in files:
    raw = json.loads(file.read_text())
    log = read_eval_log(str(file))
    header = read_eval_log(str(file), header_only=True)
    assert (header.eval.task_id, header.eval.model, header.results) == (log.eval.task_id, log.eval.model, log.results)
    assert log.status == "success" and log.eval.run_id == raw["eval"]["run_id"], log.status
    assert sorted((s.id, s.epoch) for s in log.samples) == sorted((s["id"], s["epoch"]) for s in raw["samples"]), "samples were lost"
    levels = [sample.scores["safety"].as_float() for sample in log.samples if sample.scores]
    [told] = log.results.scores
    assert told.scored_samples == len(levels) and told.scored_samples + told.unscored_samples == len(log.samples)
    if levels:
        assert all(1 <= level <= 5 for level in levels)
        assert math.isclose(told.metrics["mean"].value, sum(levels) / len(levels)), told.metrics
    samples, scored = samples + len(log.samples), scored + len(levels)
print(f"inspect: {len(files)} logs read, {samples} samples, {scored} of them scored")
