"""The convolutions of AlexNet and VGG-16, by the layout of torchvision's weights. torchvision itself is not needed: its
builds have to match torch's.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

TAPS = {"alex": (1, 4, 7, 9, 11), "vgg": (3, 8, 15, 22, 29)}
"""The layers whose outputs are compared, by their place in ``features``: ReLU 1 to 5, or 1_2, 2_2, 3_3, 4_3, 5_3."""


class Backbone(nn.Module):
    """The first layers of a network.

    Args:
        features: its layers.
        taps: places among them, in ascending order.
    """

    def __init__(self, features: nn.Sequential, taps: tuple[int, ...]) -> None:
        super().__init__()
        self.features = features
        self.taps = taps

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map ``[N, 3, H, W]`` to what comes out of each tap, ``[N, C, h, w]``."""
        tapped = []
        for place, layer in enumerate(self.features):
            images = layer(images)
            if place in self.taps:
                tapped.append(images)
        return tapped


def make_backbone(network: str) -> Backbone:
    """``"alex"`` (Krizhevsky 2014) or ``"vgg"`` (Simonyan and Zisserman 2015, configuration D)."""
    layers = _alexnet() if network == "alex" else _vgg16()
    return Backbone(nn.Sequential(*layers), TAPS[network])


def _alexnet() -> list[nn.Module]:
    return [
        nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(64, 192, kernel_size=5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(192, 384, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, kernel_size=3, padding=1),
        nn.ReLU(),
    ]


def _vgg16() -> list[nn.Module]:
    def layers() -> Iterator[nn.Module]:
        channels = 3
        for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            if width > 64:
                yield nn.MaxPool2d(kernel_size=2, stride=2)
            for _ in range(count):
                yield from (nn.Conv2d(channels, width, kernel_size=3, padding=1), nn.ReLU())
                channels = width

    return list(layers())
