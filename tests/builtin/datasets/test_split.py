"""Which images are held out follows from their names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from i2i.builtin.datasets.split import choose_test, position

STEMS = st.sets(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8), max_size=40)


@given(stems=STEMS, added=STEMS, fraction=st.floats(0.05, 0.9))
def test_split_is_stable_and_the_same_in_both_domains(stems, added, fraction):
    test = choose_test([stems, stems], fraction)
    by_rule = {stem for stem in stems if position(stem) < fraction}
    if len(stems) > 1:
        assert 0 < len(test) < len(stems)
    if by_rule and by_rule != stems:  # where none of the exceptions for tiny folders holds
        assert test == by_rule
        larger = choose_test([stems | added, stems], fraction)
        assert larger & stems == test


@given(first=STEMS, second=STEMS)
def test_every_domain_of_two_images_trains_and_is_tested(first, second):
    test = choose_test([first, second], 0.1)
    for stems in (first, second):
        assert not stems or stems - test
    if len(first) > 1 and first == second:
        assert first & test
