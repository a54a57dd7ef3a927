"""Images of an image folder as batches, by torchvision and PyTorch's DataLoader."""

import time

import torch
import torchvision
from report import report_end, report_measure, settings
from torchvision.transforms import Compose, PILToTensor, Resize

size, batch, steps = settings['size'], settings['batch'], settings['steps']
images = torchvision.datasets.ImageFolder(
    settings['images'] + '/train', Compose([Resize((size, size)), PILToTensor()])
)
loader = torch.utils.data.DataLoader(images, batch, shuffle=True, num_workers=settings['threads'])


def batches():
    while True:
        yield from loader


endless = batches()
for _ in range(settings['warmup']):
    next(endless)
start = time.perf_counter()
for _ in range(steps):
    next(endless)
report_measure(time.perf_counter() - start, batch * steps)
report_end({'PyTorch': torch.__version__, 'torchvision': torchvision.__version__})
