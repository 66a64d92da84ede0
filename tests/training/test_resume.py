"""Resuming a run: what may change, what is refused, and for how long it goes on."""

import shutil

import pytest

import i2i
from i2i.config.run_config import TrainingOptions
from i2i.errors import ConfigError, DataError
from i2i.models.checkpoint import CheckpointFolder
from i2i.plugins.manager import PluginManager
from i2i.training.resume import (
    DATA_MAY_CHANGE,
    RESUME_MAY_CHANGE,
    absolute_root,
    changed,
    is_shorter,
    require_changeable,
)

from ..helpers.running import FAILED, Child, assert_same_end, latest, losses_of, options, steps_logged

pytestmark = pytest.mark.usefixtures("no_page")

STEPS = 8


@pytest.fixture
def arguments(images, tmp_path):
    """Of a run in the folder ``run``, which keeps one checkpoint, of every second step."""
    return options(images, tmp_path / "run", steps=STEPS, keep=1, more={"training.checkpoint_every": 2})


def test_a_run_whose_batches_hold_several_epochs_goes_on(images, tmp_path):
    arguments = options(images, tmp_path / "run", batch_size=20, steps=2)
    Child(tmp_path / "first", **arguments).succeed()
    Child(tmp_path / "second", resume=tmp_path / "run", steps=4).succeed()
    Child(tmp_path / "straight", **{**arguments, "out": tmp_path / "whole", "steps": 4}).succeed()
    assert_same_end(tmp_path / "run", tmp_path / "whole")


def test_nothing_left_to_do_says_how_to_train_longer(arguments, tmp_path):
    folder = tmp_path / "run"
    Child(tmp_path / "first", **{**arguments, "steps": 4}).succeed()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (folder / "picture.png").unlink()

    again = Child(tmp_path / "again", resume=folder, progress=True).succeed()
    assert "nothing is left to do: step 4 is done" in again.output()
    assert f"to train longer: i2i run --resume {folder} --steps 8\n" in again.output()
    assert f"to resume: i2i run --resume {folder} --steps 8\n" in again.output()
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    different = {path.name for path in before if before[path] != after.get(path)}
    assert different <= {".lock"}, "a killed end is caught up with, nothing else changes"

    less = Child(tmp_path / "less", resume=folder, steps=3, progress=True).succeed()
    assert f"i2i run --resume {folder} --steps 8" in less.output(), "past what is done, or nothing would happen"

    Child(tmp_path / "longer", resume=folder, steps=8).succeed()
    assert steps_logged(folder) == list(range(1, 9))
    assert "steps: 8" in (folder / "config.yaml").read_text(), "the next resume goes on to the same end"


def test_a_resume_refuses_other_settings_by_name(arguments, tmp_path):
    i2i.run(**{**arguments, "steps": 1})
    given = {"direction": "BtoA", "seed": 3, "settings": {"generator.base_channels": 8}}
    child = Child(tmp_path / "log", resume=tmp_path / "run", **given)
    assert child.wait() == FAILED
    for name in ("generator.base_channels", "data.direction", "training.seed", "start a new run"):
        assert name in child.output()


def test_a_folder_without_a_run_cannot_be_resumed(tmp_path):
    child = Child(tmp_path / "log", resume=tmp_path)
    assert child.wait() == FAILED
    assert "config.yaml is missing; expected a run folder" in child.output()


def test_a_resume_finds_moved_images_and_refuses_others(arguments, tmp_path, monkeypatch):
    images, folder = tmp_path / "images", tmp_path / "run"
    straight = i2i.run(**{**arguments, "out": tmp_path / "straight"}).folder
    shutil.copytree(arguments["data"], images)
    monkeypatch.chdir(tmp_path)
    i2i.run(**{**arguments, "data": "images", "steps": 4})
    assert f"root: {images}\n" in (folder / "config.yaml").read_text(), "absolute, to be found from everywhere"

    monkeypatch.chdir("/")
    moved = images.rename(tmp_path / "moved")
    extra = shutil.copy(moved / "trainB" / "0.png", moved / "trainB" / "extra.png")
    away = (moved / "testA" / "1.png").rename(tmp_path / "1.png")
    with pytest.raises(DataError) as raised:
        i2i.run(resume=folder, data=moved, steps=STEPS)
    for part in (f"{moved} holds other images", "train B: 1 new (extra)", "test A: 1 missing (1)", "--data"):
        assert part in str(raised.value)
    assert str(images) in (folder / "config.yaml").read_text(), "a refused resume changes nothing"
    extra.unlink()
    away.rename(moved / "testA" / "1.png")
    i2i.run(resume=folder, data=moved, steps=STEPS)
    assert losses_of(folder) == losses_of(straight)


def test_a_smaller_budget_does_not_become_the_runs_own(arguments, tmp_path):
    i2i.run(**{**arguments, "steps": 4})
    i2i.run(resume=tmp_path / "run", steps=3)
    assert "steps: 4" in (tmp_path / "run" / "config.yaml").read_text()


def test_a_learning_rate_may_change_and_the_change_is_told(images, tmp_path, capsys):
    """It moves the weights at once, is what the schedule falls from, and the next resume has it."""
    folder = i2i.run(**options(images, tmp_path / "run", steps=1, more={"schedule.name": "constant"})).folder
    capsys.readouterr()
    i2i.run(resume=folder, steps=2, set=["optimizer.discriminators.learning_rate=0.01"], progress=True)
    assert (
        "learning rate, before the schedule: discriminators: 0.0002 so far, 0.01 from here on" in capsys.readouterr()[1]
    )
    i2i.run(resume=folder, steps=3, set={"optimizer.learning_rate": 5e-5}, progress=True)
    told = capsys.readouterr()[1]
    assert "generators: 0.0002 so far, 5e-05 from here on; discriminators: 0.01 so far, 5e-05 from here on" in told
    i2i.run(resume=folder, steps=4)
    assert [line["learning_rate"] for line in losses_of(folder)] == [2e-4, 2e-4, 5e-5, 5e-5]
    assert [
        group["lr"] for group in latest(folder).training_state()["optimizers"]["discriminators"]["param_groups"]
    ] == [5e-5]


def test_a_learning_rate_that_the_losses_took_down_may_not_change():
    kept = i2i.resolve("photos", set={"schedule.name": "plateau"})
    with pytest.raises(ConfigError, match="keeps the learning rate of schedule plateau"):
        changed(PluginManager(), kept, {"optimizer": {"learning_rate": 1e-5}})


def test_a_run_that_ends_early_after_all_is_measured_on_all_images(arguments, tmp_path):
    folder = tmp_path / "run"
    child = Child(tmp_path / "first", **{**arguments, "steps": 1000})
    child.wait_for(lambda: (folder / "checkpoints" / "step-00000004").exists(), "step 4")
    child.kill()
    step = CheckpointFolder(folder / "checkpoints", 1).latest().step
    result = i2i.run(resume=folder, steps=step)
    assert (result.step, result.finished) == (step, True)
    assert result.metrics["AtoB"]["images"] == 2, "all of them, not only what checkpoints are compared on"


def test_what_a_resume_may_change_is_an_option_of_training():
    assert TrainingOptions.model_fields.keys() >= {*RESUME_MAY_CHANGE}
    data = dict.fromkeys(DATA_MAY_CHANGE, "a")
    require_changeable({"training": dict.fromkeys(RESUME_MAY_CHANGE, 1), "data": data})


@pytest.mark.parametrize(
    "given",
    [
        {"training": {"seed": 1}},
        {"training": {"freeze": ["*"]}},
        {"data": {"image_size": 64}},
        {"data": {"group": "(a)"}},
        {"generator": {"name": "resnet6"}},
        {"optimizer": {"beta1": 0.9}},
        {"optimizer": {"generators": {"learning_rate": 1e-4, "beta1": 0.9}}},
    ],
)
def test_anything_else_is_refused_by_name(given):
    ((section, values),) = given.items()
    with pytest.raises(ConfigError, match=rf"cannot change {section}\.{next(iter(values))} \(it may change steps"):
        require_changeable(given)


def test_what_is_given_changes_and_the_rest_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "moved").mkdir()
    kept = i2i.resolve("photos", steps=4, seed=3, workers=2, set={"data.test_names": "old.txt", "data.group": "(a)"})

    data = {"root": "moved", "test_names": "moved.txt", "skip_bad": True}
    config = changed(PluginManager(), kept, {"training": {"steps": 9}, "data": data})

    assert config.to_dict()["data"]["skip_bad"]
    assert (config.training.steps, config.training.seed, config.training.workers) == (9, 3, 2)
    assert config.data_root == str(tmp_path / "moved")
    assert config.to_dict()["data"]["test_names"] == "moved.txt"
    assert config.to_dict()["data"]["group"] == "(a)"
    assert changed(PluginManager(), kept, {}) == kept


@pytest.mark.parametrize(
    ("new", "old", "shorter"),
    [
        ({"steps": 3}, {"steps": 4}, True),
        ({"steps": 5}, {"steps": 4}, False),
        ({"steps": 4}, {"steps": 4}, False),
        ({"steps": 9, "minutes": 1}, {"steps": 4, "minutes": 2}, True),
        ({}, {"steps": 4}, False),
        ({"epochs": 1}, {"steps": 4}, False),
    ],
)
def test_a_budget_is_shorter_where_one_limit_is(new, old, shorter):
    assert is_shorter(TrainingOptions(**new), TrainingOptions(**old)) is shorter


def test_a_place_that_exists_is_kept_as_an_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()

    assert absolute_root("pictures") == str(tmp_path / "pictures")
    assert absolute_root("nowhere") == "nowhere"
    (tmp_path / "sample:flat-3d").mkdir()
    assert absolute_root("sample:flat-3d") == "sample:flat-3d"
