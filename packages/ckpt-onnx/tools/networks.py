"""What both writers of fixtures share: two images, and what onnxruntime makes of them."""

import json
import os
import sys

import numpy as np
import onnxruntime

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "..", "core", "tools"))

from foreign_networks import uniform

FIXTURES = os.path.join(HERE, "..", "fixtures")
SIZES = {"plain": 16, "residual": 32}
CLASSES = 5


def image(network):
    size = SIZES[network]
    return (2 * uniform(network, size * size * 3) - 1).astype(np.float32).reshape(1, size, size, 3)


def note_logits(network, name, channels_first):
    """Adds what onnxruntime makes of the network's image to fixtures/logits.json."""
    session = onnxruntime.InferenceSession(os.path.join(FIXTURES, name), providers=["CPUExecutionProvider"])
    fed = image(network)
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
