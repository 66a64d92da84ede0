"""A data set that tells nothing more is as good as one that does."""

from types import SimpleNamespace

import pytest

from i2i.errors import PluginError
from i2i.plugins.dataset_members import image_names_of, notes_of, settled_options_of, sizes_of, values_of

SILENT = SimpleNamespace()
TALKING = SimpleNamespace(notes=("2 images are grey", 7), sizes=[(16, 24)], names={"A": ["b", "a"], "B": ("d", "c")})
TALKING.settled, TALKING.values = {"channels_A": 4}, {"A": {"range": [0, 1], "type": "float32"}}


def test_members_that_are_there_are_found():
    assert notes_of(TALKING, SILENT, TALKING) == ["2 images are grey", "7"] * 2
    assert list(sizes_of(TALKING)) == [(16, 24)]
    assert image_names_of(TALKING) == {"A": ["a", "b"], "B": ["c", "d"]}
    assert settled_options_of(TALKING) == {"channels_A": 4}
    assert values_of(TALKING) == {"A": {"range": [0, 1], "type": "float32"}, "B": None}


def test_members_that_are_not_there_are_empty_or_unknown():
    assert (notes_of(SILENT), sizes_of(SILENT), image_names_of(SILENT)) == ([], None, {})
    assert (settled_options_of(SILENT), values_of(SILENT)) == ({}, {"A": None, "B": None})


@pytest.mark.parametrize("ask", [image_names_of, notes_of, sizes_of])
def test_a_member_that_fails_is_explained(ask):
    class Broken:
        @property
        def names(self):
            raise AssertionError("no index")

        notes = sizes = names

    with pytest.raises(
        PluginError, match=r"asking the data set for its \w+ failed: .*'Broken'.* raised AssertionError"
    ):
        ask(Broken())
