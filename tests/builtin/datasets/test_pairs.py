"""Which pictures belong together."""

from __future__ import annotations

from i2i.builtin.datasets import FolderOptions
from i2i.builtin.datasets.layout import Picture, Split
from i2i.builtin.datasets.pairs import pairs_of


def test_equal_names_are_pairs_unless_they_mean_nothing(tmp_path):
    first = tuple(Picture(name, tmp_path / "A" / name) for name in ("1", "2", "3"))
    second = tuple(Picture(name, tmp_path / "B" / name) for name in ("2", "3", "4"))
    part = Split(first, second)

    assert [(a.stem, b.stem) for a, b in pairs_of(part, FolderOptions())] == [("2", "2"), ("3", "3")]
    assert pairs_of(part, FolderOptions(match_names=False)) == []
    assert len(pairs_of(part, FolderOptions(match_names=False, pairing="paired"))) == 2
