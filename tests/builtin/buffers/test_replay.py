"""The history of fakes against its rule, line by line, with the same draws."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import i2i
from i2i.builtin.buffers.replay import ReplayBuffer

from ..methods.stepping import History


def buffer_of(size, seed=0):
    return i2i.create("buffer", "replay", size=size, generator=torch.Generator().manual_seed(seed))


def numbered(*numbers):
    """Images that can be told apart."""
    return torch.tensor(numbers, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 2, 3, 3).clone()


def numbers_of(images):
    return images[:, 0, 0, 0].tolist()


def batches_of(sizes):
    first = 0
    for size in sizes:
        yield numbered(*range(first, first + size))
        first += size


@given(size=st.integers(0, 6), sizes=st.lists(st.integers(1, 5), max_size=15), seed=st.integers(0, 2**32 - 1))
def test_it_equals_the_rule(size, sizes, seed):
    buffer = buffer_of(size, seed)
    history = History(buffer)

    for images in batches_of(sizes):
        assert torch.equal(buffer.exchange(images), history.query(images))
        assert len(buffer.images) <= size
        assert [image.shape for image in buffer.images] == [(1, 2, 3, 3)] * len(buffer.images)
    assert torch.equal(buffer.generator.get_state(), history.random.get_state())  # as many draws, in the same order


@given(sizes=st.lists(st.integers(1, 5), max_size=10))
def test_until_it_is_full_it_returns_what_comes_and_draws_nothing(sizes):
    buffer = buffer_of(50)
    before = buffer.generator.get_state()

    for images in batches_of(sizes):
        assert torch.equal(buffer.exchange(images), images)

    assert torch.equal(buffer.generator.get_state(), before)
    assert [image.mean().item() for image in buffer.images] == list(range(sum(sizes)))


@pytest.mark.parametrize("name", ["none", "replay"])
def test_size_zero_passes_everything_through_detached(name):
    options = {"size": 0} if name == "replay" else {}
    buffer = i2i.create("buffer", name, generator=torch.Generator(), **options)
    images = numbered(1, 2).requires_grad_()

    answer = buffer.exchange(images)

    assert torch.equal(answer, images)
    assert not answer.requires_grad
    assert buffer.state_dict()["images"] == []


def test_it_holds_fifty_unless_asked():
    assert i2i.create("buffer", "replay", generator=torch.Generator()).size == 50


def test_half_of_the_answers_are_earlier_fakes_from_every_slot():
    buffer = buffer_of(4)
    buffer.exchange(numbered(*range(4)))
    replaced = []
    for number in range(4, 2004):
        before = [int(image.mean()) for image in buffer.images]
        (shown,) = numbers_of(buffer.exchange(numbered(number)))
        if shown != number:
            replaced.append(before.index(int(shown)))
            assert int(buffer.images[replaced[-1]].mean()) == number
        else:
            assert [int(image.mean()) for image in buffer.images] == before

    assert 0.45 < len(replaced) / 2000 < 0.55
    assert all(0.2 < replaced.count(slot) / len(replaced) < 0.3 for slot in range(4))


def test_what_is_stored_is_a_copy():
    buffer = buffer_of(2)
    images = numbered(1, 2)

    shown = buffer.exchange(images)
    images.fill_(99)
    shown.fill_(98)

    assert [image.mean().item() for image in buffer.images] == [1, 2]


def test_what_is_stored_on_a_swap_is_a_copy():
    buffer = buffer_of(1)
    buffer.exchange(numbered(0))
    for number in range(1, 30):
        images = numbered(number)
        shown = buffer.exchange(images)
        stored = buffer.images[0].clone()
        images.fill_(99)
        shown.fill_(98)
        assert torch.equal(buffer.images[0], stored)


def test_answers_and_stored_images_carry_no_graph():
    buffer = buffer_of(2)

    for number in range(6):
        images = numbered(number).requires_grad_() * 2
        assert not buffer.exchange(images).requires_grad
    assert not any(image.requires_grad for image in buffer.images)


@given(before=st.lists(st.integers(1, 3), max_size=6), after=st.lists(st.integers(1, 3), min_size=1, max_size=6))
def test_a_restored_buffer_goes_on_the_same(before, after):
    kept, restored = buffer_of(3, seed=5), buffer_of(3, seed=6)
    for images in batches_of(before):
        kept.exchange(images)

    restored.load_state_dict(kept.state_dict())

    for images in batches_of(after):
        assert torch.equal(kept.exchange(images), restored.exchange(images))


def test_a_state_is_not_changed_by_going_on():
    buffer = buffer_of(1)
    buffer.exchange(numbered(0))
    state = buffer.state_dict()

    for number in range(1, 20):
        buffer.exchange(numbered(number))

    assert [image.mean().item() for image in state["images"]] == [0]


def test_more_stored_images_than_fit_are_refused():
    state = buffer_of(3)
    state.exchange(numbered(0, 1, 2))

    with pytest.raises(ValueError, match="a replay buffer of size 2 cannot hold 3 stored images"):
        buffer_of(2).load_state_dict(state.state_dict())


def test_an_empty_batch_stays_empty():
    assert buffer_of(2).exchange(numbered()).shape == (0, 2, 3, 3)


def test_a_negative_size_is_refused():
    with pytest.raises(ValueError, match="size must be 0 or more; got -1"):
        ReplayBuffer(-1, torch.Generator())
