"""Each check of data sets fails for one that breaks just that promise, and passes for one that keeps it."""

import random

import pytest
import torch

from i2i.testing import check_dataset

from .examples import GoodDataset, dataset_spec, failed_names


class EmptyTest(GoodDataset):
    def __len__(self):
        return 5 if self.split == "train" else 0


class Bytes(GoodDataset):
    def image(self, channels, epoch, index):
        return super().image(channels, epoch, index) * 127.5 + 127.5


class WrongChannels(GoodDataset):
    channels = {"A": 3, "B": 3}  # noqa: RUF012


class GloballyRandom(GoodDataset):
    def image(self, channels, epoch, index):
        return torch.rand(channels, 8, 8)


class PythonRandom(GoodDataset):
    def image(self, channels, epoch, index):
        return torch.full((channels, 8, 8), random.random())


class DependsOnOrder(GoodDataset):
    calls = 0

    def image(self, channels, epoch, index):
        self.calls += 1
        return torch.full((channels, 8, 8), 1 / self.calls)


class HoldsALambda(GoodDataset):
    def __init__(self, root, split, seed):
        super().__init__(root, split, seed)
        self.transform = lambda image: image


def test_good_dataset_passes_every_check(tmp_path):
    check_dataset(dataset_spec(GoodDataset), tmp_path)


@pytest.mark.parametrize(
    ("dataset", "check"),
    [
        (EmptyTest, "builds a data set"),
        (Bytes, "samples (train)"),
        (WrongChannels, "samples (test)"),
        (GloballyRandom, "purity (train)"),
        (PythonRandom, "purity (train)"),
        (DependsOnOrder, "purity (test)"),
        (HoldsALambda, "picklable (train)"),
    ],
)
def test_broken_dataset_fails_its_check(dataset, check):
    assert check in failed_names(dataset_spec(dataset))
