"""Writes SmolLM2's 4-bit weights anew with 16 bits.

    python tests/real-judge/weights.py FROM TO

The prebuilt server multiplies quantised weights with instructions (AVX-VNNI) that many processors lack, and dies of them; with halves it
needs AVX-512 only.
"""
import sys

import gguf
import numpy

source, target = sys.argv[1:]
reader = gguf.GGUFReader(source)
writer = gguf.GGUFWriter(target, reader.get_field("general.architecture").contents())
for field in reader.fields.values():
    if field.name != "general.architecture" and not field.name.startswith("GGUF."):
        kind = field.types[0]
        writer.add_key_value(field.name, field.contents(), kind, sub_type=field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)
for tensor in reader.tensors:
    values = gguf.dequantize(tensor.data, tensor.tensor_type)
    writer.add_tensor(tensor.name, values if tensor.tensor_type == gguf.GGMLQuantizationType.F32 else values.astype(numpy.float16))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
