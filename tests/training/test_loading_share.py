"""A person hears where steps wait for images."""

from __future__ import annotations

import pytest

from i2i.training.loading_share import STEPS, LoadingShare


@pytest.mark.parametrize(("workers", "what"), [(0, "--workers 1 loads them beside"), (2, "--workers 3 loads more of")])
def test_a_share_that_is_much_is_said_once(workers, what):
    said = []
    share = LoadingShare(workers, said.append)
    share.add(100, 101)  # the first step waits for processes to start
    for _ in range(3 * STEPS):
        share.add(0.8, 2)

    (text,) = said
    assert text.startswith("loading takes 40% of a step: ")
    assert what in text


def test_a_small_share_and_a_short_run_are_not_worth_a_word():
    said = []
    for waited, whole in ((0.1, 2), (0.04, 0.1)):
        share = LoadingShare(0, said.append)
        for _ in range(2 * STEPS):
            share.add(waited, whole)
    assert said == []
