"""Each check of data sets fails for one that breaks just that promise, and passes for one that keeps it."""

import dataclasses
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


def accepting(accepts, example=None):
    spec = dataset_spec(GoodDataset)
    return dataclasses.replace(spec, accepts=accepts, example=example)


def test_a_data_set_is_checked_on_its_own_example():
    seen = []

    def write(options, *, folder):
        assert list(folder.iterdir()) == []
        seen.append(folder / "pairs.list")
        return seen[0]

    check_dataset(accepting(lambda root: root.endswith(".list"), write))
    assert len(seen) == 1
    assert "builds a data set" in failed_names(accepting(None, lambda options, *, folder: None))


@pytest.mark.parametrize("accepts", [lambda root: False, lambda root: True, lambda root: "yes", lambda root: [][0]])
def test_what_a_data_set_accepts_must_be_what_it_reads(accepts):
    assert failed_names(accepting(accepts)) == ["accepts"]
