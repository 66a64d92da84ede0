"""A package with a generator that halves its images four times and normalises what is left: it takes no small ones."""

PACKAGE = "i2i-halving"
SMALLEST, MULTIPLE = 64, 16
PLUGIN = f"""
import torch
from torch import nn
from i2i.plugins import GeneratorSpec, hookimpl


def block(layer):
    return nn.Sequential(layer, nn.InstanceNorm2d(4), nn.ReLU())


class Halving(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.first = nn.Conv2d(in_channels, 4, 3, padding=1)
        self.down = nn.Sequential(*(block(nn.Conv2d(4, 4, 3, stride=2, padding=1)) for _ in range(4)))
        self.up = nn.Sequential(
            *(block(nn.ConvTranspose2d(4, 4, 3, stride=2, padding=1, output_padding=1)) for _ in range(4))
        )
        self.last = nn.Conv2d(8, out_channels, 3, padding=1)

    def forward(self, images):
        first = self.first(images)
        return torch.tanh(self.last(torch.cat([first, self.up(self.down(first))], 1)))


def build(options, *, in_channels, out_channels):
    return Halving(in_channels, out_channels)


@hookimpl
def i2i_generators():
    return [
        GeneratorSpec(
            name="halving",
            summary="Takes no small images.",
            build=build,
            size_multiple=lambda _: {MULTIPLE},
            smallest_size=lambda _: {SMALLEST},
        )
    ]
"""
