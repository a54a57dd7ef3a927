"""Writes fixtures/foreign_networks.json: what torchvision calls the tensors of its AlexNet, and what a narrow one makes of two
pictures.

    pip install torch torchvision numpy
    python tools/write_foreign_networks.py

Weights and pictures come from the formula of @graftjs/core/testing (`uniform` and `formulaPicture`), by the foreign names
and in the foreign arrangement: weights are uniform in +-sqrt(6 / fan in), biases in +-0.1. So no weights are kept here.
"""

import json
import os

import numpy as np
import torch
import torchvision

HERE = os.path.dirname(os.path.abspath(__file__))
MASK = np.uint64(0xFFFFFFFF)
CLASSES = 20
SIZE = 224


def fnv1a(text):
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def uniform(name, count):
    h = np.arange(count, dtype=np.uint64) ^ np.uint64(fnv1a(name))
    h ^= h >> np.uint64(16)
    h = (h * np.uint64(0x85EBCA6B)) & MASK
    h ^= h >> np.uint64(13)
    h = (h * np.uint64(0xC2B2AE35)) & MASK
    h ^= h >> np.uint64(16)
    return h.astype(np.float64) / 4294967296.0


def values(name, shape, fan_in):
    u = uniform(name, int(np.prod(shape)))
    reach = 0.1 if len(shape) == 1 else np.sqrt(6.0 / fan_in)
    return ((2 * u - 1) * reach).astype(np.float32).reshape(shape)


def pictures():
    names = ["foreign/0", "foreign/1"]
    return np.stack([np.floor(256 * uniform(name, SIZE * SIZE * 3)).reshape(SIZE, SIZE, 3) for name in names])


def logits_of(model, inputs):
    model.eval()
    state = {
        name: torch.from_numpy(values(name, tuple(t.shape), np.prod(t.shape[1:]))) if t.dim() > 0 else t
        for name, t in model.state_dict().items()
    }
    model.load_state_dict(state)
    model.double()
    with torch.no_grad():
        logits = model(torch.from_numpy(inputs).permute(0, 3, 1, 2).contiguous()).tolist()
    return {"shapes": {name: list(t.shape) for name, t in state.items()}, "logits": logits}


def torchvision_network():
    model = torchvision.models.AlexNet(num_classes=CLASSES)
    for layers in [model.features, model.classifier]:
        for index, layer in enumerate(layers):
            if isinstance(layer, torch.nn.Conv2d):
                inputs = 3 if layer.in_channels == 3 else layer.in_channels // 4
                size = {"kernel_size": layer.kernel_size, "stride": layer.stride, "padding": layer.padding}
                layers[index] = torch.nn.Conv2d(inputs, layer.out_channels // 4, **size)
            elif isinstance(layer, torch.nn.Linear):
                outputs = CLASSES if layer.out_features == CLASSES else layer.out_features // 4
                layers[index] = torch.nn.Linear(layer.in_features // 4, outputs)
    return logits_of(model, (pictures() / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225])


with torch.device("meta"):
    whole = torchvision.models.alexnet(weights=None)
document = {
    "versions": {"torchvision": torchvision.__version__},
    "shapes": {"torchvision": {name: list(t.shape) for name, t in whole.state_dict().items()}},
    "networks": {"alexnet_v2b": {"torchvision": torchvision_network()}},
}
with open(os.path.join(HERE, "..", "fixtures", "foreign_networks.json"), "w") as file:
    json.dump(document, file, separators=(",", ":"))
    file.write("\n")
