"""Cases are chosen by name."""

from __future__ import annotations

import pytest

from i2i.benchmarking.cases import CASES, choose
from i2i.errors import ConfigError


def test_cases_are_chosen_by_name_and_pattern_in_the_order_of_the_report():
    assert [case.name for case in choose(["chain-64", "block-64"], quick=False)] == ["block-64", "chain-64"]
    assert all(case.name.startswith("generator-") for case in choose(["generator-*"], quick=True))
    assert choose([], quick=False) == list(CASES)
    assert 0 < len(choose([], quick=True)) < len(CASES)


def test_an_unknown_case_names_the_nearest_and_all_there_are():
    with pytest.raises(ConfigError, match=r"no case 'blok-64'; did you mean 'block-64'\? \(cases: block-64, block-128"):
        choose(["blok-64"], quick=False)


def test_names_of_cases_are_unique():
    assert len({case.name for case in CASES}) == len(CASES)
