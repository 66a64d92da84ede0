"""What the rooms say of themselves is true, and short enough to be read."""

from graphlib import CycleError

import pytest
from rooms import ENTRIES, GROUND, floors, graph, imported_by, imported_module, lies_in, read_rooms

ROOMS = read_rooms()
INSIDE = sorted(set(ROOMS) - {*GROUND, *ENTRIES})


@pytest.mark.parametrize("name", INSIDE)
def test_a_room_may_import_only_what_it_does_import(name):
    imported = imported_by(ROOMS[name], ROOMS)

    unused = [place for place in ROOMS[name].may_import if not any(lies_in(module, place) for module in imported)]

    assert not unused, f"take {', '.join(unused)} from the docstring of i2i.{name}"


def test_no_imports_go_round():
    assert len(floors(graph(ROOMS))) > 15


def test_imports_that_go_round_have_no_floors():
    with pytest.raises(CycleError):
        floors({"tiles": {"pictures"}, "pictures": {"tiles"}})


@pytest.mark.parametrize("name", [name for name in INSIDE if not ROOMS[name].is_file])
def test_a_room_says_where_to_begin_reading(name):
    begin = ROOMS[name].begin_with

    assert begin, f"i2i.{name} says no `Begin with :mod:`"
    assert imported_module(begin) == begin.removeprefix("i2i."), f"{begin} is not there"
    assert lies_in(begin, f"i2i.{name}")


@pytest.mark.parametrize("name", INSIDE)
def test_a_room_is_known_by_a_few_words(name):
    assert 4 < len(ROOMS[name].title) <= 60, ROOMS[name].title
    assert len(ROOMS[name].summary) <= 120
