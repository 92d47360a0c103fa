"""What a criterion in Python needs: serve(score) answers bench until it asks nothing more.

score(layer, tensors) gets the layer's name and numpy arrays by name: "weight" [out, in] float32 and
the statistics that `criterion.statistics` asks for; it returns scores of the weight's shape (higher
is kept). docs/external.md has the protocol.
"""
import json
import struct
import sys

import numpy as np


def _read(count):
    data = sys.stdin.buffer.read(count)
    if len(data) != count:
        sys.exit(0)  # nothing more is asked
    return data


def _decode(data):
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    about = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + at for at in entry["data_offsets"])
        tensors[name] = np.frombuffer(data[begin:end], "<f4").reshape(entry["shape"])
    return about, tensors


def _encode(name, array):
    array = np.ascontiguousarray(array, "<f4")
    entry = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [0, array.nbytes]}
    header = json.dumps({name: entry}).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + array.tobytes()


def serve(score):
    while True:
        (length,) = struct.unpack("<Q", _read(8))
        about, tensors = _decode(_read(length))
        answer = _encode("scores", score(about["layer"], tensors))
        sys.stdout.buffer.write(struct.pack("<Q", len(answer)) + answer)
        sys.stdout.buffer.flush()
