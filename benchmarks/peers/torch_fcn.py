"""FCN-8s on VGG-16 in PyTorch: train, infer."""

import torch
import torchvision
from report import report_end, settings, time_steps
from torch import nn
from torchvision.models.vgg import cfgs, make_layers

torch.set_num_threads(settings['threads'])
batch, size, task = settings['batch'], settings['size'], settings['task']
layout = torch.channels_last if settings['channelsLast'] else torch.contiguous_format
classes = 21


def enlarge(factor):
    return nn.ConvTranspose2d(classes, classes, 2 * factor, factor, factor // 2, bias=False)


class Fcn8s(nn.Module):
    """For images of a multiple of 32 pixels, with 7x7 SAME over pool5."""

    def __init__(self):
        super().__init__()
        layers = make_layers(cfgs['D'])
        ends = [index + 1 for index, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)]
        self.to_pool3, self.to_pool4, self.to_pool5 = layers[: ends[2]], layers[ends[2] : ends[3]], layers[ends[3] :]
        self.dense = nn.Sequential(
            nn.Conv2d(512, 4096, 7, padding=3), nn.ReLU(inplace=True), nn.Dropout(),
            nn.Conv2d(4096, 4096, 1), nn.ReLU(inplace=True), nn.Dropout(),
            nn.Conv2d(4096, classes, 1),
        )
        self.score_pool4, self.score_pool3 = nn.Conv2d(512, classes, 1), nn.Conv2d(256, classes, 1)
        self.upscore2, self.upscore_pool4, self.upscore8 = enlarge(2), enlarge(2), enlarge(8)

    def forward(self, images):
        pool3 = self.to_pool3(images)
        pool4 = self.to_pool4(pool3)
        scores = self.upscore2(self.dense(self.to_pool5(pool4))) + self.score_pool4(pool4)
        return self.upscore8(self.upscore_pool4(scores) + self.score_pool3(pool3))


torch.manual_seed(1)
mean = torch.tensor((123.68, 116.78, 103.94)).view(1, 3, 1, 1)
images = torch.randint(0, 256, (batch, size, size, 3), dtype=torch.uint8)
masks = torch.randint(0, classes, (batch, size, size))
model = Fcn8s().to(memory_format=layout)


def inputs():
    return (images.permute(0, 3, 1, 2).float() - mean).contiguous(memory_format=layout)


if task == 'infer':
    model.eval()

    def step():
        with torch.inference_mode():
            model(inputs())

else:
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-5, momentum=0.9)

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs()), masks, ignore_index=255).backward()
        optimizer.step()


time_steps(batch, step)
report_end({'PyTorch': torch.__version__, 'torchvision': torchvision.__version__})
