"""Which metrics an evaluation measures by; that they are measured: test_measurement.py."""

import pytest

from i2i.errors import ConfigError
from i2i.evaluation.asked_metrics import ask_for

from ..helpers.metrics import MANAGER


def ask(*names, given=None, features="inception", trust=False, seed=0):
    return ask_for(MANAGER, names, given or {}, features=features, trust=trust, seed=seed)


def test_sets_are_called_fid_and_kid_under_inception_alone():
    assert [choice.name for choice in ask()[1]] == ["fid", "kid"]
    assert [choice.name for choice in ask(features="thumbnail")[1]] == ["frechet_distance", "kernel_distance"]


def test_features_seed_and_trust_reach_what_has_such_options_and_settings_go_before_them():
    asked, sets = ask("kernel_distance", "l1", features="my.pt", trust=True, seed=4)
    assert asked[0].options.model_dump() == {"features": "my.pt", "trust": True, "seed": 4}
    assert asked[1].options.model_dump() == {}
    assert sets[0].options.model_dump() == {"features": "my.pt", "trust": True}
    asked, _ = ask("kid", given={"kid": {"seed": 9}}, seed=4)
    assert asked[0].options.seed == 9


def test_a_distance_of_ones_own_has_its_own_default():
    assert ask("frechet_distance")[0][0].options.features == "thumbnail"


@pytest.mark.parametrize(
    ("names", "options", "said"),
    [
        (["fdi"], {}, "there is no metric called 'fdi'; did you mean 'fid'?"),
        (["fid"], {"features": "thumbnail"}, "ask for --metric frechet_distance"),
        (["kid"], {"given": {"kid": {"sead": 1}}}, "metrics.kid.sead: there is no such option"),
        ([], {"given": {"frechet_distance": {"features": "thumbnail"}}}, "choose it with --metric frechet_distance"),
        (["kid"], {"given": {"kid": 3}}, "metrics.kid: must hold options; got 3"),
    ],
)
def test_what_is_wrong_is_said(names, options, said):
    with pytest.raises(ConfigError) as caught:
        ask(*names, **options)
    assert said in str(caught.value)
