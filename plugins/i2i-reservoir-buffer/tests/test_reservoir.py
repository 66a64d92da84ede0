"""The contract of every buffer, and what makes this one a uniform reservoir."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from i2i_reservoir_buffer.buffer import ReservoirBuffer
from i2i_reservoir_buffer.plugin import ReservoirOptions, i2i_buffers
from pydantic import ValidationError

from i2i.errors import CheckpointError
from i2i.plugins import BufferSpec
from i2i.plugins.manager import PluginManager
from i2i.testing import check_buffer

(SPEC,) = i2i_buffers()

sizes = st.integers(1, 6)
probabilities = st.floats(0, 1)
batch_sizes = st.lists(st.integers(0, 5), max_size=8)


def make(size: int = 3, fresh: float = 0.5, seed: int = 0) -> ReservoirBuffer:
    buffer = SPEC.build(ReservoirOptions(size=size, fresh=fresh), generator=torch.Generator().manual_seed(seed))
    assert isinstance(buffer, ReservoirBuffer)
    return buffer


def numbered(numbers: Iterable[int]) -> torch.Tensor:
    """A batch of one-pixel images, each holding its own number."""
    return torch.tensor(list(numbers), dtype=torch.float32).reshape(-1, 1, 1, 1)


def numbered_batches(batches: Iterable[int]) -> list[torch.Tensor]:
    """Batches of these sizes, numbered throughout."""
    made, first = [], 0
    for size in batches:
        made.append(numbered(range(first, first + size)))
        first += size
    return made


@pytest.mark.parametrize("options", [{}, {"size": 1}, {"fresh": 0.0}, {"fresh": 1.0}], ids=str)
def test_it_keeps_the_contract_of_a_buffer(options: dict[str, float]) -> None:
    check_buffer(SPEC, options)


def test_the_installed_package_registers_it() -> None:
    component = PluginManager(environ={}).find("buffer", "reservoir")
    assert component.plugin.package == "i2i-reservoir-buffer"
    assert isinstance(component.spec, BufferSpec)


def test_the_plugin_module_imports_no_torch() -> None:
    program = "import sys, i2i_reservoir_buffer.plugin; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@given(sizes, probabilities, batch_sizes)
def test_it_shows_as_many_images_as_it_takes_and_only_ones_made_so_far(
    size: int, fresh: float, batches: list[int]
) -> None:
    buffer, made = make(size, fresh), 0
    for batch in numbered_batches(batches):
        shown = buffer.exchange(batch)
        assert shown.shape == batch.shape
        assert all(shown[place] <= made + place for place in range(len(batch)))
        made += len(batch)
        assert len(buffer) == min(size, made)
        assert buffer.seen == made
    kept = [float(image) for image in buffer.kept]
    assert len(set(kept)) == len(kept)


@given(sizes, probabilities, batch_sizes, batch_sizes)
def test_a_restored_buffer_goes_on_exactly(size: int, fresh: float, before: list[int], after: list[int]) -> None:
    batches = numbered_batches([*before, *after])
    straight = make(size, fresh, seed=1)
    for batch in batches[: len(before)]:
        straight.exchange(batch)
    resumed = make(size, fresh, seed=2)
    resumed.load_state_dict(straight.state_dict())
    for batch in batches[len(before) :]:
        assert torch.equal(straight.exchange(batch), resumed.exchange(batch))
    assert [float(image) for image in straight.kept] == [float(image) for image in resumed.kept]


@given(sizes, probabilities, st.integers(0, 20))
def test_the_division_into_batches_changes_nothing(size: int, fresh: float, count: int) -> None:
    together, apart = make(size, fresh), make(size, fresh)
    images = numbered(range(count))
    one_by_one = [apart.exchange(image[None]) for image in images]
    assert torch.equal(together.exchange(images), torch.cat([numbered([]), *one_by_one]))


def test_every_fake_is_kept_with_the_same_probability() -> None:
    """Chi-squared over 4000 runs: 20 fakes, 5 kept. The bound is the 0.999 quantile for 19 degrees of freedom."""
    runs, fakes, size = 4000, 20, 5
    generator = torch.Generator().manual_seed(0)
    counts = torch.zeros(fakes)
    for _ in range(runs):
        buffer = ReservoirBuffer(size=size, fresh=1.0, generator=generator)
        buffer.exchange(numbered(range(fakes)))
        counts[[int(image) for image in buffer.kept]] += 1
    # Each run keeps exactly 5 of 20, so that a count varies by (1 - 5/20) of what independent draws would give.
    expected = runs * size / fakes
    statistic = ((counts - expected) ** 2 / (expected * (1 - size / fakes))).sum() * (fakes - 1) / fakes
    assert statistic < 43.82


def test_the_shown_history_is_uniform_too() -> None:
    """What the 11th fake is replaced by is each of the ten before it in a tenth of 4000 runs (6 deviations: 114)."""
    generator = torch.Generator().manual_seed(0)
    counts = torch.zeros(10)
    for _ in range(4000):
        buffer = ReservoirBuffer(size=3, fresh=0.0, generator=generator)
        counts[int(buffer.exchange(numbered(range(11)))[10])] += 1
    assert counts.sum() == 4000
    assert (counts - 400).abs().max() < 114


@pytest.mark.parametrize("fresh", [0.0, 0.25, 1.0])
def test_new_fakes_are_shown_with_the_probability_asked_for(fresh: float) -> None:
    shown = make(size=10, fresh=fresh).exchange(numbered(range(4000)))
    share = float((shown == numbered(range(4000)))[1:].float().mean())
    assert share == pytest.approx(fresh, abs=0.03)


def test_the_first_fake_is_shown_itself() -> None:
    assert make(fresh=0.0).exchange(numbered([7])).item() == 7


def test_shown_images_are_detached_and_share_no_memory_with_the_reservoir() -> None:
    buffer = make(size=2, fresh=0.0)
    images = numbered(range(2)).requires_grad_()
    shown = buffer.exchange(images)
    assert not shown.requires_grad
    with torch.no_grad():
        shown.fill_(-1)
        images.fill_(-1)
    assert [float(image) for image in buffer.kept] == [0, 1]


def test_a_saved_state_does_not_change_with_the_buffer() -> None:
    buffer = make(size=1)
    buffer.exchange(numbered([0]))
    state = buffer.state_dict()
    buffer.kept[0].fill_(5)
    buffer.exchange(numbered(range(1, 9)))
    assert state["images"][0].item() == 0
    assert state["seen"] == 1


@pytest.mark.parametrize("size", [2, 5])
def test_a_state_of_another_size_is_refused(size: int) -> None:
    saved = make(size=3)
    saved.exchange(numbered(range(8)))
    with pytest.raises(
        CheckpointError, match=rf"'reservoir' of size {size} should hold {size} .* has 3; .* buffer\.size"
    ):
        make(size=size).load_state_dict(saved.state_dict())


def test_images_may_change_their_size_from_step_to_step() -> None:
    buffer = make(fresh=0.0)
    buffer.exchange(torch.zeros(1, 3, 4, 4))
    assert buffer.exchange(torch.zeros(1, 3, 8, 8)).shape == (1, 3, 4, 4)


def test_images_of_two_sizes_make_no_batch() -> None:
    buffer = make(size=10, fresh=0.0)
    buffer.exchange(torch.zeros(1, 3, 4, 4))
    large = torch.zeros(2, 3, 8, 8)
    with pytest.raises(ValueError, match=r"different sizes in one batch; got \[\(3, 4, 4\), \(3, 8, 8\)\]"):
        list(map(buffer.exchange, [large] * 20))


@pytest.mark.parametrize("options", [{"size": 0}, {"fresh": 1.5}, {"fresh": -0.1}])
def test_options_outside_their_bounds_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        ReservoirOptions.model_validate(options)
