"""Writes fixtures/foreign_networks.json: what torchvision, timm and Keras call the tensors of their VGGs, and what a small
VGG-16 of each makes of two images.

    pip install torch torchvision timm keras numpy
    python tools/write_foreign_networks.py

Weights and images are those of foreign_networks.py in core/tools.
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import timm
import timm.models.vgg
import torch
import torchvision
import torchvision.models.vgg

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "..", "core", "tools"))

from foreign_networks import fill_torch, keras_shapes, images, quarter_keras_network, torch_logits, torch_shapes, write

CLASSES = 20
SIZE = 224
SLIM_MEAN = np.array([123.68, 116.78, 103.94])
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def torch_network(model):
    fill_torch(model)
    return {
        "shapes": torch_shapes(model),
        # The library's own preprocessing, and one with Slim's mean instead.
        "logits": torch_logits(model, (images(SIZE) / 255 - MEAN) / DEVIATION),
        "logitsWithSlimMean": torch_logits(model, (images(SIZE) - SLIM_MEAN) / 255 / DEVIATION),
    }


def quarter(layers):
    return [layer if layer == "M" else layer // 4 for layer in layers]


def torchvision_network():
    layers = quarter(torchvision.models.vgg.cfgs["D"])
    model = torchvision.models.VGG(torchvision.models.vgg.make_layers(layers), num_classes=CLASSES)
    linear = torch.nn.Linear
    model.classifier[0], model.classifier[3] = linear(128 * 7 * 7, 1024), linear(1024, 1024)
    model.classifier[6] = linear(1024, CLASSES)
    return torch_network(model)


def timm_network():
    layers = quarter(timm.models.vgg.cfgs["vgg16"])
    model = timm.models.vgg.VGG(layers, num_classes=CLASSES)
    model.pre_logits = timm.models.vgg.ConvMlp(128, 1024, 7)
    model.head.fc = torch.nn.Linear(1024, CLASSES)
    return torch_network(model)


def keras_network():
    inputs = keras.applications.vgg16.preprocess_input(images(SIZE))
    return quarter_keras_network(keras.applications.VGG16, inputs, classes=CLASSES)


def shapes():
    found = {"torchvision": {}, "timm": {}, "keras": {}}
    with torch.device("meta"):
        for name in ["vgg11", "vgg13", "vgg16", "vgg19"]:
            own = getattr(torchvision.models, name)(weights=None)
            found["torchvision"][name] = torch_shapes(own)
            other = timm.create_model(name, pretrained=False)
            found["timm"][name] = torch_shapes(other)
    keras.config.set_floatx("float32")
    for name, build in [("vgg16", keras.applications.VGG16), ("vgg19", keras.applications.VGG19)]:
        found["keras"][name] = keras_shapes(build(weights=None))
    return found


document = {
    "versions": {"torchvision": torchvision.__version__, "timm": timm.__version__, "keras": keras.__version__},
    "shapes": shapes(),
    "networks": {"torchvision": torchvision_network(), "timm": timm_network(), "keras": keras_network()},
}
write(os.path.join(HERE, "..", "fixtures", "foreign_networks.json"), document)
