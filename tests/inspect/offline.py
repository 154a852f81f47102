"""Inspect without a network: it counts tokens with a table that is fetched; for these tests bytes do. Import this before inspect_ai."""
import sys
import types


class StandInEncoding:
    def encode(self, text, **_):
        return list(text.encode())


tokenizer = types.ModuleType("tiktoken")
tokenizer.get_encoding = tokenizer.encoding_for_model = lambda _name: StandInEncoding()
sys.modules["tiktoken"] = tokenizer
