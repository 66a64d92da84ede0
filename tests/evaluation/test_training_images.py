"""A metric that learns finds the training images of a model, or those that somebody names."""

import pytest

import i2i
from i2i.errors import DataError
from i2i.evaluation.training_images import find_training_images
from i2i.images.readers import Readers
from i2i.models.find import open_model

from ..helpers.images import write_images
from ..helpers.metrics import MANAGER
from ..helpers.trained import write_run

READ = {"name": "folder", "mode": "none", "round_to": 0}


@pytest.fixture
def run(tmp_path):
    data = write_images(tmp_path / "data", train=(12, 11), test=(3, 3))
    return write_run(
        tmp_path / "run", more={"config": {"method": {"name": "cyclegan"}, "data": {"root": str(data), **READ}}}
    )[0]


def found(model, root=None):
    return find_training_images(MANAGER, open_model(model, manager=MANAGER), Readers(MANAGER, []), root)


def test_they_are_those_of_the_run_or_of_a_folder_that_is_named(run, tmp_path):
    of_run = found(run)
    assert len(of_run.dataset) == 12
    assert of_run.folder == run / "metrics"
    assert not of_run.may_write
    others = found(run, write_images(tmp_path / "others", train=(5, 5)))
    assert (len(others.dataset), others.folder) == (5, None), "what the run has learnt is of other images"


def test_without_them_it_is_said_what_to_name(run, tmp_path):
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    assert found(run).dataset is None
    with pytest.raises(DataError, match=r"training images, which cannot be read: .*--training-data FOLDER"):
        i2i.evaluate(run, tmp_path / "elsewhere", metric="domain_probability", device="cpu")


def test_evaluate_measures_by_what_it_learns_from_the_images_that_are_named(run, tmp_path):
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    measured = i2i.evaluate(
        run,
        tmp_path / "elsewhere",
        metric=["domain_probability", "domain_distance"],
        training_data=tmp_path / "elsewhere",
        set={"metrics.domain_probability.steps": 3, "metrics.domain_distance.steps": 3},
        device="cpu",
    )
    assert 0 <= measured.sets["domain_probability"] <= 1
    assert {"identity_domain_probability", "target_domain_probability", "domain_distance"} <= measured.sets.keys()
    about = measured.protocol["domain_classifier"]
    assert (about["images"], about["unseen"], about["steps"]) == ((12, 11), 4, 3)
    assert any("domain classifier" in note for note in measured.notes)
    assert not (run / "metrics").exists(), "an evaluation writes nothing into a run"
