"""Writes fixtures/ with the reference implementation, and what it says of each file.

    pip install safetensors numpy ml_dtypes torch huggingface_hub
    python tools/write_fixtures.py
"""

import hashlib
import json
import os
import struct

import ml_dtypes
import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
from huggingface_hub import save_torch_state_dict

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures")


def entry(name, array):
    data = array.tobytes()
    return {"name": name, "dtype": str(array.dtype), "shape": list(array.shape), "sha256": hashlib.sha256(data).hexdigest()}


def manifest(name, tensors, metadata=None):
    entries = [entry(key, tensors[key]) for key in sorted(tensors)]
    with open(os.path.join(HERE, name + ".manifest.json"), "w") as file:
        json.dump({"metadata": metadata, "tensors": entries}, file, ensure_ascii=False, indent=1)
        file.write("\n")


def types():
    random = np.random.default_rng(7)
    tensors = {}
    for dtype in ["bool", "uint8", "int8", "int16", "uint16", "float16", "int32", "uint32", "float32", "complex64",
                  "float64", "int64", "uint64", "bfloat16"]:
        real = getattr(ml_dtypes, dtype) if dtype == "bfloat16" else np.dtype(dtype)
        if dtype == "bool":
            tensors["types/" + dtype] = random.random((2, 3)) < 0.5
            continue
        size = np.dtype(real).itemsize
        tensors["types/" + dtype] = np.frombuffer(random.bytes(6 * size), real).reshape(2, 3)
    tensors["types/wider/again"] = random.random((3, 1, 2))
    tensors["scalar"] = np.array(42, np.int64)
    tensors["empty"] = np.zeros((0, 4), np.float32)
    tensors['a "name" \\ with \n all of \u00e4 \u65e5\u672c'] = random.random(5).astype(np.float32)
    metadata = {"format": "np"}
    safetensors.numpy.save_file(tensors, os.path.join(HERE, "types.safetensors"), metadata=metadata)
    manifest("types.safetensors", tensors, metadata)


def nothing():
    safetensors.numpy.save_file({}, os.path.join(HERE, "nothing.safetensors"))
    manifest("nothing.safetensors", {})


def small_floats():
    """A type of 8 bits that Graft does not have, beside one that it has."""
    tensors = {"small": torch.ones(3).to(torch.float8_e4m3fn), "wide": torch.arange(4, dtype=torch.float32)}
    safetensors.torch.save_file(tensors, os.path.join(HERE, "small_floats.safetensors"), metadata={"format": "pt"})
    manifest("small_floats.safetensors", {"wide": tensors["wide"].numpy()}, {"format": "pt"})


def shards():
    """As the Hub's own library splits a model."""
    torch.manual_seed(7)
    tensors = {f"layers.{index}.weight": torch.randn(8, 8) for index in range(5)}
    tensors["bias"] = torch.randn(8)
    save_torch_state_dict(tensors, HERE, filename_pattern="sharded{suffix}.safetensors", max_shard_size=600)
    manifest("sharded.safetensors.index.json", {name: tensor.numpy() for name, tensor in tensors.items()})


def one(dtype="U8", shape=[1], offsets=[0, 1]):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def verdicts():
    """Headers that are wrong or nearly so, the bytes after them, and whether the reference implementation reads them."""
    good = json.dumps(one())
    huge = 1 << 40
    cases = {
        "a good one": ('{"a":%s}' % good, 1),
        "no tensors": ("{}", 0),
        "no header": ("", 0),
        "a list": ("[]", 0),
        "a number": ("1", 0),
        "no JSON": ("{a:1}", 0),
        "cut short": ('{"a":%s' % good, 1),
        "deep": ("[" * 100000, 0),
        "deep in a field": ('{"a":' + '{"dtype":' * 100000, 0),
        "spaces behind": ('{"a":%s}   ' % good, 1),
        "zeros behind": ('{"a":%s}\0\0' % good, 1),
        "text behind": ('{"a":%s}x' % good, 1),
        "blanks within": ('{ "a"\n:\t%s\r}' % good, 1),
        "a comma too many": ('{"a":%s,}' % good, 1),
        "twice": ('{"a":%s,"a":%s}' % (good, good), 1),
        "twice by an escape": ('{"a":%s,"\\u0061":%s}' % (good, good), 1),
        "a field twice": ('{"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}}', 1),
        "a field too many": ('{"a":{"dtype":"U8","shape":[1],"more":[[]],"data_offsets":[0,1]}}', 1),
        "no dtype": ('{"a":{"shape":[1],"data_offsets":[0,1]}}', 1),
        "no shape": ('{"a":{"dtype":"U8","data_offsets":[0,1]}}', 1),
        "no offsets": ('{"a":{"dtype":"U8","shape":[1]}}', 1),
        "one offset": (json.dumps({"a": one(offsets=[1])}), 1),
        "three offsets": (json.dumps({"a": one(offsets=[0, 1, 2])}), 1),
        "an unknown type": (json.dumps({"a": one("U7")}), 1),
        "a type in small letters": (json.dumps({"a": one("u8")}), 1),
        "a negative size": (json.dumps({"a": one(shape=[-1])}), 1),
        "minus zero": ('{"a":{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}}', 0),
        "a fraction": (json.dumps({"a": one(shape=[1.0])}), 1),
        "an exponent": ('{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}', 1),
        "a leading zero": ('{"a":{"dtype":"U8","shape":[01],"data_offsets":[0,1]}}', 1),
        "a size as text": (json.dumps({"a": one(shape=["1"])}), 1),
        "a size of null": (json.dumps({"a": one(shape=[None])}), 1),
        "an overflow": (json.dumps({"a": one(shape=[huge, huge], offsets=[0, 0])}), 0),
        "an overflow to 1": (json.dumps({"a": one(shape=[(1 << 64) + 1])}), 1),
        "an overflow to 0": (json.dumps({"a": one(shape=[1 << 32, 1 << 32], offsets=[0, 0])}), 0),
        "infinity": ('{"a":{"dtype":"U8","shape":[1%s],"data_offsets":[0,1]}}' % ("0" * 400), 1),
        "a shape that is too small": (json.dumps({"a": one(shape=[1], offsets=[0, 2])}), 2),
        "a shape that is too large": (json.dumps({"a": one(shape=[3], offsets=[0, 2])}), 2),
        "a type that is too wide": (json.dumps({"a": one("F32", [1], [0, 2])}), 2),
        "beyond the end": (json.dumps({"a": one(shape=[3], offsets=[0, 3])}), 2),
        "far beyond the end": (json.dumps({"a": one(shape=[1 << 50], offsets=[0, 1 << 50])}), 2),
        "bytes left over": (json.dumps({"a": one(shape=[1], offsets=[0, 1])}), 2),
        "backwards": (json.dumps({"a": one(shape=[1], offsets=[1, 0])}), 1),
        "a hole": (json.dumps({"a": one(offsets=[0, 1]), "b": one(offsets=[2, 3])}), 3),
        "a hole at the start": (json.dumps({"a": one(offsets=[1, 2])}), 2),
        "an overlap": (json.dumps({"a": one(shape=[2], offsets=[0, 2]), "b": one(shape=[2], offsets=[1, 3])}), 3),
        "the same bytes": (json.dumps({"a": one(), "b": one()}), 1),
        "in another order": (json.dumps({"b": one(offsets=[1, 2]), "a": one(offsets=[0, 1])}), 2),
        "empty ones": (json.dumps({"a": one(shape=[0], offsets=[0, 0]), "b": one(), "c": one("F32", [3, 0], [1, 1])}), 1),
        "half a byte": (json.dumps({"a": one("F4", [1], [0, 1])}), 1),
        "metadata": ('{"__metadata__":{"a":"b"}}', 0),
        "metadata of numbers": ('{"__metadata__":{"a":1}}', 0),
        "metadata as a list": ('{"__metadata__":["a"]}', 0),
        "metadata of null": ('{"__metadata__":null}', 0),
        "metadata in depth": ('{"__metadata__":{"a":{"b":"c"}}}', 0),
        "metadata twice": ('{"__metadata__":{"a":"b"},"__metadata__":{"a":"b"}}', 0),
        "half a character": ('{"\\ud800":%s}' % good, 1),
        "an escape that is none": ('{"\\x61":%s}' % good, 1),
        "a name without an end": ('{"a', 0),
        "a name that ends in a backslash": ('{"a\\', 0),
        "a line break in a name": ('{"a\n":%s}' % good, 1),
        "an empty name": ('{"":%s}' % good, 1),
        "blanks before": (' {"a":%s}' % good, 1),
        "a byte order mark": ('\ufeff{"a":%s}' % good, 1),
        "a tensor as a list": ('{"a":["U8",[1],[0,1]]}', 1),
    }
    found = []
    for what, (header, count) in cases.items():
        data = header.encode() + bytes(count)
        try:
            safetensors.deserialize(struct.pack("<Q", len(header.encode())) + data)
            reads = True
        except safetensors.SafetensorError:
            reads = False
        if len(header) > 10000:  # kept as what it is made of
            repeated = '{"dtype":' if "dtype" in header else "["
            header = {"start": header[: header.index(repeated)], "repeated": repeated, "count": 100000}
        found.append({"what": what, "header": header, "bytes": count, "reads": reads})
    with open(os.path.join(HERE, "verdicts.json"), "w") as file:
        json.dump(found, file, indent=1)
        file.write("\n")


os.makedirs(HERE, exist_ok=True)
types()
nothing()
small_floats()
shards()
verdicts()
