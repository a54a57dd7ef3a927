"""Writes fixtures/foreign_networks.json: what torchvision, timm and Keras call the tensors of their ResNets, and what a small
one of 50 layers of each makes of two images.

    pip install torch torchvision timm keras numpy
    python tools/write_foreign_networks.py

Weights and images are those of foreign_networks.py in core/tools.
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "torch"

import keras
import timm
import torch
import torchvision
from torchvision.models.resnet import Bottleneck, ResNet

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "..", "core", "tools"))

from foreign_networks import keras_shapes, images, quarter_keras_network, torch_network, torch_shapes, write

CLASSES = 20
SIZE = 64
UNITS = [3, 4, 6, 3]


def torchvision_network():
    model = ResNet(Bottleneck, UNITS, num_classes=CLASSES)
    model.inplanes = 16
    model.conv1 = torch.nn.Conv2d(3, 16, 7, stride=2, padding=3, bias=False)
    model.bn1 = torch.nn.BatchNorm2d(16)
    for index, units in enumerate(UNITS):
        layer = model._make_layer(Bottleneck, 16 * 2**index, units, stride=1 if index == 0 else 2)
        setattr(model, f"layer{index + 1}", layer)
    model.fc = torch.nn.Linear(512, CLASSES)
    return torch_network(model, (images(SIZE) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225])


def keras_network(build, preprocess):
    return quarter_keras_network(build, preprocess(images(SIZE)), input_shape=(SIZE, SIZE, 3), classes=CLASSES)


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
            found["torchvision"][name] = torch_shapes(own)
        other = timm.create_model("resnet50", pretrained=False)
        found["timm"]["resnet50"] = torch_shapes(other)
    keras.config.set_floatx("float32")
    for name, build in keras_builders.items():
        found["keras"][name] = keras_shapes(build(weights=None))
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
write(os.path.join(HERE, "..", "fixtures", "foreign_networks.json"), document)
