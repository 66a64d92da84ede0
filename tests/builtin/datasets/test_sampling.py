"""Random choices depend on seed, epoch and index alone, and never change."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from i2i.builtin.datasets.sampling import draw_choice, draw_placement


@given(seed=st.integers(0, 2**63), epoch=st.integers(0, 2**32 - 1), index=st.integers(0, 2**32 - 1))
def test_draws_are_in_range_and_streams_are_independent(seed, epoch, index):
    a, b = (draw_placement(seed, epoch, index, domain, flip=True) for domain in ("A", "B"))
    assert a == draw_placement(seed, epoch, index, "A", flip=True)
    assert (a.across, a.down) != (b.across, b.down)
    assert a.across != draw_placement(seed + 1, epoch, index, "A", flip=True).across
    assert 0 <= a.across < 1
    assert 0 <= draw_choice(seed, epoch, index, 7) < 7
    unflipped = draw_placement(seed, epoch, index, "A", flip=False)
    assert (unflipped.across, unflipped.down, unflipped.flip) == (a.across, a.down, False)


def test_draws_never_change_between_versions():
    """These numbers are part of what makes a run repeatable: a change here changes every run."""
    placement = draw_placement(1, 2, 3, "A", flip=True)
    assert (placement.across, placement.down, placement.flip) == (0.423747406584129, 0.2958761695944866, False)
    assert [draw_choice(0, 0, index, 1000) for index in range(4)] == [57, 769, 447, 512]


def test_choices_and_flips_are_uniform():
    choices = np.bincount([draw_choice(0, 0, index, 10) for index in range(5000)], minlength=10)
    assert choices.min() > 400
    assert choices.max() < 600
    flips = sum(draw_placement(0, 0, index, "B", flip=True).flip for index in range(2000))
    assert 900 < flips < 1100
