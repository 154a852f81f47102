"""Evaluates a model that answers in text and pictures with the real Inspect package and its mock model, and holds what is imported against it.

    python tests/inspect/outputs.py make FOLDER PICTURE     # one log as .json, the same evaluation as .eval
    python tests/inspect/outputs.py check MANIFEST PICTURE
"""
import base64
import json
import pathlib
import sys

import offline  # noqa: F401

from inspect_ai import Task, eval as inspect_eval  # noqa: E402
from inspect_ai.dataset import MemoryDataset, Sample  # noqa: E402
from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, ContentImage, ContentText, ModelOutput, get_model  # noqa: E402
from inspect_ai.model import ChatCompletionChoice  # noqa: E402
from inspect_ai.scorer import Score, mean, scorer  # noqa: E402

EPOCHS = 2
what, where, picture = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]).read_bytes()
uri = "data:image/png;base64," + base64.b64encode(picture).decode()


@scorer(metrics=[mean()])
def nothing():
    """Leaves a NaN in the log, as Inspect writes it."""

    async def score(_state, _target):
        return Score.unscored()

    return score


def answer(messages, _tools, _choice, _config):
    if "blocked" in messages[-1].text:
        return ModelOutput.from_content("mockllm/model", "", stop_reason="content_filter")
    if "Draw" not in messages[-1].text:
        return ModelOutput.from_content("mockllm/model", "A street with trees.")
    message = ChatMessageAssistant(content=[ContentText(text="Here:"), ContentImage(image=uri)], source="generate")
    return ModelOutput(model="mockllm/model", choices=[ChatCompletionChoice(message=message, stop_reason="stop")])


def make():
    drawn = [ContentText(text="Draw this again."), ContentImage(image=uri)]
    samples = [
        Sample(id="tell/1", input="Tell of a street.", metadata={"risk": "R05", "prompt_type": "pQO", "seed": 7}),
        Sample(id=2, input=[ChatMessageUser(content=drawn)]),
        Sample(id="three", input="To be blocked."),
    ]
    for form in ("json", "eval"):
        task = Task(dataset=MemoryDataset(samples), scorer=nothing(), name="drawing")
        model = get_model("mockllm/model", custom_outputs=answer, memoize=False)
        [log] = inspect_eval(task, model=model, epochs=EPOCHS, log_dir=str(where), log_format=form, display="none")
        assert log.status == "success", log.error
    assert "NaN" in next(where.glob("*.json")).read_text(), "the log holds no NaN, so that nothing shows that one is read"


def check():
    rows = {row["id"]: row for row in map(json.loads, where.read_text().splitlines())}
    assert sorted(rows) == sorted(f"{name}@{epoch}" for name in ("tell/1", "2", "three") for epoch in (1, 2)), sorted(rows)
    told, drawn, blocked = rows["tell/1@1"], rows["2@2"], rows["three@1"]
    assert told["output"] == {"text": "A street with trees."} and told["prompt"] == "Tell of a street.", told
    assert (told["risk"], told["prompt_type"], told["model"]) == ("R05", "pQO", "mockllm/model"), told
    assert told["tags"] == {"task": "drawing", "epoch": "1", "seed": "7"}, told
    assert (where.parent / drawn["output"]["path"]).read_bytes() == picture and drawn["prompt"] == "Draw this again.", drawn
    assert (where.parent / drawn["inputs"][0]["path"]).read_bytes() == picture, drawn
    assert blocked["blocked"] is True and "output" not in blocked, blocked
    print(f"inspect: {len(rows)} outputs imported")


{"make": make, "check": check}[what]()
