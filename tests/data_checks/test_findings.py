"""Findings say how grave they are."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from i2i.data_checks.duplicates import find_twins
from i2i.data_checks.findings import PairShift, of_both_domains, of_odd_pictures, of_shifts, of_twins
from i2i.data_checks.picture_facts import Place
from i2i.data_checks.shifts import Shift
from i2i.plugins.dataset_members import ListedPicture


def test_twins_across_the_split_are_errors_and_inside_it_are_not(draw, facts):
    twins = find_twins([facts(draw(1), "a.png"), facts(draw(1), "b.png"), facts(draw(1), "c.png", split="test")])
    across, inside = of_twins("A", twins)
    assert (across.kind, across.weight) == ("same-across-split", "error")
    assert "1 held-out image of A is the same as a training image" in across.text
    assert (inside.kind, inside.weight) == ("same-inside-split", "warning")


def test_an_image_in_both_domains(draw, facts):
    pictures = [facts(draw(1), "a.png"), facts(draw(1), "b.png", domain="B"), facts(draw(2), "c.png", domain="B")]
    (finding,) = of_both_domains(pictures, ("summer", "winter"))
    assert finding.text == "1 image is in summer and in winter, with the same pixels"


def test_odd_pictures_are_named(draw, facts):
    usual = [facts(draw(number), f"{number}.png") for number in range(20)]
    blank = facts(Image.new("RGB", (64, 64), "white"), "blank.png")
    small = facts(draw(30, side=32), "small.png")
    found = {finding.kind: finding for finding in of_odd_pictures("A", [*usual, blank, small])}
    assert [str(each) for each in found["blank"].shown] == [str(blank.place)]
    assert str(found["odd-size"].shown[0]).endswith("small.png: 32 x 32")
    assert "the 21 of 64 x 64" in found["odd-size"].text


def pair(number: int, right: float | None, down: float = 0.0) -> PairShift:
    picture = ListedPicture(str(number), Path(f"{number}.png"))
    shift = None if right is None else Shift(right, down)
    return PairShift(Place("train", "A", picture), Place("train", "B", picture), shift)


def test_a_shift_of_all_pairs_and_single_ones_are_told_apart():
    pairs = [*(pair(number, 4.0, -2.0) for number in range(9)), pair(9, 14.0, -2.0), pair(10, None)]
    shifted, single = of_shifts(pairs)
    assert "B lies 4.0 pixels right and 2.0 pixels above of A in the middle of 10 pairs" in shifted.text
    assert "move B by -4.0 pixels across and +2.0 down" in shifted.cure
    assert [str(each) for each in single.shown] == ["9.png and 9.png: 14.0 pixels right and 2.0 pixels above"]
    assert list(of_shifts([pair(number, 0.1) for number in range(5)])) == []
