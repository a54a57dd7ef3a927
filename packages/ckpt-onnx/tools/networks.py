"""What both writers of fixtures share: two pictures, and what onnxruntime makes of them."""

import json
import os

import numpy as np
import onnxruntime

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures")
MASK = np.uint64(0xFFFFFFFF)
SIZES = {"plain": 16, "residual": 32}
CLASSES = 5


def uniform(name, count):
    """`uniform` of @graftjs/core/testing."""
    start = 0x811C9DC5
    for byte in name.encode():
        start = ((start ^ byte) * 0x01000193) & 0xFFFFFFFF
    h = np.arange(count, dtype=np.uint64) ^ np.uint64(start)
    h ^= h >> np.uint64(16)
    h = (h * np.uint64(0x85EBCA6B)) & MASK
    h ^= h >> np.uint64(13)
    h = (h * np.uint64(0xC2B2AE35)) & MASK
    h ^= h >> np.uint64(16)
    return h.astype(np.float64) / 4294967296.0


def picture(network):
    size = SIZES[network]
    return (2 * uniform(network, size * size * 3) - 1).astype(np.float32).reshape(1, size, size, 3)


def note_logits(network, name, channels_first):
    """Adds what onnxruntime makes of the network's picture to fixtures/logits.json."""
    session = onnxruntime.InferenceSession(os.path.join(FIXTURES, name), providers=["CPUExecutionProvider"])
    fed = picture(network)
    if channels_first:
        fed = np.ascontiguousarray(fed.transpose(0, 3, 1, 2))
    logits = session.run(None, {session.get_inputs()[0].name: fed})[0]
    path = os.path.join(FIXTURES, "logits.json")
    known = json.load(open(path)) if os.path.exists(path) else {}
    known[name] = {"network": network, "logits": [float(value) for value in logits.reshape(-1)]}
    with open(path, "w") as file:
        json.dump(dict(sorted(known.items())), file, indent=1)
        file.write("\n")
    print(name, os.path.getsize(os.path.join(FIXTURES, name)), logits.std())
