"""Writes fixtures/foreign_networks.json: what torchvision (as timm) and Keras call the tensors of their Inception v3, and what a
narrow one of torchvision and of Keras makes of two images.

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
from torchvision.models import inception

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "..", "core", "tools"))

from foreign_networks import keras_shapes, images, quarter_keras_network, torch_network, torch_shapes, write

CLASSES = 20
SIZE = 299


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
    return torch_network(model, images(SIZE) / 127.5 - 1)


def keras_network():
    keras.utils.clear_session()
    preprocess = keras.applications.inception_v3.preprocess_input
    return quarter_keras_network(keras.applications.InceptionV3, preprocess(images(SIZE)), classes=CLASSES)


def shapes():
    with torch.device("meta"):
        own = torchvision.models.inception_v3(weights=None, init_weights=False)
        other = timm.create_model("inception_v3", pretrained=False, aux_logits=True)
    keras.utils.clear_session()
    keras.config.set_floatx("float32")
    assert torch_shapes(own) == torch_shapes(other)
    return {"torchvision": torch_shapes(own), "keras": keras_shapes(keras.applications.InceptionV3(weights=None))}


document = {
    "versions": {"torchvision": torchvision.__version__, "timm": timm.__version__, "keras": keras.__version__},
    "shapes": shapes(),
    "networks": {"inception_v3b": {"torchvision": torchvision_network()}, "inception_v3": {"keras": keras_network()}},
}
write(os.path.join(HERE, "..", "fixtures", "foreign_networks.json"), document)
