"""A line holds the means since the line before, of all processes, and the speed between them."""

import json
from contextlib import contextmanager

import pytest
from accelerate import Accelerator

from i2i.training.loss_lines import LossLines
from i2i.training.observing import Observing
from i2i.training.position import Position
from i2i.training.processes import Processes


class Folder:
    """Keeps lines as ``metrics.jsonl`` does, or refuses them."""

    def __init__(self):
        self.lines, self.metrics_file, self.error = [], type("File", (), {"name": "metrics.jsonl"}), None

    def append_metrics(self, line):
        if self.error is not None:
            raise self.error
        self.lines.append(json.loads(json.dumps(line)))


@pytest.fixture
def folder():
    return Folder()


@pytest.fixture
def failed():
    """What could not be written."""
    return []


@pytest.fixture
def lines(folder, failed):
    @contextmanager
    def tolerating(without):
        try:
            yield
        except OSError:
            failed.append(without)

    return LossLines(folder, Observing({}, print), Processes(Accelerator(cpu=True)), 2, 8, tolerating)


def train(position, *losses, seconds=0.5):
    for loss in losses:
        position.advance(2, position.seconds + seconds)
        position.add({"G": loss}, loss)


def test_a_line_holds_means_rate_and_speed_since_the_line_before(lines, folder):
    position = Position()
    lines.begin(position, 2e-4)
    train(position, 1.0, 3.0)
    lines.write(position)
    train(position, 5.0, seconds=0.25)
    lines.write(position)

    first, second = folder.lines
    assert first == {
        "kind": "train",
        "step": 2,
        "epoch": 0.5,
        "seconds": 1.0,
        "images_per_second": 4.0,
        "learning_rate": 2e-4,
        "losses": {"G": 2.0},
    }
    assert (second["step"], second["losses"], second["images_per_second"]) == (3, {"G": 5.0}, 8.0)


def test_a_line_shows_what_an_augmentation_adapted_to(lines, folder):
    lines.augmentations, heard = lambda: {"diffaugment/probability": 0.25}, {}
    lines.observing.logged = lambda step, values: heard.update(values)
    position = Position()
    train(position, 1.0)
    lines.write(position)

    assert folder.lines[0]["augmentations"] == {"diffaugment/probability": 0.25}
    assert heard["augmentation/diffaugment/probability"] == 0.25


def test_the_end_between_two_lines_begins_none(lines, folder):
    position = Position()
    lines.begin(position, 1e-4)
    train(position, 1.0)
    lines.write_end(position)

    assert folder.lines[0]["end"] is True
    assert position.means() == {"G": 1.0}, "the run that is resumed writes the whole line"


def test_a_run_that_ends_at_a_line_logs_nothing_twice(lines, folder):
    position = Position()
    lines.begin(position, 1e-4)
    train(position, 1.0)
    lines.write(position)
    lines.write_end(position)

    assert len(folder.lines) == 1


def test_without_a_step_there_is_no_speed(lines, folder):
    position = Position(step=4, samples=8)
    position.add({"G": 1.0}, 1.0)
    lines.begin(position, 1e-4)
    lines.write(position)

    assert "images_per_second" not in folder.lines[0]


def test_a_line_that_cannot_be_written_stops_nothing(lines, folder, failed):
    folder.error = OSError("no space left")
    position = Position()
    lines.begin(position, 1e-4)
    train(position, 1.0)
    lines.write(position)

    assert failed == ["metrics.jsonl"]
    assert position.means() == {}
