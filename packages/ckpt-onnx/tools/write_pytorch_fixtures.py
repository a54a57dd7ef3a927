"""Writes fixtures/pytorch_*.onnx with both of PyTorch's exporters, and what onnxruntime makes of them.

    pip install torch onnx onnxscript onnxruntime
    python tools/write_pytorch_fixtures.py
"""

import os

import networks
import torch
from torch import nn


def plain():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(6 * 4 * 4, 10), nn.ReLU(), nn.Dropout(), nn.Linear(10, networks.CLASSES),
    )


class Conv(nn.Sequential):
    def __init__(self, inputs, outputs, kernel, stride=1, relu=True):
        padding = kernel // 2
        layers = [nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False), nn.BatchNorm2d(outputs)]
        super().__init__(*layers, *([nn.ReLU()] if relu else []))


class Unit(nn.Module):
    def __init__(self, inputs, stride):
        super().__init__()
        self.inner = nn.Sequential(Conv(inputs, 4, 1), Conv(4, 4, 3, stride), Conv(4, 16, 1, relu=False))
        self.shortcut = Conv(inputs, 16, 1, stride, relu=False)

    def forward(self, x):
        return torch.relu(self.inner(x) + self.shortcut(x))


class Mixed(nn.Module):
    """Three branches begin alike, and they are computed in another order than they are joined in."""

    def __init__(self):
        super().__init__()
        self.a = Conv(16, 4, 1)
        self.b = nn.Sequential(Conv(16, 4, 1), Conv(4, 6, 3))
        self.c = nn.Sequential(Conv(16, 4, 1), Conv(4, 6, 3), Conv(6, 6, 3))
        self.d = nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), Conv(16, 4, 1))

    def forward(self, x):
        d, c, b, a = self.d(x), self.c(x), self.b(x), self.a(x)
        return torch.cat([a, b, c, d], 1)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(Conv(3, 8, 3, 2), nn.MaxPool2d(3, 2, 1))
        self.units = nn.Sequential(Unit(8, 1), Unit(16, 2))
        self.mixed = Mixed()
        self.fc = nn.Linear(20, networks.CLASSES)

    def forward(self, x):
        x = self.mixed(self.units(self.stem(x)))
        return self.fc(x.mean((2, 3)))


def randomized(module):
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.weight.uniform_(0.5, 1.5, generator=generator)
                layer.running_var.uniform_(0.5, 1.5, generator=generator)
                layer.bias.uniform_(-0.5, 0.5, generator=generator)
                layer.running_mean.uniform_(-0.5, 0.5, generator=generator)
    return module.eval()


torch.manual_seed(1)
for network, build in {"plain": plain, "residual": Residual}.items():
    module = randomized(build())
    fed = torch.from_numpy(networks.image(network)).permute(0, 3, 1, 2).contiguous()
    variants = {
        "script": {"dynamo": False},
        "script_apart": {"dynamo": False, "training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False},
        "dynamo": {"dynamo": True, "external_data": False},
        "dynamo_external": {"dynamo": True, "external_data": True},
    }
    for variant, options in variants.items():
        if (network, variant) in [("plain", "script_apart"), ("residual", "dynamo_external")]:
            continue
        name = f"pytorch_{network}_{variant}.onnx"
        torch.onnx.export(module, (fed,), os.path.join(networks.FIXTURES, name), **options)
        networks.note_logits(network, name, channels_first=True)
