"""A classifier in PyTorch: train, head, infer."""

import torch
import torchvision
from report import report_end, settings, time_steps
from torch import nn
from torchvision.models.vgg import cfgs, make_layers

torch.set_num_threads(settings['threads'])
batch, size, task, network = settings['batch'], settings['size'], settings['task'], settings['network']
layout = torch.channels_last if settings['channelsLast'] else torch.contiguous_format


class Vgg16(nn.Module):
    """The layers of torchvision's, with a first dense layer that takes images of any size from 32."""

    def __init__(self):
        super().__init__()
        self.features = make_layers(cfgs['D'])
        self.hidden = nn.Sequential(
            nn.Flatten(),
            nn.Linear(512 * (size // 32) ** 2, 4096), nn.ReLU(inplace=True), nn.Dropout(),
            nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(),
        )
        self.last = nn.Linear(4096, 1000)

    def forward(self, images):
        return self.last(self.hidden(self.features(images)))


def resnet_v1_50():
    """torchvision's with TF-Slim's strides, in the last unit of a block: as many operations as the others have."""
    network = torchvision.models.resnet50()
    blocks = [network.layer1, network.layer2, network.layer3, network.layer4]
    for block, following in zip(blocks, blocks[1:]):
        following[0].conv2.stride = following[0].downsample[0].stride = (1, 1)
        block[-1].conv2.stride = (2, 2)
        block[-1].downsample = nn.MaxPool2d(1, 2)
    return network


# Networks and their last layers, and what is done to an image.
networks = {
    'vgg_16': (Vgg16, 'last', (123.68, 116.78, 103.94), 1),
    'resnet_v1_50': (resnet_v1_50, 'fc', (123.68, 116.78, 103.94), 1),
    'inception_v3': (lambda: torchvision.models.inception_v3(init_weights=False), 'fc', (127.5, 127.5, 127.5), 1 / 127.5),
}

torch.manual_seed(1)
build, last, mean, scale = networks[network]
mean = torch.tensor(mean).view(1, 3, 1, 1)
images = torch.randint(0, 256, (batch, size, size, 3), dtype=torch.uint8)
labels = torch.randint(0, 1000, (batch,))
model = build().to(memory_format=layout)


def inputs():
    return ((images.permute(0, 3, 1, 2).float() - mean) * scale).contiguous(memory_format=layout)


if task == 'infer':
    model.eval()

    def step():
        with torch.inference_mode():
            model(inputs())

else:
    model.train()
    if task == 'head':
        model.requires_grad_(False)
        getattr(model, last).requires_grad_(True)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-5, momentum=0.9)

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs()), labels).backward()
        optimizer.step()


time_steps(batch, step)
report_end({'PyTorch': torch.__version__, 'torchvision': torchvision.__version__})
