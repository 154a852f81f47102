"""CPU time of one request with 8 pictures of 96 KiB by the openai package, to hold against `cargo bench --bench judge`:
(sleep 600 | target/release/examples/mock-judge CONFIG.json) prints the address, and tests/sdk-bodies/requirements.txt names the package;
MOCK=http://127.0.0.1:PORT python benches/openai_client.py"""

import base64
import os
import random
import time

import openai

REQUESTS = 300
PICTURES = 8
PICTURE_BYTES = 96 << 10
SYSTEM = "You judge. " * 600
SCHEMA = {"type": "object", "properties": {"nonce": {"type": "string"}, "safety": {"type": "integer", "enum": [1, 2, 3, 4, 5]}}}


def pictures(seed):
    drawn = random.Random(seed)
    return [drawn.randbytes(PICTURE_BYTES) for _ in range(PICTURES)]


def ask(client, parts):
    content = [{"type": "text", "text": "<<<00112233445566ff\n"}]
    for index, part in enumerate(parts):
        url = "data:image/jpeg;base64," + base64.b64encode(part).decode()
        content += [{"type": "text", "text": f"Frame {index + 1}"}, {"type": "image_url", "image_url": {"url": url}}]
    content.append({"type": "text", "text": "Echo the nonce."})
    reply = client.chat.completions.create(
        model="m",
        messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": content}],
        response_format={"type": "json_schema", "json_schema": {"name": "verdict", "schema": SCHEMA}},
        temperature=0,
        max_tokens=1024,
    )
    assert reply.choices[0].message.content


def main():
    client = openai.OpenAI(base_url=os.environ["MOCK"] + "/v1", api_key="none", max_retries=0)
    ask(client, pictures(REQUESTS))  # connects
    all_parts = [pictures(seed) for seed in range(REQUESTS)]
    before = time.process_time()
    for parts in all_parts:
        ask(client, parts)
    print(f"openai {openai.__version__}: {(time.process_time() - before) * 1e3 / REQUESTS:.3f} ms CPU a request")


main()
