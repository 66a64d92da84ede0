"""Components that keep every promise, for the checks that several tests look at, and what fails for a broken one."""

import torch
from torch import nn

from i2i.plugins import DatasetSpec, GeneratorSpec
from i2i.testing import check_component


def failed_names(spec, **arguments):
    return [result.name for result in check_component(spec, **arguments) if not result.ok]


class GoodGenerator(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.first = nn.Conv2d(in_channels, 4, 3, padding=1)
        self.last = nn.Conv2d(4, out_channels, 3, padding=1)

    def forward(self, image):
        return torch.tanh(self.last(torch.relu(self.first(image))))


def generator_spec(network, **more):
    return GeneratorSpec(
        name="example",
        summary="a generator",
        build=lambda options, *, in_channels, out_channels: network(in_channels, out_channels),
        **more,
    )


class GoodDataset:
    """Random images that are a pure function of seed, epoch and index."""

    channels = {"A": 3, "B": 1}  # noqa: RUF012
    domains = {"A": "noise", "B": "grey noise"}  # noqa: RUF012
    truth = False

    def __init__(self, root, split, seed):
        self.split, self.seed = split, seed

    def __len__(self):
        return 5

    def image(self, channels, epoch, index):
        generator = torch.Generator().manual_seed(hash((self.seed, epoch, index, channels)) % 2**32)
        return torch.rand(channels, 8, 8, generator=generator) * 2 - 1

    def __getitem__(self, key):
        return {
            "A": self.image(3, *key),
            "B": self.image(1, *key),
            "A_name": f"a{key[1]}",
            "B_name": f"b{key[1]}",
        }


def dataset_spec(dataset):
    return DatasetSpec(
        name="example",
        summary="a data set",
        build=lambda options, *, root, split, seed: dataset(root, split, seed),
    )
