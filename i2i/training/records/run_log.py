"""The log of a run, ``metrics.jsonl``, read in a stream: a run of weeks has a million lines, and any may be damaged.

::

    {"kind": "train", "step": 50, "epoch": 0.3, "seconds": 14.7, "images_per_second": 3.4, "learning_rate": 0.0002,
     "losses": {"G_A": 0.9, "D_A": 0.2}}
    {"kind": "evaluation", "step": 600, "images": 40, "directions": {"AtoB": {"l1": 18.0, "identity_l1": 14.5}},
     "held_out_by": "a hash of the name (test_fraction 0.1)"}

The terms of a line are means over the steps since the line before. ``"end": true`` marks the last line of a run that
ended between two: resuming, the run drops it and writes the whole line that it is a part of. Where an augmentation
adapts, a line has ``"augmentations": {"diffaugment/probability": 0.2}``, as they are at its step.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from i2i.models.scores import values_from_json

Record = dict[str, Any]

LONGEST_LINE = 1 << 16
"""Bytes of a line: ours have some hundreds."""
MOST_POINTS = 2048
"""Points of a curve that are kept; see :class:`_Thinned`."""
MOST_TERMS = 400
"""Names of losses, or of directions and metrics, in one log."""

WHOLLY_PARSED = 48 << 20
"""Bytes of a log up to which every line is parsed, some 150,000 lines; of a longer one, every n-th."""

_LOSSES = b'{"kind": "train", "step": '
_END_OF_STEPS = 2**53
_INFINITIES = (math.inf, -math.inf)


@dataclass
class RunLog:
    """The contents of a log, thinned to what can be drawn.

    Attributes:
        train: lines of losses in the order of steps; of a long log, each is the mean of several.
        evaluations: lines of held-out metrics in the order of steps; of very many, the last of several.
        last: the line of losses of the last step, as it stands.
        damaged: how many of the parsed lines are not lines of a log; see :data:`WHOLLY_PARSED`.
    """

    train: list[Record] = field(default_factory=list)
    evaluations: list[Record] = field(default_factory=list)
    last: Record | None = None
    damaged: int = 0


def read_log(path: Path) -> RunLog:
    """Read a log. A later line of a step counts: a resumed run repeats the steps since its checkpoint.

    Raises:
        OSError: the file cannot be read.
    """
    log, names = RunLog(), set[str]()
    every = 1 + path.stat().st_size // WHOLLY_PARSED
    train, evaluations = _Thinned(_average), _Thinned(_keep_later)
    for _, record in lines_of(path, every):
        if record is None or not _tidy(record, names):
            log.damaged += 1
        elif record["kind"] == "train":
            train.add(record)
            if log.last is None or record["step"] >= log.last["step"]:
                log.last = record
        elif record["kind"] == "evaluation":
            evaluations.add(record)
    log.train, log.evaluations = train.records(), evaluations.records()
    return log


def lines_of(path: Path, every: int = 1) -> Iterator[tuple[bytes, Record | None]]:
    """Each line that is not blank, with its contents: a mapping with ``kind`` and ``step``, or ``None``.

    Args:
        path: the log.
        every: give only every n-th of the lines that begin and end like lines of losses, and the last one: most of
            the time goes into parsing them. All other lines are given.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        first, skipped, number = True, b"", 0
        while line := file.readline(LONGEST_LINE):
            if first:
                line, first = line.removeprefix(codecs.BOM_UTF8), False
            if every > 1 and line.startswith(_LOSSES) and line.endswith(b"}\n"):
                number += 1
                if number % every:
                    skipped = line
                    continue
                skipped = b""
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                    pass
                yield b"", None
            elif record := parse_line(line):
                yield line, record
            elif line.strip():
                yield line, None
        if skipped:
            yield skipped, parse_line(skipped)


def parse_line(line: bytes) -> Record | None:
    """The contents of one line, or ``None`` when it is not a line of a log."""
    try:
        record = from_json(line, cache_strings="keys")  # four times as quick as the standard library
    except ValueError:  # also not UTF-8, or nested too deeply
        return None
    if type(record) is not dict or type(record.get("kind")) is not str:
        return None
    step = record.get("step")
    return record if type(step) is int and 0 <= step < _END_OF_STEPS else None


def is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _tidy(record: Record, names: set[str]) -> bool:
    """Leave in a record the numbers that are numbers; false for one of too many ``names``, which gathers them all."""
    if record["kind"] == "train":
        losses = record.get("losses")
        record["losses"] = losses if _are_finite(losses) else _numbers_of(losses)
        if not record["losses"].keys() <= names:
            names.update(record["losses"])
        if "augmentations" in record:
            record["augmentations"] = _numbers_of(record["augmentations"])
            names.update(record["augmentations"])
    elif record["kind"] == "evaluation":
        directions = record.get("directions")
        directions = directions if isinstance(directions, dict) else {}
        record["directions"] = {
            way: _numbers_of(values_from_json(values)) if isinstance(values, dict) else {}
            for way, values in directions.items()
        }
        names.update(f"{way}/{name}" for way, values in record["directions"].items() for name in values)
    return len(names) <= MOST_TERMS


def _are_finite(values: Any) -> bool:
    """Whether all values are finite floats: so is every line that i2i writes."""
    if type(values) is not dict:
        return False
    for value in values.values():  # noqa: SIM110 - half the time of all(), and this is for every line
        if type(value) is not float or value - value != 0.0:
            return False
    return True


def _numbers_of(value: Any) -> dict[str, float]:
    """The numbers of a dictionary; none of anything else."""
    items = value.items() if isinstance(value, dict) else ()
    return {name: float(number) for name, number in items if is_number(number) or number in _INFINITIES}


class _Thinned:
    """Records by step, with neighbours merged so that no more than :data:`MOST_POINTS` are kept.

    Args:
        merge: takes an earlier record, how many lines it stands for, a later one and the same of that; puts what they
            say together into the later one.
    """

    def __init__(self, merge: Callable[[Record, int, Record, int], None]) -> None:
        self._merge = merge
        self._width = 1  # steps that share a place
        self._places: dict[int, tuple[Record, int]] = {}

    def add(self, record: Record) -> None:
        place = record["step"] // self._width
        found = self._places.get(place)
        if found is None:
            self._places[place] = record, 1
            if len(self._places) > MOST_POINTS:
                self._halve()
        elif record["step"] > found[0]["step"]:
            self._merge(*found, record, 1)
            self._places[place] = record, found[1] + 1
        else:  # what a resumed run repeats begins here
            self._places[place] = record, 1

    def records(self) -> list[Record]:
        return [self._places[place][0] for place in sorted(self._places)]

    def _halve(self) -> None:
        """Let twice as many steps share a place, until half of the places are enough."""
        while len(self._places) > MOST_POINTS // 2:
            self._width *= 2
            before, self._places = [self._places[place] for place in sorted(self._places)], {}
            for record, lines in before:
                place = record["step"] // self._width
                found = self._places.get(place)
                if found is not None:
                    self._merge(*found, record, lines)
                self._places[place] = record, lines + (found[1] if found is not None else 0)


def _keep_later(earlier: Record, before: int, later: Record, lines: int) -> None:
    """What the later line says counts."""


def _average(earlier: Record, before: int, later: Record, lines: int) -> None:
    """The means of two lines of losses, at the later step."""
    share, losses, means = lines / (before + lines), later["losses"], earlier["losses"]
    for name, value in losses.items():
        if name in means:
            means[name] += (value - means[name]) * share
        else:
            means[name] = value
    later["losses"] = means
