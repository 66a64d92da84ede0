"""How long a run trains, also after a resume, and what its log holds from the first step to the last."""

import time

import pytest

import i2i
from i2i.builtin.methods.cyclegan import CycleGAN

from ..helpers.running import UNPAIRED, Child, latest, lines_of, losses_of, run_here, steps_logged

pytestmark = pytest.mark.usefixtures("one_thread", "no_page")


@pytest.mark.parametrize(
    ("budget", "steps"),
    [({"epochs": 1}, 8), ({"epochs": 0.5}, 4), ({"epochs": 1, "steps": 3}, 3), ({"epochs": 0.25, "steps": 9}, 2)],
)
def test_the_first_limit_ends_the_run(images, tmp_path, budget, steps):
    result = run_here(images, tmp_path / "run", **budget)
    assert (result.step, result.finished) == (steps, True)


def test_an_epoch_counts_images_not_steps(images, tmp_path):
    assert run_here(images, tmp_path / "run", epochs=1, batch_size=2, accumulate=2).step == 2


@pytest.mark.parametrize("name", ["linear", "cosine", "step"])
def test_a_larger_budget_goes_on_at_the_rate_of_its_own_plan(images, tmp_path, name):
    given = {"batch_size": 4, "more": {"schedule.name": name, "schedule.step_epochs": 1}}  # two steps an epoch
    straight = run_here(images, tmp_path / "straight", epochs=4, **given)
    result = run_here(images, tmp_path / "run", epochs=2, **given)
    i2i.run(resume=result.folder, epochs=4)
    ours, theirs = ([line["learning_rate"] for line in losses_of(each.folder)] for each in (result, straight))
    assert len(ours) == len(theirs) == 8
    assert ours[4:] == theirs[4:]


def test_a_step_knows_its_number_and_the_share_of_the_budget(images, tmp_path, monkeypatch):
    told, step = [], CycleGAN.step

    def listening(method, batches, update):
        told.append((update.step, update.fraction))
        return step(method, batches, update)

    monkeypatch.setattr(CycleGAN, "step", listening)
    result = run_here(images, tmp_path / "run", steps=2)
    i2i.run(resume=result.folder, steps=4)

    assert told == [(0, 0), (1, 1 / 2), (2, 2 / 4), (3, 3 / 4)]


def test_a_line_holds_the_rate_that_its_step_was_trained_at(images, tmp_path):
    result = run_here(images, tmp_path / "run", epochs=2)  # the second one at half the rate
    rates = [line["learning_rate"] for line in losses_of(result.folder)]
    assert rates == [2e-4] * 8 + [1e-4] * 8


def test_minutes_end_a_run_and_count_on_after_a_resume(images, tmp_path):
    started = time.monotonic()
    result = run_here(images, tmp_path / "run", minutes=1 / 60)
    assert 1 <= time.monotonic() - started < 30
    assert result.finished
    assert result.step > 0
    again = i2i.run(resume=result.folder)
    assert again.step == result.step, "the minute is used up"
    assert i2i.run(resume=result.folder, minutes=1.5 / 60).step > result.step


def test_no_step_at_all_is_a_run_too(images, tmp_path):
    result = run_here(images, tmp_path / "run", steps=0)
    assert (result.step, result.finished) == (0, True)
    assert latest(result).step == 0
    assert i2i.run(resume=result.folder, steps=2).step == 2


def sparse(log_every):
    return {**UNPAIRED, "training.log_every": log_every}


def test_the_log_and_the_page_reach_to_the_end(images, tmp_path, monkeypatch):
    monkeypatch.undo()  # with its page
    result = run_here(images, tmp_path / "run", settings=sparse(3), steps=5)

    assert [(line["step"], line.get("end", False)) for line in lines_of(result.folder, "train")] == [
        (3, False),
        (5, True),
    ]
    page = result.page.read_text()
    assert "<dt>steps</dt><dd>5</dd>" in page
    seconds = latest(result).description["seconds"]
    assert lines_of(result.folder, "train")[-1]["seconds"] == pytest.approx(seconds, abs=1e-3)


def test_a_run_shorter_than_a_line_has_one_all_the_same(images, tmp_path, monkeypatch):
    monkeypatch.undo()  # with its page
    result = run_here(images, tmp_path / "run", settings=sparse(50), steps=2)

    assert steps_logged(result.folder) == [2]
    assert "Nothing has been logged" not in result.page.read_text()


def test_a_run_that_goes_on_writes_the_log_of_one_that_never_ended(images, tmp_path):
    straight = run_here(images, tmp_path / "straight", settings=sparse(3), steps=7)
    first = run_here(images, tmp_path / "run", settings=sparse(3), steps=4)
    assert steps_logged(first.folder) == [3, 4]
    i2i.run(resume=first.folder)  # nothing is left to do
    assert steps_logged(first.folder) == [3, 4]

    i2i.run(resume=first.folder, steps=7)

    assert losses_of(first.folder) == losses_of(straight.folder)
    assert steps_logged(first.folder) == [3, 6, 7]


@pytest.mark.parametrize(
    "damage",
    [b"\xff", b'{"kind": "train", "step": 2, "losses": {"G_A\xff": 1}}', b"[" * 5000, b'{"step": "x"}', b"\0" * 512],
    ids=range(5),
)
def test_a_damaged_line_of_the_log_does_not_stop_a_resume(images, tmp_path, damage):
    result = run_here(images, tmp_path / "run", steps=3)
    file = result.folder / "metrics.jsonl"
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    file.write_bytes(b"".join([lines[0], damage + b"\n\n", *lines[1:]]))

    child = Child(tmp_path / "log", resume=result.folder, progress=True).succeed()

    assert f"1 line of {file} could not be read and was left out" in child.output()
    assert file.read_bytes() == whole
