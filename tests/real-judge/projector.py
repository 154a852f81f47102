"""Writes a vision projector of random numbers, with which a server of a text model takes pictures. It sees nothing: its model's
scores mean nothing.

    python tests/real-judge/projector.py FILE

The layout is LLaVA 1.5's (`mlp`): a CLIP tower of 3 blocks on 128 x 128 pixels, then two layers into the 576 dimensions of SmolLM2.
"""
import hashlib
import pathlib
import sys

import gguf
import numpy

SHA256 = "21ec2112ac5b54269373747ea1dd281b8b6fd9bd8ea2ee534f8e713e317e7d08"
PIXELS, PATCH, WIDE, INNER, BLOCKS, HEADS, OUT = 128, 16, 64, 128, 3, 4, 576
draws = numpy.random.Generator(numpy.random.PCG64(20511))


def matrix(*shape):
    return (draws.random(shape, dtype=numpy.float32) / 10 - 0.05).astype(numpy.float16)


def vector(length, value):
    return numpy.full(length, value, dtype=numpy.float32)


def layer(name, inputs, outputs):
    return {f"{name}.weight": matrix(outputs, inputs), f"{name}.bias": vector(outputs, 0)}


def norm(name):
    return {f"{name}.weight": vector(WIDE, 1), f"{name}.bias": vector(WIDE, 0)}


def tensors():
    yield from norm("v.pre_ln").items()
    yield "v.class_embd", vector(WIDE, 0.01)
    yield "v.patch_embd.weight", matrix(WIDE, 3, PATCH, PATCH)
    yield "v.position_embd.weight", matrix((PIXELS // PATCH) ** 2 + 1, WIDE)
    for block in range(BLOCKS):
        at = f"v.blk.{block}"
        for part in ("attn_q", "attn_k", "attn_v", "attn_out"):
            yield from layer(f"{at}.{part}", WIDE, WIDE).items()
        yield from (norm(f"{at}.ln1") | norm(f"{at}.ln2")).items()
        yield from (layer(f"{at}.ffn_up", WIDE, INNER) | layer(f"{at}.ffn_down", INNER, WIDE)).items()
    yield from (layer("mm.0", WIDE, OUT) | layer("mm.2", OUT, OUT)).items()


def write(path):
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "mlp")
    writer.add_bool("clip.use_gelu", True)
    counts = {"image_size": PIXELS, "patch_size": PATCH, "embedding_length": WIDE, "feed_forward_length": INNER}
    counts |= {"block_count": BLOCKS, "attention.head_count": HEADS, "projection_dim": OUT}
    for name, count in counts.items():
        writer.add_uint32(f"clip.vision.{name}", count)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    for name, values in tensors():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


path = pathlib.Path(sys.argv[1])
write(path)
found = hashlib.sha256(path.read_bytes()).hexdigest()
if found != SHA256:
    sys.exit(f"projector: made {path.stat().st_size} bytes with the digest {found} instead of {SHA256}")
