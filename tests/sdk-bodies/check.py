"""Holds request bodies against the official SDKs of OpenAI and Anthropic: against their types, and against what they send themselves.

    python tests/sdk-bodies/check.py BODIES.jsonl    each line {"dialect": NAME, "body": {...}}
    python tests/sdk-bodies/check.py --self-test     the sample is accepted, and every way of breaking it is noticed

Nothing leaves the machine: the SDKs are pointed at an echo on loopback, which refuses each request once it has read it.
"""
import collections
import copy
import http.server
import json
import os
import pathlib
import sys
import threading
import typing

os.environ["NO_PROXY"] = "*"

import anthropic  # noqa: E402
import openai  # noqa: E402
import pydantic  # noqa: E402
import typing_extensions  # noqa: E402
from anthropic.types import message_create_params  # noqa: E402
from openai.types.chat import completion_create_params  # noqa: E402
from openai.types.responses import response_create_params  # noqa: E402

SAMPLE = pathlib.Path(__file__).with_name("sample.jsonl")
PARTS = {"video_url", "audio_url"}  # kinds of parts that vLLM adds
VLLM = {"media_io_kwargs", "mm_processor_kwargs", "chat_template_kwargs", "structured_outputs", "top_k", "min_p", "repetition_penalty"}
LLAMA = {"cache_prompt", "chat_template_kwargs", "top_k", "min_p"}
CHAT = completion_create_params.CompletionCreateParamsNonStreaming
RESPONSES = response_create_params.ResponseCreateParamsNonStreaming
MESSAGES = message_create_params.MessageCreateParamsNonStreaming
SCHEMA = "body.output_config.format.schema"
# Dialect to: the SDK's type of a body, the keys and the kinds of parts that the server knows besides.
DIALECTS = {
    "openai": (CHAT, set(), set()),
    "azure": (CHAT, set(), set()),
    "vllm": (CHAT, VLLM, PARTS),
    "llamacpp": (CHAT, LLAMA, set()),
    "responses": (RESPONSES, set(), set()),
    "anthropic": (MESSAGES, set(), set()),
}


def tighten():
    """The SDKs' types ignore a key they do not know, which a server may refuse, and look into an Iterable only later, and less strictly."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("openai.types", "anthropic.types")):
            if hasattr(module, "Iterable"):
                module.Iterable = list
            for thing in vars(module).values():
                if typing_extensions.is_typeddict(thing):
                    # Some fields take open files as well.
                    thing.__pydantic_config__ = pydantic.ConfigDict(extra="forbid", arbitrary_types_allowed=True)


tighten()
ADAPTERS = {kind: pydantic.TypeAdapter(kind) for kind in (CHAT, RESPONSES, MESSAGES)}


def type_faults(dialect, body):
    """What the SDK's types have against a body, without what the dialect allows besides."""
    kind, keys, parts = DIALECTS[dialect]
    body = {key: value for key, value in copy.deepcopy(body).items() if key not in keys}
    for message in body.get("messages", []):
        if parts and isinstance(message, dict) and isinstance(message.get("content"), list):
            message["content"] = [part for part in message["content"] if not is_further(part, parts)]
    try:
        return [f"only a reply holds {short(part)}" for part in replies(ADAPTERS[kind].validate_python(body, strict=True))]
    except pydantic.ValidationError as error:
        faults = sorted(error.errors(), key=lambda fault: -len(fault["loc"]))
        # Of a union's branches those that came furthest are meant; the branches' own names would fill the line.
        steps = [[str(step) for step in fault["loc"] if not str(step).startswith(("list[", "union["))] for fault in faults[:3]]
        return [f"{'.'.join(path)}: {fault['msg']}" for path, fault in zip(steps, faults)]


def is_further(part, kinds):
    """Whether it is a part of a further kind, and right: an address, and perhaps a name to find it by."""
    kind = part.get("type") if isinstance(part, dict) else None
    place = part[kind] if kind in kinds and part.keys() - {"uuid"} == {"type", kind} else None
    return isinstance(place, dict) and place.keys() == {"url"} and isinstance(place["url"], str)


def replies(value):
    """Parts of a reply, which the types take in a request too, with any further keys; reads what is only checked as it is read."""
    if isinstance(value, pydantic.BaseModel):
        yield value.model_dump()
    elif isinstance(value, dict):
        for inner in value.values():
            yield from replies(inner)
    elif isinstance(value, collections.abc.Iterable) and not isinstance(value, str):
        for inner in value:
            yield from replies(inner)


class Echo(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        reply = b'{"error": {"message": "echo", "type": "echo"}}'
        self.send_response(400)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


echo = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
threading.Thread(target=echo.serve_forever, daemon=True).start()
URL = f"http://127.0.0.1:{echo.server_port}"
of_openai = openai.OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)
of_anthropic = anthropic.Anthropic(base_url=URL, api_key="none", max_retries=0)


def pop(body, *path):
    """Takes a JSON schema's holder out of a body, so that the SDK can make it anew; `None` when there is none."""
    outer = body
    for key in path[:-1]:
        outer = outer.get(key, {})
    holder = outer.get(path[-1])
    if not isinstance(holder, dict) or holder.get("type") != "json_schema":
        return None
    del outer[path[-1]]
    if len(path) > 1 and not outer:
        del body[path[0]]
    return holder


def model(name, schema):
    """The class from which a user of the SDK would have the schema made."""
    return pydantic.create_model(name, **{key: (annotation(field), ...) for key, field in schema["properties"].items()})


def annotation(field):
    if "enum" in field:
        return typing.Literal[tuple(field["enum"])]
    if field["type"] == "array":
        return list[annotation(field["items"])]
    return {"string": str, "integer": int, "number": float, "boolean": bool}[field["type"]]


def send(dialect, body):
    """What the SDK sends for the same request; its helpers make the schema."""
    kind, keys, _ = DIALECTS[dialect]
    body = copy.deepcopy(body)
    extra = {key: body.pop(key) for key in list(body) if key in keys}
    if extra:
        body["extra_body"] = extra
    if kind is CHAT:
        method, holder = of_openai.chat.completions, pop(body, "response_format")
        if holder:
            body["response_format"] = model(holder["json_schema"]["name"], holder["json_schema"]["schema"])
    elif kind is RESPONSES:
        method, holder = of_openai.responses, pop(body, "text", "format")
        if holder:
            body["text_format"] = model(holder["name"], holder["schema"])
    else:
        method, holder = of_anthropic.messages, pop(body, "output_config", "format")
        if holder:
            body["output_format"] = model("verdict", holder["schema"])
    echo.body = None
    try:
        (method.parse if holder else method.create)(**body)
    except (openai.BadRequestError, anthropic.BadRequestError):
        pass
    assert echo.body is not None, "the SDK sent nothing"
    return echo.body


def differences(ours, theirs, at="body"):
    """Where two bodies differ; titles of the SDK's schemas are decoration."""
    if isinstance(theirs, dict) and "title" in theirs and isinstance(theirs["title"], str):
        theirs = {key: value for key, value in theirs.items() if key != "title"}
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in ours | theirs:
            if key not in ours or key not in theirs:
                yield f"{at}.{key}: only {'the SDK sends' if key in theirs else 'we send'} it"
            else:
                yield from differences(ours[key], theirs[key], f"{at}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, pair in enumerate(zip(ours, theirs)):
            yield from differences(*pair, f"{at}[{number}]")
    elif ours != theirs or isinstance(ours, bool) != isinstance(theirs, bool):
        yield f"{at}: we send {short(ours)}, the SDK {short(theirs)}"


def short(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:120]}..."


def is_known(dialect, difference):
    """What the SDKs' helpers do otherwise without another meaning."""
    if DIALECTS[dialect][0] is CHAT and difference == "body.stream: only the SDK sends it":
        return True  # `parse` writes the default out: false
    # `type` beside an `enum` says nothing new; this SDK drops it.
    return dialect == "anthropic" and difference.startswith(f"{SCHEMA}.properties.") and difference.endswith(".type: only we send it")


# Vendors' own formats whose Python packages do not describe their bodies in types.
WITHOUT_SDK = ("gemini", "ollama")


def faults(dialect, body):
    """Everything wrong with a body."""
    if dialect in WITHOUT_SDK:
        return []
    if dialect not in DIALECTS:
        return [f"no SDK is known for it; known: {', '.join(DIALECTS)}"]
    found = [f"types: {fault}" for fault in type_faults(dialect, body)]
    try:
        found += [f"sent: {difference}" for difference in differences(body, send(dialect, body)) if not is_known(dialect, difference)]
    except Exception as error:  # noqa: BLE001 - whatever the SDK has against the request is the finding
        found.append(f"sent: the SDK refuses it: {type(error).__name__}: {error}"[:300])
    return found


def read(file):
    def once(pairs):
        assert len(dict(pairs)) == len(pairs), f"a key stands twice: {[key for key, _ in pairs]}"
        return dict(pairs)

    rows = [json.loads(line, object_pairs_hook=once) for line in pathlib.Path(file).read_text().splitlines() if line.strip()]
    assert rows, f"{file} holds no bodies"
    return [(row["dialect"], row["body"]) for row in rows]


def broken(body, further):
    """Bodies that each differ from `body` in one place, so that they are wrong; what lies in `further` keys nobody here knows."""
    for path, value in places(body):
        if path and path[0] in further:
            continue
        kind, inside_schema = path[-1] if path else None, "schema" in path or "input_schema" in path
        if isinstance(value, dict) and not inside_schema:
            yield f"{path} gets another key", changed(body, path, value | {"surprise": 1})
        if kind in ("type", "role") and not inside_schema:
            yield f"{path} becomes nonsense", changed(body, path, "nonsense")
        if isinstance(value, (int, float)) and not inside_schema:
            yield f"{path} becomes text", changed(body, path, "seven")
        if kind in ("model", "messages", "url", "data", "text") and not inside_schema:
            yield f"{path} becomes a list of numbers", changed(body, path, [1])
        if kind in ("required", "additionalProperties") and "input_schema" not in path:
            yield f"{path} is left out", without(body, path)


def places(value, path=()):
    yield path, value
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def changed(body, path, value):
    if not path:
        return value
    body = copy.deepcopy(body)
    outer = body
    for key in path[:-1]:
        outer = outer[key]
    outer[path[-1]] = value
    return body


def without(body, path):
    body = copy.deepcopy(body)
    outer = body
    for key in path[:-1]:
        outer = outer[key]
    del outer[path[-1]]
    return body


def self_test():
    count = 0
    for dialect, body in read(SAMPLE):
        for what, wrong in broken(body, DIALECTS[dialect][1]):
            assert faults(dialect, wrong), f"{dialect}: unnoticed: {what}"
            count += 1
    for dialect, key in [("openai", "media_io_kwargs"), ("anthropic", "seed"), ("responses", "messages")]:
        body = next(body for name, body in read(SAMPLE) if name == dialect)
        assert faults(dialect, body | {key: {}}), f"{dialect}: unnoticed: {key}"
    assert faults("nobody", {}), "unnoticed: an unknown dialect"
    print(f"sdk-bodies: self-test: each of {count + 4} broken bodies was noticed")


def check(file):
    rows = read(file)
    wrong = 0
    for number, (dialect, body) in enumerate(rows, 1):
        found = faults(dialect, body)
        wrong += bool(found)
        for fault in found:
            print(f"{file}:{number}: {dialect}: {fault}", file=sys.stderr)
    counts = collections.Counter(dialect for dialect, _ in rows)
    said = ", ".join(f"{count} {dialect}" for dialect, count in counts.items() if dialect not in WITHOUT_SDK)
    versions = f"openai {openai.__version__}, anthropic {anthropic.__version__}"
    if wrong:
        sys.exit(f"sdk-bodies: {wrong} of {len(rows)} bodies are not what the SDKs would send ({versions})")
    print(f"sdk-bodies: {said}: of the SDKs' types, and equal to what they send ({versions})")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    self_test() if sys.argv[1] == "--self-test" else check(sys.argv[1])
