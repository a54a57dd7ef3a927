"""Writes fixtures/foreign_networks.json: what torchvision, timm and Keras call the tensors of their VGGs, and what a small
VGG-16 of each makes of two pictures.

    pip install torch torchvision timm keras numpy
    python tools/write_foreign_networks.py

Weights and pictures come from the formula of @graftjs/core/testing (`uniform` and `formulaPicture`), by the foreign names
and in the foreign arrangement: weights are uniform in +-sqrt(6 / fan in), biases in +-0.1. So no weights are kept here.
"""

import json
import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import timm
import timm.models.vgg
import torch
import torchvision
import torchvision.models.vgg

HERE = os.path.dirname(os.path.abspath(__file__))
MASK = np.uint64(0xFFFFFFFF)
CLASSES = 20


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
    return np.stack([np.floor(256 * uniform(name, 224 * 224 * 3)).reshape(224, 224, 3) for name in names])


SLIM_MEAN = np.array([123.68, 116.78, 103.94])
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def torch_logits(model):
    model.eval()
    state = {name: torch.from_numpy(values(name, tuple(t.shape), np.prod(t.shape[1:]))) for name, t in model.state_dict().items()}
    model.load_state_dict(state)
    model.double()

    def run(inputs):
        with torch.no_grad():
            return model(torch.from_numpy(inputs).permute(0, 3, 1, 2).contiguous()).tolist()

    return {
        "shapes": {name: list(t.shape) for name, t in state.items()},
        # The library's own preprocessing, and one with Slim's mean instead.
        "logits": run((pictures() / 255 - MEAN) / DEVIATION),
        "logitsWithSlimMean": run((pictures() - SLIM_MEAN) / 255 / DEVIATION),
    }


def quarter(layers):
    return [layer if layer == "M" else layer // 4 for layer in layers]


def torchvision_network():
    layers = quarter(torchvision.models.vgg.cfgs["D"])
    model = torchvision.models.VGG(torchvision.models.vgg.make_layers(layers), num_classes=CLASSES)
    linear = torch.nn.Linear
    model.classifier[0], model.classifier[3] = linear(128 * 7 * 7, 1024), linear(1024, 1024)
    model.classifier[6] = linear(1024, CLASSES)
    return torch_logits(model)


def timm_network():
    layers = quarter(timm.models.vgg.cfgs["vgg16"])
    model = timm.models.vgg.VGG(layers, num_classes=CLASSES)
    model.pre_logits = timm.models.vgg.ConvMlp(128, 1024, 7)
    model.head.fc = torch.nn.Linear(1024, CLASSES)
    return torch_logits(model)


def keras_network():
    keras.config.set_floatx("float64")
    config = keras.applications.VGG16(weights=None, classes=CLASSES, classifier_activation=None).get_config()
    for layer in config["layers"]:
        if "filters" in layer["config"]:
            layer["config"]["filters"] //= 4
        if layer["config"].get("units") == 4096:
            layer["config"]["units"] //= 4
        layer.pop("build_config", None)
    model = keras.Model.from_config(config)
    for variable in model.variables:
        shape = tuple(variable.shape)
        variable.assign(values(variable.path, shape, np.prod(shape[:-1])))
    inputs = keras.applications.vgg16.preprocess_input(pictures())
    return {
        "shapes": {variable.path: list(variable.shape) for variable in model.variables},
        "logits": np.asarray(keras.ops.convert_to_numpy(model(inputs))).tolist(),
    }


def shapes():
    found = {"torchvision": {}, "timm": {}, "keras": {}}
    with torch.device("meta"):
        for name in ["vgg11", "vgg13", "vgg16", "vgg19"]:
            own = getattr(torchvision.models, name)(weights=None)
            found["torchvision"][name] = {key: list(t.shape) for key, t in own.state_dict().items()}
            other = timm.create_model(name, pretrained=False)
            found["timm"][name] = {key: list(t.shape) for key, t in other.state_dict().items()}
    keras.config.set_floatx("float32")
    for name, build in [("vgg16", keras.applications.VGG16), ("vgg19", keras.applications.VGG19)]:
        found["keras"][name] = {variable.path: list(variable.shape) for variable in build(weights=None).variables}
    return found


document = {
    "versions": {"torchvision": torchvision.__version__, "timm": timm.__version__, "keras": keras.__version__},
    "shapes": shapes(),
    "networks": {"torchvision": torchvision_network(), "timm": timm_network(), "keras": keras_network()},
}
with open(os.path.join(HERE, "..", "fixtures", "foreign_networks.json"), "w") as file:
    json.dump(document, file, separators=(",", ":"))
    file.write("\n")
