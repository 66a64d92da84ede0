"""Whole runs: what they leave on the disk, what ends them as planned, and what they may be given."""

import json
import shutil
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

import i2i
from i2i.errors import ConfigError, DataError
from i2i.models.checkpoint import CheckpointFolder
from i2i.training.loading import Batches
from i2i.training.update import NetworkUpdate

from ..helpers.images import write_images
from ..helpers.running import (
    PAIRED,
    UNPAIRED,
    assert_tidy,
    checkpoint_contents,
    latest,
    lines_of,
    losses_of,
    run_here,
    steps_logged,
)

pytestmark = pytest.mark.usefixtures("one_thread", "no_page")

DEEP = {key: value for key, value in PAIRED.items() if not key.startswith("generator")} | {
    "generator.name": "unet",
    "generator.downs": 6,
}


@pytest.fixture(scope="module")
def even(tmp_path_factory):
    """As many A as B, all with a partner."""
    return write_images(tmp_path_factory.mktemp("images") / "even", train=(6, 6))


def weights(result):
    """The tensors of the last checkpoint's generators and networks, as bytes by file."""
    contents = checkpoint_contents(latest(result).path)
    return {name: value for name, value in contents.items() if name.endswith(".safetensors")}


def test_several_pixel_losses_count_by_their_weights_and_are_logged_by_name(even, tmp_path):
    both = {**PAIRED, "pixel_loss.1.weight": 0.5}
    result = run_here(even, tmp_path / "run", settings=both, steps=2, pixel_loss=["l1", "l2"])

    for losses in [line["losses"] for line in losses_of(result.folder)]:
        assert list(losses) == ["D", "G", "L1", "pixel_l1", "pixel_l2"]
        assert losses["L1"] == pytest.approx(100 * (losses["pixel_l1"] + 0.5 * losses["pixel_l2"]), rel=1e-5)


# -- what a run leaves ------------------------------------------------------------------------------------------------


def test_a_run_leaves_what_is_needed_to_go_on_to_judge_and_to_use(images, tmp_path, monkeypatch):
    monkeypatch.undo()  # with its page
    settings = {**UNPAIRED, "training.sample_every": 2, "training.checkpoint_every": 2}
    result = run_here(images, tmp_path / "run", settings=settings, steps=5)
    assert (result.step, result.finished) == (5, True)
    assert result.folder == tmp_path / "run"
    assert result.page.read_text().startswith("<!")
    assert result.picture.stat().st_size > 0
    assert steps_logged(result.folder) == [1, 2, 3, 4, 5]
    sheets = sorted(path.stem for path in (result.folder / "samples" / "BtoA").glob("*.png"))
    assert sheets == [f"step-{step:08d}" for step in (0, 2, 4, 5)]
    measured = lines_of(result.folder, "evaluation")
    assert {line["held_out_by"] for line in measured} == {result.held_out_by}
    assert result.held_out_by
    assert [(line["step"], line["images"]) for line in measured] == [(2, 1), (4, 1), (5, 1), (5, 2)], "the end: all"

    description = latest(result).description
    assert description["metrics"] == result.metrics
    assert description["generators"]["G_B"]["direction"] == "BtoA"
    assert description["generators"]["G_B"]["component"]["base_channels"] == 4
    assert description["value_range"] == [-1, 1]
    assert description["samples"] == 5
    assert description["versions"] == json.loads((result.folder / "environment.json").read_text())
    judged = measured[-2]["directions"]
    assert description["score"] == pytest.approx((judged["AtoB"]["l1"] + judged["BtoA"]["l1"]) / 2), "like with like"
    scores = {checkpoint.step: checkpoint.score for checkpoint in CheckpointFolder(latest(result).path.parent, 1).all()}
    best = CheckpointFolder(latest(result).path.parent, 1).best()
    assert scores[best.step] == min(scores.values())
    assert_tidy(result.folder)


def test_a_run_is_decided_by_its_configuration_alone(images, tmp_path):
    first = run_here(images, tmp_path / "first", steps=4, settings={**UNPAIRED, "data.flip": True})
    torch.rand(5), np.random.rand(5)
    again = i2i.run(config=first.folder / "config.yaml", out=tmp_path / "again")
    other = run_here(images, tmp_path / "other", steps=4, seed=1, settings={**UNPAIRED, "data.flip": True})
    assert weights(first) == weights(again)
    assert weights(first) != weights(other)


def test_the_number_of_loading_processes_changes_nothing(images, tmp_path):
    results = [run_here(images, tmp_path / str(count), steps=6, workers=count) for count in (0, 2)]
    assert weights(results[0]) == weights(results[1])
    assert losses_of(results[0].folder) == losses_of(results[1].folder)


def test_how_often_is_logged_measured_and_drawn_changes_no_weight(images, tmp_path):
    often = {"training.log_every": 2, "training.sample_every": 1, "training.checkpoint_every": 1}
    results = [
        run_here(images, tmp_path / name, steps=5, more={"generator.dropout": True, "training.inference": "paper", **m})
        for name, m in (("rarely", {}), ("often", often))
    ]
    assert weights(results[0])["G_A.safetensors"] == weights(results[1])["G_A.safetensors"]
    lines = [lines_of(result.folder, "train") for result in results]
    two = [lines[0][first : first + 2] for first in (0, 2, 4)]  # the last of its own: the run ends there
    for mean, steps in zip(lines[1], two, strict=True):
        assert mean["losses"]["G_A"] == pytest.approx(np.mean([step["losses"]["G_A"] for step in steps]))


def test_the_moving_average_is_that_of_the_weights(images, tmp_path):
    decay, steps = 0.7, 4
    trained = []
    for step in range(1, steps + 1):
        result = run_here(images, tmp_path / f"plain-{step}", steps=step, more={"schedule.name": "constant"})
        trained.append(latest(result).generator_weights("G_A"))
    result = run_here(
        images,
        tmp_path / "averaged",
        steps=steps,
        more={"schedule.name": "constant", "training.ema_decay": decay, "training.ema_ramp_up": 0},
    )
    average = trained[0]
    for weights_now in trained[1:]:
        average = {key: decay * value + (1 - decay) * weights_now[key] for key, value in average.items()}
    kept = latest(result).generator_weights("G_A")
    for key, value in average.items():
        torch.testing.assert_close(kept[key], value, rtol=1e-5, atol=1e-7)
    own = latest(result).training_state()["networks"]["G_A"]
    assert all(torch.equal(own[key], trained[-1][key]) for key in own), "an average must not change the training"
    assert latest(result).description["generators"]["G_A"]["moving_average"] is True


def test_accumulated_batches_are_one_larger_batch(images, tmp_path):
    more = {"buffer.name": "none"}
    larger = run_here(images, tmp_path / "larger", steps=4, batch_size=2, more=more)
    summed = run_here(images, tmp_path / "summed", steps=4, accumulate=2, more=more)
    for one, other in zip(losses_of(larger.folder), losses_of(summed.folder), strict=True):
        assert one["losses"] == pytest.approx(other["losses"], rel=2e-4)
        assert one["epoch"] == other["epoch"]


@pytest.mark.parametrize("settings", [UNPAIRED, PAIRED])
def test_half_precision_stays_finite_and_keeps_full_weights(even, tmp_path, settings):
    result = run_here(even, tmp_path / "run", settings=settings, steps=4, precision="bf16")
    full = run_here(even, tmp_path / "full", settings=settings, steps=4)
    for line, exact in zip(losses_of(result.folder), losses_of(full.folder), strict=True):
        assert line["losses"] == pytest.approx(exact["losses"], rel=0.1, abs=0.05)
    assert losses_of(result.folder) != losses_of(full.folder)
    name = next(iter(latest(result).description["generators"]))
    dtypes = {value.dtype for value in latest(result).generator_weights(name).values()}
    assert dtypes <= {torch.float32, torch.int64}, "batch norm counts in whole numbers"


def test_a_run_that_is_finished_resumes_for_as_long_again_past_what_is_done(images, tmp_path):
    result = run_here(images, tmp_path / "a run", steps=3)
    assert result.resume_command == f"i2i run --resume '{result.folder}' --steps 6"
    shorter = i2i.run(resume=result.folder, steps=2)
    assert shorter.resume_command == f"i2i run --resume '{result.folder}' --steps 6"


# -- data -------------------------------------------------------------------------------------------------------------


def test_images_of_different_sizes_train_one_by_one(tmp_path):
    for split in ("train", "test"):
        for domain, sizes in {"A": ((16, 24), (32, 16)), "B": ((20, 20), (24, 16))}.items():
            folder = tmp_path / "data" / f"{split}{domain}"
            folder.mkdir(parents=True)
            for number, size in enumerate(sizes):
                Image.effect_noise(size, 50).convert("RGB").save(folder / f"{number}.png")
    result = run_here(tmp_path / "data", tmp_path / "run", steps=3)
    assert result.step == 3
    with pytest.raises(ConfigError, match="--batch-size must be 1 for images of different sizes"):
        run_here(tmp_path / "data", tmp_path / "two", steps=3, batch_size=2)


@pytest.mark.parametrize("settings", [UNPAIRED, PAIRED])
def test_grey_images(even, tmp_path, settings):
    grey = {"data.channels_A": 1, "data.channels_B": 3 if settings is PAIRED else 1}
    result = run_here(even, tmp_path / "run", settings=settings, steps=2, more=grey)
    generators = latest(result).description["generators"].values()
    assert {(each["in_channels"], each["out_channels"]) for each in generators} == {
        (1, 3) if settings is PAIRED else (1, 1)
    }


def test_without_held_out_images_there_is_a_run_without_numbers(tmp_path):
    data = write_images(tmp_path / "data")
    for domain in "AB":
        shutil.rmtree(data / f"test{domain}")
    result = run_here(data, tmp_path / "run", steps=2, more={"training.checkpoint_every": 1, "data.test_fraction": 0})
    assert result.metrics == {}
    assert result.finished
    assert latest(result).score is None
    assert not result.picture.exists()


def test_wrong_data_leave_the_folder_free_for_the_corrected_command(images, even, tmp_path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(DataError):
        run_here(tmp_path / "nothing", tmp_path / "run", steps=1)
    assert not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match="multiples of 64"):
        run_here(even, tmp_path / "run", steps=1, settings=DEEP)
    assert run_here(images, tmp_path / "run", steps=1).step == 1


# -- observers --------------------------------------------------------------------------------------------------------


def test_tensorboard_gets_losses_metrics_pictures_and_configuration_as_one_run(images, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = run_here(images, tmp_path / "run", steps=3, observer="tensorboard")
    i2i.run(resume=result.folder, steps=5)
    accumulator = EventAccumulator(str(result.folder / "tensorboard" / "i2i"))
    accumulator.Reload()
    assert [event.step for event in accumulator.Scalars("loss/G_A")] == [1, 2, 3, 4, 5]
    assert "AtoB/l1" in accumulator.Tags()["scalars"]
    pictures = accumulator.Images("samples/AtoB")
    assert [picture.step for picture in pictures] == [0, 3, 5]
    with Image.open(result.folder / "samples" / "AtoB" / "step-00000005.png") as sheet:
        assert (pictures[-1].width, pictures[-1].height) == sheet.size
    configuration = accumulator.Tensors("configuration/text_summary")[-1].tensor_proto.string_val[0].decode()
    assert "    steps: 5\n" in configuration
    assert {path.parent.name for path in result.folder.rglob("events.out.*")} == {"i2i"}, "one run, shown once"


def test_an_observer_whose_package_is_missing_is_named_before_training(images, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)

    with pytest.raises(ConfigError, match=r'observer wandb needs a package that is not usable: .*"i2i\[wandb\]"'):
        run_here(images, tmp_path / "run", steps=1, observer="wandb")
    assert not (tmp_path / "run").exists()


def test_an_observer_ends_the_run_and_more_patience_resumes_it(images, tmp_path):
    impatient = {"observers.early-stopping.patience": 2, "observers.early-stopping.least_gain": 1000}
    result = run_here(
        images,
        tmp_path / "run",
        steps=50,
        observer="early-stopping",
        more={**impatient, "training.checkpoint_every": 2},
    )

    assert (result.finished, result.step) == (True, 6), "the first evaluation is the best, then two are no better"
    assert result.resume_command == f"i2i run --resume {result.folder}"
    assert i2i.run(resume=result.folder).step == 6, "it asks for the end at once"
    assert i2i.run(resume=result.folder, set={"observers.early-stopping.patience": 3}).step == 8


def test_what_surrounds_the_method_costs_little(images, tmp_path, monkeypatch):
    """Per step, everything from the end of the update to the loading of the next images."""
    inside, spent, ended = [], [], []
    step, load = NetworkUpdate.train, Batches.__next__

    def timed(update, batches):
        started = time.thread_time()
        terms = step(update, batches)
        ended[:] = [time.thread_time()]
        inside.append(ended[0] - started)
        return terms

    def loading(batches):
        spent.extend(time.thread_time() - before for before in ended)
        return load(batches)

    monkeypatch.setattr(NetworkUpdate, "train", timed)
    monkeypatch.setattr(Batches, "__next__", loading)
    run_here(images, tmp_path / "run", steps=30, more={"training.log_every": 50})
    assert np.median(spent) < 0.001, "seconds of bookkeeping a step"
    assert np.median(spent) < np.median(inside) / 5
