"""Writes fixtures/foreign_networks.json: what torchvision, timm and Keras call the tensors of their ResNets, and what a small
one of 50 layers of each makes of two pictures.

    pip install torch torchvision timm keras numpy
    python tools/write_foreign_networks.py

Weights and pictures come from the formula of @graftjs/core/testing (`uniform` and `formulaPicture`), by the foreign names
and in the foreign arrangement: weights are uniform in +-sqrt(6 / fan in), gammas in 1 +- 0.2, variances in 1 to 1.5, all else
in +-0.1. So no weights are kept here.
"""

import json
import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import timm
import torch
import torchvision
from torchvision.models.resnet import Bottleneck, ResNet

HERE = os.path.dirname(os.path.abspath(__file__))
MASK = np.uint64(0xFFFFFFFF)
CLASSES = 20
SIZE = 64
UNITS = [3, 4, 6, 3]


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
    if len(shape) > 1:
        v = (2 * u - 1) * np.sqrt(6.0 / fan_in)
    elif name.endswith(("running_var", "moving_variance")):
        v = 1 + 0.5 * u
    elif name.endswith(("weight", "gamma")):
        v = 1 + 0.2 * (2 * u - 1)
    else:
        v = 0.1 * (2 * u - 1)
    return v.astype(np.float32).reshape(shape)


def pictures():
    names = ["foreign/0", "foreign/1"]
    return np.stack([np.floor(256 * uniform(name, SIZE * SIZE * 3)).reshape(SIZE, SIZE, 3) for name in names])


def torchvision_network():
    model = ResNet(Bottleneck, UNITS, num_classes=CLASSES)
    model.inplanes = 16
    model.conv1 = torch.nn.Conv2d(3, 16, 7, stride=2, padding=3, bias=False)
    model.bn1 = torch.nn.BatchNorm2d(16)
    for index, units in enumerate(UNITS):
        layer = model._make_layer(Bottleneck, 16 * 2**index, units, stride=1 if index == 0 else 2)
        setattr(model, f"layer{index + 1}", layer)
    model.fc = torch.nn.Linear(512, CLASSES)
    model.eval()
    state = {
        name: torch.from_numpy(values(name, tuple(t.shape), np.prod(t.shape[1:]))) if t.dim() > 0 else t
        for name, t in model.state_dict().items()
    }
    model.load_state_dict(state)
    model.double()
    inputs = (pictures() / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    with torch.no_grad():
        logits = model(torch.from_numpy(inputs).permute(0, 3, 1, 2).contiguous()).tolist()
    return {"shapes": {name: list(t.shape) for name, t in state.items()}, "logits": logits}


def keras_network(build, preprocess):
    keras.config.set_floatx("float64")
    whole = build(weights=None, input_shape=(SIZE, SIZE, 3), classes=CLASSES, classifier_activation=None)
    config = whole.get_config()
    for layer in config["layers"]:
        if "filters" in layer["config"]:
            layer["config"]["filters"] //= 4
        layer.pop("build_config", None)
    model = keras.Model.from_config(config)
    for variable in model.variables:
        shape = tuple(variable.shape)
        variable.assign(values(variable.path, shape, np.prod(shape[:-1])))
    return {
        "shapes": {variable.path: list(variable.shape) for variable in model.variables},
        "logits": np.asarray(keras.ops.convert_to_numpy(model(preprocess(pictures())))).tolist(),
    }


applications = keras.applications
keras_builders = {
    "ResNet50": applications.ResNet50,
    "ResNet152": applications.ResNet152,
    "ResNet50V2": applications.ResNet50V2,
    "ResNet152V2": applications.ResNet152V2,
}


def shapes():
    found = {"torchvision": {}, "timm": {}, "keras": {}}
    with torch.device("meta"):
        for name in ["resnet50", "resnet101", "resnet152"]:
            own = getattr(torchvision.models, name)(weights=None)
            found["torchvision"][name] = {key: list(t.shape) for key, t in own.state_dict().items()}
        other = timm.create_model("resnet50", pretrained=False)
        found["timm"]["resnet50"] = {key: list(t.shape) for key, t in other.state_dict().items()}
    keras.config.set_floatx("float32")
    for name, build in keras_builders.items():
        found["keras"][name] = {variable.path: list(variable.shape) for variable in build(weights=None).variables}
    return found


document = {
    "versions": {"torchvision": torchvision.__version__, "timm": timm.__version__, "keras": keras.__version__},
    "shapes": shapes(),
    "networks": {
        "resnet_v1b_50": {"torchvision": torchvision_network()},
        "resnet_v1_keras_50": {"keras": keras_network(applications.ResNet50, applications.resnet.preprocess_input)},
        "resnet_v2_keras_50": {"keras": keras_network(applications.ResNet50V2, applications.resnet_v2.preprocess_input)},
    },
}
with open(os.path.join(HERE, "..", "fixtures", "foreign_networks.json"), "w") as file:
    json.dump(document, file, separators=(",", ":"))
    file.write("\n")
