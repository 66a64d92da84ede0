"""Each check of buffers fails for one that breaks just that promise, and passes for one that keeps it."""

import pytest
import torch

from i2i.plugins import BufferSpec
from i2i.testing import check_buffer

from .examples import failed_names


class GoodBuffer:
    """Keeps up to ten fakes and returns a random one of them half of the time."""

    def __init__(self, generator):
        self.generator = generator
        self.kept = []

    def choose(self):
        return bool(torch.rand((), generator=self.generator) < 0.5)

    def position(self):
        return int(torch.randint(len(self.kept), (), generator=self.generator))

    def exchange(self, images):
        returned = []
        for image in images.detach().clone():
            self.kept.append(image)
            chosen = self.kept.pop(self.position()) if self.choose() and len(self.kept) > 9 else image
            returned.append(chosen)
        return torch.stack(returned)

    def state_dict(self):
        return {"kept": list(self.kept), "random": self.generator.get_state()}

    def load_state_dict(self, state):
        self.kept = list(state["kept"])
        self.generator.set_state(state["random"])


class FewerImages(GoodBuffer):
    def exchange(self, images):
        return super().exchange(images)[:1]


class KeepsTheGraph(GoodBuffer):
    def exchange(self, images):
        super().exchange(images)
        return images


class ChangesItsInput(GoodBuffer):
    def exchange(self, images):
        return super().exchange(images.detach().mul_(0.5))


class GlobalRandom(GoodBuffer):
    def choose(self):
        return bool(torch.rand(()) < 0.5)


class TupleState(GoodBuffer):
    def state_dict(self):
        return {**super().state_dict(), "shape": (3, 4, 4)}


class ForgetsItsRandomState(GoodBuffer):
    def load_state_dict(self, state):
        self.kept = list(state["kept"])


class ForgetsItsImages(GoodBuffer):
    def load_state_dict(self, state):
        self.generator.set_state(state["random"])


def buffer_spec(buffer):
    return BufferSpec(name="example", summary="a buffer", build=lambda options, *, generator: buffer(generator))


def test_good_buffer_passes_every_check():
    check_buffer(buffer_spec(GoodBuffer))


@pytest.mark.parametrize(
    ("buffer", "check"),
    [
        (lambda generator: object(), "builds a buffer"),
        (FewerImages, "as many images"),
        (KeepsTheGraph, "detached"),
        (ChangesItsInput, "input untouched"),
        (GlobalRandom, "determinism"),
        (TupleState, "state"),
        (ForgetsItsRandomState, "state round trip"),
        (ForgetsItsImages, "state round trip"),
    ],
)
def test_broken_buffer_fails_its_check(buffer, check):
    assert check in failed_names(buffer_spec(buffer))
