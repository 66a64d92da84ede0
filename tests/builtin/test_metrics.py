"""The built-in metrics hold to their contract, and to the names and directions that old logs and scores have."""

import pytest

from i2i.builtin.metrics import SPECS
from i2i.config.sections import USUAL_METRICS
from i2i.models.scores import OTHER_SETS, STANDARD_SETS, WITHOUT_TRUTH
from i2i.testing import check_metric

SPEC = {spec.name: spec for spec in SPECS}


def test_names_are_those_of_the_log():
    assert set(SPEC) == {*USUAL_METRICS, *STANDARD_SETS, *OTHER_SETS, *WITHOUT_TRUTH}
    assert {name for name, spec in SPEC.items() if spec.family == "pairs"} == set(USUAL_METRICS)
    assert {name for name, spec in SPEC.items() if spec.better == "higher"} == {
        *("psnr", "ssim", "domain_probability", "edge_preservation")
    }


@pytest.mark.parametrize("name", sorted(SPEC.keys() - {*STANDARD_SETS}))
def test_they_keep_the_contract(name):
    """FID and KID are the distances under the features of Inception, whose weights are not here."""
    check_metric(SPEC[name], {"steps": 30} if SPEC[name].learns else None)


def test_what_only_a_network_tells_apart_has_no_smallest_size():
    smallest = {name: spec.smallest_size(spec.options()) for name, spec in SPEC.items()}
    assert {name: size for name, size in smallest.items() if size > 1} == {"ssim": 11, "edge_preservation": 2}
