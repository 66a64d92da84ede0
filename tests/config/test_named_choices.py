"""Components of which any number is chosen, by name, with the options that were given in any layer."""

import pytest

from i2i.api import resolve
from i2i.config.named_choices import choose_named, names_of, unused
from i2i.config.resolver import config_from_dict
from i2i.errors import ConfigError
from i2i.plugins.specs import MetricSpec, ObserverSpec

from ..helpers.metrics import MANAGER


def chosen(names, *given):
    return choose_named(MANAGER, ObserverSpec, "observers", names, given)


def test_each_is_chosen_once_with_what_the_last_layer_says():
    choices, problems = chosen(
        ["wandb", "tensorboard", "wandb"],
        {"wandb": {"project": "first"}},
        {"wandb": {"project": "last"}, "name": ["wandb"]},
    )

    assert [choice.to_dict() for choice in choices] == [{"name": "wandb", "project": "last"}, {"name": "tensorboard"}]
    assert problems == []


def test_every_problem_is_found():
    choices, problems = chosen(["wand", "wandb", "tensorboard"], {"wandb": {"project": ""}, "tensorboard": 2})

    assert [choice.name for choice in choices] == ["wandb", "tensorboard"]
    assert [problem.field for problem in problems] == ["observers", "observers.wandb.project", "observers.tensorboard"]
    assert "did you mean 'wandb'?" in str(problems[0])


def test_what_is_assumed_is_for_those_that_have_such_an_option():
    choices, _ = choose_named(MANAGER, MetricSpec, "metrics", ["kid", "l1"], [], {"seed": 5})

    assert [choice.to_dict() for choice in choices] == [{"name": "kid", "seed": 5}, {"name": "l1"}]


def test_names_are_one_or_a_list():
    assert names_of("observers", "wandb") == (["wandb"], [])
    assert names_of("observers", ("wandb", "tensorboard")) == (["wandb", "tensorboard"], [])
    names, problems = names_of("observers", [1])
    assert (names, str(problems[0])) == ([], "observers.name: must be a list of names; got [1]")


def test_none_chooses_nothing_whatever_a_file_says(tmp_path):
    assert names_of("observers", ["none"]) == ([], [])
    names, (problem,) = names_of("observers", ["none", "wandb"])
    assert (names, str(problem)) == (
        ["wandb"],
        "observers.name: 'none' stands alone, and came with wandb; leave one or the other out",
    )
    path = tmp_path / "settings.yaml"
    path.write_text("metrics: [fid, kid]\n")
    assert metrics(config=path, metric="none") == []


def test_options_of_what_is_not_chosen_are_no_use():
    values = {"name": ["tensorboard"], "tensorboard": {}, "wandb": {"project": "maps"}}

    (problem,) = unused("observer", "observers", values, ["tensorboard"])
    assert str(problem) == "observers.wandb: this observer is not chosen; choose it with --observer wandb"
    named = {"name": ["wandb"], "wandb": {}}
    assert unused("observer", "observers", named, ["tensorboard"]) == [], "a later layer may choose others"


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
        ({"settings": ["metrics.kid.seed=3"]}, "metrics.kid: this metric is not chosen; choose it"),
        ({"metric": "kid", "settings": ["metrics.kid.sed=3"]}, "metrics.kid.sed: there is no such option"),
        ({"settings": ["metrics.name=3"]}, "metrics.name: must be a list of names; got 3"),
    ],
)
def test_a_wrong_metric_is_named(options, said):
    with pytest.raises(ConfigError) as caught:
        resolve("photos", **options)
    assert said in str(caught.value)
