"""Writes fixtures/foreign_networks.json: what torchvision calls the tensors of its AlexNet, and what a narrow one makes of two
images.

    pip install torch torchvision numpy
    python tools/write_foreign_networks.py

Weights and images are those of foreign_networks.py in core/tools.
"""

import os
import sys

import torch
import torchvision

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "..", "core", "tools"))

from foreign_networks import images, torch_network, torch_shapes, write

CLASSES = 20
SIZE = 224


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
    return torch_network(model, (images(SIZE) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225])


with torch.device("meta"):
    whole = torchvision.models.alexnet(weights=None)
document = {
    "versions": {"torchvision": torchvision.__version__},
    "shapes": {"torchvision": torch_shapes(whole)},
    "networks": {"alexnet_v2b": {"torchvision": torchvision_network()}},
}
write(os.path.join(HERE, "..", "fixtures", "foreign_networks.json"), document)
