"""Writes fixtures/foreign_networks.json: what torchvision (as timm) and Keras call the tensors of their Inception v3, and what a
narrow one of torchvision and of Keras makes of two pictures.

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
from torchvision.models import inception

HERE = os.path.dirname(os.path.abspath(__file__))
MASK = np.uint64(0xFFFFFFFF)
CLASSES = 20
SIZE = 299


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


class QuarterConv(inception.BasicConv2d):
    def __init__(self, in_channels, out_channels, **kwargs):
        super().__init__(in_channels if in_channels == 3 else in_channels // 4, out_channels // 4, **kwargs)


class QuarterAux(inception.InceptionAux):
    def __init__(self, in_channels, num_classes, conv_block=None):
        super().__init__(in_channels, num_classes, conv_block=QuarterConv)
        self.fc = torch.nn.Linear(768 // 4, num_classes)


def quarter(block):
    return lambda *args, **kwargs: block(*args, **kwargs, conv_block=QuarterConv)


def torchvision_network():
    blocks = ["InceptionA", "InceptionB", "InceptionC", "InceptionD", "InceptionE"]
    blocks = [QuarterConv, *(quarter(getattr(inception, name)) for name in blocks), QuarterAux]
    model = inception.Inception3(num_classes=CLASSES, inception_blocks=blocks, init_weights=False)
    model.fc = torch.nn.Linear(2048 // 4, CLASSES)
    return logits_of(model, pictures() / 127.5 - 1)


def keras_network():
    keras.utils.clear_session()
    keras.config.set_floatx("float64")
    build, preprocess = keras.applications.InceptionV3, keras.applications.inception_v3.preprocess_input
    config = build(weights=None, classes=CLASSES, classifier_activation=None).get_config()
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


def shapes():
    with torch.device("meta"):
        own = torchvision.models.inception_v3(weights=None, init_weights=False)
        other = timm.create_model("inception_v3", pretrained=False, aux_logits=True)
    keras.utils.clear_session()
    keras.config.set_floatx("float32")
    variables = keras.applications.InceptionV3(weights=None).variables
    names = {name: list(t.shape) for name, t in own.state_dict().items()}
    assert names == {name: list(t.shape) for name, t in other.state_dict().items()}
    return {
        "torchvision": names,
        "keras": {variable.path: list(variable.shape) for variable in variables},
    }


document = {
    "versions": {"torchvision": torchvision.__version__, "timm": timm.__version__, "keras": keras.__version__},
    "shapes": shapes(),
    "networks": {"inception_v3b": {"torchvision": torchvision_network()}, "inception_v3": {"keras": keras_network()}},
}
with open(os.path.join(HERE, "..", "fixtures", "foreign_networks.json"), "w") as file:
    json.dump(document, file, separators=(",", ":"))
    file.write("\n")
