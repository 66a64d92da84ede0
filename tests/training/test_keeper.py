"""What a checkpoint is judged by. How it is saved and drawn is seen in whole runs: test_trainer.py, test_ends.py."""

from types import SimpleNamespace

import pytest

from i2i.errors import DataError, DivergedError
from i2i.evaluation.held_out import HeldOut
from i2i.models.checkpoint import CheckpointFolder
from i2i.models.scores import table_of
from i2i.plugins.manager import PluginManager
from i2i.terminal import Silent
from i2i.training.keeper import Keeper
from i2i.training.observing import Observing
from i2i.training.records.run_folder import RunFolder

ACCELERATOR = SimpleNamespace(
    is_main_process=True,
    num_processes=1,
    process_index=0,
    device="cpu",
    wait_for_everyone=lambda: None,
)


class WithoutTruth(list):
    """Held-out images as the keeper sees them: how many, and that nothing is fitted to compare them with."""

    truth = False


class Judged:
    """A keeper whose checkpoints hold nothing, and how many images it was asked to measure, in order."""

    def __init__(self, folder, monkeypatch, *, held_out, compared=2, best=None):
        training = SimpleNamespace(keep=1, evaluation_images=compared, best=best, inference="deterministic")
        snapshot = SimpleNamespace(method=SimpleNamespace(directions={}))
        self.folder, self.measured = CheckpointFolder(folder / "checkpoints", 1), []
        self.keeper = Keeper(
            None,
            SimpleNamespace(training=training),
            RunFolder(folder),
            ACCELERATOR,
            Observing({}, print),
            Silent(),
            train_set=None,
            test_set=WithoutTruth(range(held_out)),
            snapshot=snapshot,
            metrics=(),
            table=table_of(PluginManager({})),
            write_page=lambda path, metrics: None,
        )
        self.fails = lambda images: None

        def measure(held_out, images, baselines):
            self.measured.append(images)
            if error := self.fails(images):
                raise error
            return {"AtoB": {"l1": self.keeper.position.step + images / 100}}

        monkeypatch.setattr(HeldOut, "measure", measure)

    def save(self, step):
        self.keeper.position.step = step
        self.folder.write_rank(step, 0, {})
        self.folder.write(
            step, {"step": step, "world_size": 1, "score": None, "metrics": None, "images": None}, {}, {}, 1
        )

    @property
    def latest(self):
        return self.folder.latest()


@pytest.fixture
def judged(tmp_path, monkeypatch):
    tmp_path.mkdir(exist_ok=True)
    return lambda **options: Judged(tmp_path, monkeypatch, **options)


def test_a_checkpoint_is_measured_once_on_what_all_are_compared_on(judged):
    run = judged(held_out=5)
    run.save(1)
    assert run.keeper.judge_checkpoint() == run.keeper.judge_checkpoint() == {"AtoB": {"l1": 1.02}}
    assert run.measured == [2]
    assert (run.latest.images, run.latest.score) == (2, 1.02)


@pytest.mark.parametrize("judged_before", [False, True])
def test_the_end_is_measured_on_all_images_and_scored_as_the_others(judged, judged_before):
    run = judged(held_out=5)
    run.save(1)
    if judged_before:
        run.keeper.judge_checkpoint()
    assert run.keeper.judge_end() == run.keeper.judge_end() == {"AtoB": {"l1": 1.05}}
    assert run.measured == [2, 5]
    assert (run.latest.images, run.latest.score) == (5, 1.02)


@pytest.mark.parametrize("judged_before", [False, True])
def test_few_images_are_measured_once(judged, judged_before):
    run = judged(held_out=2, compared=50)
    run.save(1)
    if judged_before:
        run.keeper.judge_checkpoint()
    run.keeper.judge_end()
    assert run.measured == [2]
    assert (run.latest.images, run.latest.score) == (2, 1.02)


@pytest.mark.parametrize("end", [False, True])
def test_without_held_out_images_nothing_is_measured_and_the_checkpoint_is_judged(judged, end):
    run = judged(held_out=0)
    run.save(1)
    assert (run.keeper.judge_end() if end else run.keeper.judge_checkpoint()) == {}
    assert run.measured == []
    assert (run.latest.images, run.latest.score) == (0, None)


@pytest.mark.parametrize("fails_at", [2, 5])
def test_an_end_that_cannot_be_measured_leaves_every_checkpoint(judged, fails_at):
    """The first of its two measurements removes no older checkpoint yet."""
    run = judged(held_out=5)
    for step in (1, 2):
        run.save(step)
    run.fails = lambda images: DataError("gone") if images == fails_at else None
    with pytest.raises(DataError, match="gone\nNo training is lost: the checkpoint of step 2 is saved in"):
        run.keeper.judge_end()
    assert [checkpoint.step for checkpoint in run.folder.all()] == [1, 2]
    run.fails = lambda images: None
    run.keeper.judge_end()
    assert [checkpoint.step for checkpoint in run.folder.all()] == [2]


@pytest.mark.parametrize("fails_at", [2, 5])
def test_a_checkpoint_that_gives_no_numbers_is_taken_back(judged, fails_at):
    run = judged(held_out=5)
    for step in (1, 2):
        run.save(step)
    run.fails = lambda images: DivergedError("NaN") if images == fails_at else None
    with pytest.raises(DivergedError, match=r"step 2: NaN; the last good checkpoint is .*step-00000001"):
        run.keeper.judge_end()
    assert [checkpoint.step for checkpoint in run.folder.all()] == [1]


def test_best_is_chosen_by_the_metric_that_the_run_names(judged, monkeypatch):
    keeper = judged(held_out=1, best="psnr")
    for step, psnr in ((1, 20.0), (2, 30.0), (3, 25.0)):
        keeper.save(step)
        monkeypatch.setattr(HeldOut, "measure", lambda *_, psnr=psnr: {"AtoB": {"l1": 1.0, "psnr": psnr}})
        keeper.keeper.judge_checkpoint()
    assert keeper.folder.best().step == 2
    assert keeper.latest.score == -25
