"""A direction is a text, and knows its domains."""

from __future__ import annotations

import json
import pickle
from typing import get_args

import pytest

from i2i.plugins.directions import Direction, DirectionName, given_names, spelled


def test_a_direction_knows_its_domains_and_the_way_back() -> None:
    assert [(way.source, way.target, way.reversed) for way in Direction] == [("A", "B", "BtoA"), ("B", "A", "AtoB")]
    assert get_args(DirectionName) == tuple(Direction)


def test_a_direction_is_a_text_wherever_texts_go() -> None:
    way = Direction("BtoA")
    assert (str(way), repr(way), f"{way:>5}", "/".join([way, "l1"])) == ("BtoA", "'BtoA'", " BtoA", "BtoA/l1")
    assert {"BtoA": 1}[way] == 1
    assert json.dumps({way: way}, indent=1) == '{\n "BtoA": "BtoA"\n}'
    assert pickle.loads(pickle.dumps(way)) is way
    with pytest.raises(ValueError, match="AtoC"):
        Direction("AtoC")


def test_a_direction_is_spelled_with_the_names_that_a_person_gave() -> None:
    assert spelled("AtoB", given_names({"name_A": None, "direction": "BtoA"})) == "AtoB"
    assert spelled("AtoB", given_names({"name_A": "satellite", "name_B": "relief"})) == "satellite to relief"
    assert spelled("AtoB", given_names({"name_A": "satellite", "direction": "BtoA"})) == "B to satellite"
