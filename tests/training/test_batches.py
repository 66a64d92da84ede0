"""The stream of samples: each image once an epoch, whatever the batch size, the processes and the workers."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from i2i.tensors.collate import collate
from i2i.training.batches import SampleStream
from i2i.training.loading import Batches, ending


def take(count, length=10, *, seed=0, batch_size=1, **place):
    return list(itertools.islice(SampleStream(length, seed=seed, batch_size=batch_size, **place), count))


def order(length, seed, epoch=0):
    """The indices of one epoch."""
    keys = [key for (key,) in take(length, length, seed=seed, start=epoch * length)]
    assert {found for found, _ in keys} == {epoch}
    return [index for _, index in keys]


@given(
    length=st.integers(1, 23),
    batch_size=st.integers(1, 30),
    world_size=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_epoch_sees_each_index_exactly_once(length, batch_size, world_size, seed):
    batches = 2 * length // (batch_size * world_size) + 2
    ranks = [
        take(batches, length, seed=seed, batch_size=batch_size, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]

    assert all(len(batch) == batch_size for rank in ranks for batch in rank)
    together = [key for batch in zip(*ranks, strict=True) for share in batch for key in share]
    single = [key for (key,) in take(len(together), length, seed=seed)]
    assert together == single  # the same images in the same order as one process with batches of one
    for epoch in range(2):
        assert Counter(index for found, index in together if found == epoch) == Counter(range(length))


@given(start=st.integers(0, 60), batch_size=st.integers(1, 7), world_size=st.integers(1, 3), rank=st.integers(0, 2))
def test_a_start_goes_on_where_the_stream_was(start, batch_size, world_size, rank):
    rank %= world_size
    place = {"batch_size": batch_size, "rank": rank, "world_size": world_size}
    whole = take(start + 5, **place)

    assert take(5, start=start * batch_size * world_size, **place) == whole[start:]


def test_a_stream_can_be_read_again_from_its_start():
    stream = SampleStream(10, seed=0, batch_size=3, start=4)

    assert list(itertools.islice(stream, 5)) == list(itertools.islice(stream, 5))


def test_epochs_and_seeds_differ():
    # Seeds far apart and seeds that share their lower bits, which is all that torch's CPU generator looks at.
    seeds = [0, 1, 2, 3, 4, 2**16, 2**31, 2**31 + 2, 2**32 - 1]
    orders = {tuple(order(30, seed, epoch)) for seed in seeds for epoch in (0, 1, 2, 1000)}

    assert len(orders) == len(seeds) * 4


def test_the_order_is_kept_between_versions():
    assert order(8, seed=0) == [1, 4, 5, 6, 2, 0, 3, 7]
    assert order(8, seed=0, epoch=1) == [7, 6, 2, 3, 1, 0, 4, 5]


def test_every_place_is_as_likely_for_every_index():
    places = Counter((place, index) for seed in range(2000) for place, index in enumerate(order(4, seed)))

    assert len(places) == 16
    assert all(400 < count < 600 for count in places.values())


class Images:
    """A small data set whose samples state their key."""

    def __len__(self):
        return 7

    def __getitem__(self, key):
        epoch, index = key
        image = torch.full((1, 2, 2), 100.0 * epoch + index)
        return {"A": image, "B": -image, "A_has_partner": index % 2 == 0, "A_name": f"{epoch}-{index}"}


def loaded(workers, count=8, **place):
    stream = SampleStream(7, seed=3, batch_size=2, **place)
    with ending(Batches(Images(), stream, workers=workers)) as batches:
        return list(itertools.islice(batches, count))


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_no_sample(workers):
    alone, helped = loaded(0), loaded(workers)

    assert [batch["A_name"] for batch in helped] == [batch["A_name"] for batch in alone]
    for one, other in zip(alone, helped, strict=True):
        assert torch.equal(one["A"], other["A"])
        assert torch.equal(one["A_has_partner"], other["A_has_partner"])


def test_loading_draws_no_global_random_number():
    before = torch.get_rng_state()

    loaded(0)

    assert torch.equal(torch.get_rng_state(), before)


def test_a_batch_has_tensors_flags_and_names():
    (batch,) = loaded(0, count=1)

    assert batch["A"].shape == batch["B"].shape == (2, 1, 2, 2)
    assert batch["A_has_partner"].dtype == torch.bool
    assert batch["A_has_partner"].shape == (2,)
    assert [int(name.partition("-")[2]) for name in batch["A_name"]] == batch["A"][:, 0, 0, 0].int().tolist()


def test_images_of_two_sizes_are_refused():
    samples = [{"A": torch.zeros(3, 4, 4)}, {"A": torch.zeros(3, 4, 8)}, {"A": torch.zeros(3, 4, 4)}]

    with pytest.raises(ValueError, match=r"must have one size; got \(3, 4, 4\), \(3, 4, 8\) \(use --batch-size 1"):
        collate(samples)
