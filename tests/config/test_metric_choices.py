"""Metrics by name, with the options that were given in any layer."""

import pytest

from i2i.api import resolve
from i2i.config.metric_choices import choose_metrics, names_of, unused
from i2i.config.resolver import config_from_dict
from i2i.errors import ConfigError

from ..helpers.metrics import MANAGER


def test_each_is_chosen_once_with_what_the_last_layer_says():
    given = [{"kid": {"seed": 3}}, {"kid": {"seed": "4"}, "name": ["kid"]}]
    chosen, problems = choose_metrics(MANAGER, ["kid", "l1", "kid"], given)
    assert [choice.to_dict() for choice in chosen] == [{"name": "kid", "seed": 4}, {"name": "l1"}]
    assert problems == []


def test_what_is_assumed_is_for_those_that_have_such_an_option():
    chosen, _ = choose_metrics(MANAGER, ["kid", "l1"], [], {"seed": 5})
    assert [choice.to_dict() for choice in chosen] == [{"name": "kid", "seed": 5}, {"name": "l1"}]


def test_every_problem_is_found():
    chosen, problems = choose_metrics(MANAGER, ["kidd", "kid", "l1"], [{"kid": {"seed": -1}, "l1": 2}])
    assert [choice.name for choice in chosen] == ["kid", "l1"]
    assert [problem.field for problem in problems] == ["metrics", "metrics.kid.seed", "metrics.l1"]
    assert "did you mean 'kid'?" in str(problems[0])


def test_names_are_one_or_a_list():
    assert names_of({"name": "kid"}) == (["kid"], [])
    assert names_of({}) == ([], [])
    names, problems = names_of({"name": [1]})
    assert (names, str(problems[0])) == ([], "metrics.name: must be a list of names; got [1]")


def test_options_of_what_is_not_measured_are_no_use_but_a_later_layer_may_choose_others():
    assert [str(each) for each in unused({"kid": {"seed": 1}}, ["l1"])] == [
        "metrics.kid: this metric is not measured; ask for it with --metric kid"
    ]
    assert unused({"name": ["kid"], "kid": {"seed": 1}}, ["l1"]) == []


def metrics(*arguments, **options):
    return [choice.to_dict() for choice in resolve("photos", *arguments, **options).metrics]


def test_no_metric_is_added_unless_asked_for():
    assert metrics() == []


def test_metrics_and_their_options_come_from_any_layer_and_are_read_back(tmp_path):
    asked = metrics(metric=["l1", "kid"], settings=["metrics.kid.seed=3"])
    assert asked == [{"name": "l1"}, {"name": "kid", "seed": 3}]
    path = tmp_path / "settings.yaml"
    path.write_text("metrics: [fid, {name: kid, seed: 5}]\n")
    assert metrics(config=path) == [{"name": "fid"}, {"name": "kid", "seed": 5}]
    assert metrics(config=path, settings=["metrics.kid.seed=6"])[1] == {"name": "kid", "seed": 6}
    assert metrics(config=path, metric="ssim") == [{"name": "ssim"}]
    config = resolve("photos", config=path)
    assert config_from_dict(MANAGER, config.to_dict()) == config


def test_what_best_is_chosen_by_is_measured():
    assert metrics(settings=["training.best=kid"]) == [{"name": "kid", "seed": 0}]
    assert metrics(metric="kid", settings=["training.best=kid"]) == [{"name": "kid", "seed": 0}]
    assert metrics(settings=["training.best=psnr"]) == [{"name": "psnr"}]
    assert metrics(settings=["training.best=cycle_l1"]) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"metric": "sim"}, "metrics: there is no metric called 'sim'; did you mean 'ssim'?"),
        ({"settings": ["training.best=sim"]}, "metrics: there is no metric called 'sim'; did you mean 'ssim'?"),
        ({"settings": ["metrics.kid.seed=3"]}, "metrics.kid: this metric is not measured; ask for it"),
        ({"metric": "kid", "settings": ["metrics.kid.sed=3"]}, "metrics.kid.sed: there is no such option"),
        ({"settings": ["metrics.name=3"]}, "metrics.name: must be a list of names; got 3"),
    ],
)
def test_a_wrong_metric_is_named(options, said):
    with pytest.raises(ConfigError) as caught:
        resolve("photos", **options)
    assert said in str(caught.value)
