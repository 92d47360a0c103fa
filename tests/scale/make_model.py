#!/usr/bin/env python3
"""A LLaMA checkpoint of a real size with random bfloat16 weights, for tests of memory and speed.

usage: make_model.py 1b|7b FOLDER [BLOCKS]

1b: the shape of TinyLlama-1.1B (grouped queries, 2.2 GB); 7b: that of LLaMA-7B (13.5 GB). The
tokenizer is copied from data/models/stories260k, whose ids are below the vocabulary. Weights are
normal with deviation 0.02, cut from one drawn stretch of a prime length at ever other places.
"""
import array
import json
import pathlib
import random
import shutil
import struct
import sys

SHAPES = {
    "1b": dict(hidden_size=2048, intermediate_size=5632, num_hidden_layers=22,
               num_attention_heads=32, num_key_value_heads=4),
    "7b": dict(hidden_size=4096, intermediate_size=11008, num_hidden_layers=32,
               num_attention_heads=32, num_key_value_heads=32),
}
VOCABULARY = 32000
STRETCH = 1299709  # the 100,000th prime


def half(x):
    """The upper 16 bits of a float32, rounded to nearest."""
    bits = struct.unpack("<I", struct.pack("<f", x))[0]
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16) & 0xFFFF


def tensors(shape):
    h, i, kv = shape["hidden_size"], shape["intermediate_size"], shape["num_key_value_heads"]
    narrow = h // shape["num_attention_heads"] * kv
    yield "model.embed_tokens.weight", (VOCABULARY, h)
    for b in range(shape["num_hidden_layers"]):
        at = f"model.layers.{b}."
        yield at + "input_layernorm.weight", (h,)
        yield at + "self_attn.q_proj.weight", (h, h)
        yield at + "self_attn.k_proj.weight", (narrow, h)
        yield at + "self_attn.v_proj.weight", (narrow, h)
        yield at + "self_attn.o_proj.weight", (h, h)
        yield at + "post_attention_layernorm.weight", (h,)
        yield at + "mlp.gate_proj.weight", (i, h)
        yield at + "mlp.up_proj.weight", (i, h)
        yield at + "mlp.down_proj.weight", (h, i)
    yield "model.norm.weight", (h,)
    yield "lm_head.weight", (VOCABULARY, h)


def main():
    if len(sys.argv) not in (3, 4) or sys.argv[1] not in SHAPES:
        sys.exit(__doc__)
    shape = dict(SHAPES[sys.argv[1]])
    if len(sys.argv) == 4:
        shape["num_hidden_layers"] = int(sys.argv[3])
    folder = pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(1)
    stretch = array.array("H", (half(draw.gauss(0, 0.02)) for _ in range(STRETCH)))
    stretch = memoryview((stretch + stretch).tobytes())
    ones = struct.pack("<H", half(1.0))
    header, at = {}, 0
    for name, dims in tensors(shape):
        size = 2
        for d in dims:
            size *= d
        header[name] = {"dtype": "BF16", "shape": list(dims), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "model.safetensors", "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        place = 0
        for name, dims in tensors(shape):
            if len(dims) == 1:
                out.write(ones * dims[0])
                continue
            left = dims[0] * dims[1]
            while left:
                n = min(left, STRETCH)
                out.write(stretch[2 * place:2 * (place + n)])
                place, left = (place + n) % STRETCH, left - n
    config = dict(architectures=["LlamaForCausalLM"], model_type="llama", hidden_act="silu",
                  vocab_size=VOCABULARY, max_position_embeddings=2048, rms_norm_eps=1e-5,
                  rope_theta=10000.0, tie_word_embeddings=False, torch_dtype="bfloat16", **shape)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    beside = pathlib.Path(__file__).resolve().parents[2] / "data/models/stories260k"
    for name in ("tokenizer.json", "tokenizer.model", "tokenizer_config.json"):
        if (beside / name).exists():
            shutil.copy(beside / name, folder / name)


if __name__ == "__main__":
    main()
