"""The log of a run: anything that is not a line of it is skipped, and what is kept of a long one is bounded."""

from __future__ import annotations

import json

import pytest

from i2i.training.records import run_log
from i2i.training.records.run_log import lines_of, read_log


def train(step, **more):
    return {"kind": "train", "step": step, "epoch": step / 8, "seconds": step / 2, "losses": {"G": float(step)}, **more}


def evaluation(step, **directions):
    return {"kind": "evaluation", "step": step, "images": 2, "directions": directions}


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "metrics.jsonl"

    def write(*lines):
        path.write_bytes(
            b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
        )
        return path

    return write


@pytest.mark.parametrize(
    "damage",
    [
        b"\xff\n",
        b'{"kind": "train", "step": 2, "note": "\xff"}\n',
        b'{"kind": "train", "st\n',
        b'{"kind": "train", {"kind": "train", "step": 3}\n',
        b"[1]\n",
        b'{"kind": "train", "step": -1}\n',
        b'{"kind": "train", "step": true}\n',
        b'{"kind": "train", "step": 1e300}\n',
        b'{"kind": "train", "step": ' + b"9" * 400 + b"}\n",
        b"[" * 1000 + b"\n",
        b'{"kind": "train", "step": 2, "note": "' + b"x" * 200_000 + b'"}\n',
        b"\0" * 4096 + b"\n",
    ],
    ids=range(12),
)
def test_what_is_no_line_is_counted_and_the_rest_is_read(log, damage):
    read = read_log(log(train(1), damage, b"\n", b"  \r\n", train(5), evaluation(5, AtoB={"l1": 3.0})))

    assert read.damaged == 1
    assert [line["step"] for line in read.train] == [1, 5]
    assert read.last == train(5)
    assert read.evaluations == [evaluation(5, AtoB={"l1": 3.0})]


def test_a_byte_order_mark_and_windows_line_ends_are_no_damage(log):
    read = read_log(log(b"\xef\xbb\xbf" + json.dumps(train(1)).encode() + b"\r\n", train(2)))

    assert (read.damaged, len(read.train)) == (0, 2)


def test_values_that_are_no_numbers_are_left_out(log):
    read = read_log(log(b'{"kind": "train", "step": 1, "losses": {"G": NaN, "D": 0.5, "x": "y", "c": true, "i": 3}}\n'))

    assert read.train[0]["losses"] == {"D": 0.5, "i": 3.0}
    assert read.damaged == 0


@pytest.mark.parametrize("told", [{"a/p": 0.5, "b": "x"}, "high", None, [1]], ids=str)
def test_of_augmentations_the_numbers_count(log, told):
    read = read_log(log(train(1, augmentations=told)))
    assert read.train[0]["augmentations"] == ({"a/p": 0.5} if isinstance(told, dict) else {})


def test_a_log_cannot_bring_in_names_without_end(log):
    read = read_log(log(*[train(step, losses={f"G{step}": 1.0}) for step in range(3 * run_log.MOST_TERMS)]))

    assert len(read.train) == run_log.MOST_TERMS
    assert read.damaged == 2 * run_log.MOST_TERMS


def test_a_long_log_is_thinned_to_means_in_the_order_of_steps(log, monkeypatch):
    monkeypatch.setattr(run_log, "MOST_POINTS", 16)

    read = read_log(log(*[train(step) for step in range(0, 5000, 5)], evaluation(7, AtoB={"l1": 1.0})))

    steps = [line["step"] for line in read.train]
    assert 4 <= len(steps) <= 16
    assert steps == sorted(steps)
    assert steps[-1] == read.last["step"] == 4995
    width = steps[1] - steps[0]
    for line in read.train[1:-1]:  # the mean of what was logged since the line before
        assert line["losses"]["G"] == pytest.approx(line["step"] - width / 2, abs=5)
    assert read.evaluations == [evaluation(7, AtoB={"l1": 1.0})]


def test_thinning_keeps_the_last_of_many_measurements(log, monkeypatch):
    monkeypatch.setattr(run_log, "MOST_POINTS", 16)

    read = read_log(log(*[evaluation(step, AtoB={"l1": float(step)}) for step in range(100)]))

    assert len(read.evaluations) <= 16
    assert all(line["directions"]["AtoB"]["l1"] == line["step"] for line in read.evaluations)
    assert read.evaluations[-1]["step"] == 99


def test_of_a_very_long_log_some_lines_are_parsed_and_always_the_last_and_all_measurements(log, monkeypatch):
    lines = [train(step) for step in range(1000)]
    path = log(*lines[:500], evaluation(499, AtoB={"l1": 1.0}), b"\xff\n", *lines[500:])
    monkeypatch.setattr(run_log, "WHOLLY_PARSED", path.stat().st_size // 7)
    parsed = []
    monkeypatch.setattr(
        run_log, "parse_line", lambda line, parse=run_log.parse_line: parsed.append(line) or parse(line)
    )

    read = read_log(path)

    assert 100 < len(parsed) < 200
    assert len(read.train) > 100
    assert read.train[-1] == read.last == lines[-1]
    assert (len(read.evaluations), read.damaged) == (1, 1)


def test_one_step_far_away_does_not_coarsen_the_others(log):
    read = read_log(log(*[train(step) for step in range(1000)], train(10**15)))

    assert len(read.train) == 1001


def test_steps_that_a_resumed_run_repeats_count_once(log, monkeypatch):
    read = read_log(log(train(1), train(2, losses={"G": 9.0}), train(1), train(2)))
    assert [line["losses"]["G"] for line in read.train] == [1.0, 2.0]

    monkeypatch.setattr(run_log, "MOST_POINTS", 4)
    first = [train(step, losses={"G": 100.0}) for step in range(64)]
    read = read_log(log(*first, *[train(step) for step in range(64)]))
    assert all(line["losses"]["G"] < 64 for line in read.train)


def test_lines_are_given_as_they_stand(log):
    path = log(train(1), b'{"kind": "later", "step": 2}\r\n', b"torn")

    assert [(line, record and record["kind"]) for line, record in lines_of(path)] == [
        (json.dumps(train(1)).encode() + b"\n", "train"),
        (b'{"kind": "later", "step": 2}\r\n', "later"),
        (b"torn", None),
    ]
