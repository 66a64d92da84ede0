"""What a run found, as records that become JSON; the table, the plot and the documentation are made from that."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from i2i.errors import ConfigError

FORMAT = 1
WIDE_SPREAD = 0.15
"""Share of the median between the quartiles from which a time is doubtful."""


@dataclass(frozen=True)
class Result:
    """One candidate of one case.

    Attributes:
        name: the candidate.
        precision: what it computes in.
        seconds: one call: count, median, quartiles and extremes.
        ratio: how many times faster than the baseline in the same round: the same numbers.
        speedup: the baseline's median time divided by this one's.
        errors: relative error and limit of each checked result.
        effective_share: direct-convolution operations a second as a share of the machine's measured peak.
        true_share: the same with the operations that are really done, where those are known.
    """

    name: str
    precision: str
    seconds: Mapping[str, float]
    ratio: Mapping[str, float]
    speedup: float
    errors: Mapping[str, Mapping[str, float]]
    effective_share: float | None = None
    true_share: float | None = None

    @property
    def spread(self) -> float:
        """Interquartile range of the times as a share of their median."""
        return (self.seconds["upper"] - self.seconds["lower"]) / self.seconds["median"]


@dataclass(frozen=True)
class TimedResult:
    """One case: its candidates, or why it was not timed.

    Attributes:
        name: the case.
        title: what it is.
        headline: whether the plot shows it.
        rounds: samples of each candidate.
        direct_flops: see :class:`~i2i.benchmarking.case.Prepared`.
        peak_flops: floating-point operations a second of the machine, measured in the same rounds.
        results: the baseline first; empty when a check failed.
        missing: candidates that did not take part, with the reason.
        failures: checks that failed.
    """

    name: str
    title: str
    headline: bool
    rounds: int = 0
    direct_flops: int | None = None
    peak_flops: float | None = None
    results: Sequence[Result] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    failures: Sequence[str] = ()


@dataclass(frozen=True)
class MemoryResult:
    """Bytes of each candidate, the baseline first, and the missing ones."""

    name: str
    title: str
    bytes: Mapping[str, int]
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BenchReport:
    """What :func:`i2i.bench` found.

    Attributes:
        created: date and time, UTC, ISO 8601.
        device: see :func:`i2i.benchmarking.machine.describe_device`.
        software: versions and commit.
        kernels: see :func:`i2i.benchmarking.machine.describe_kernels`.
        settings: threads, rounds and so on.
        load_average: of the minute before, or None where that is unknown.
        timed: the timed cases.
        memory: the memory cases.
        warnings: why the numbers may be doubtful.
    """

    created: str
    device: Mapping[str, Any]
    software: Mapping[str, Any]
    kernels: Mapping[str, Any]
    settings: Mapping[str, Any]
    load_average: float | None
    timed: Sequence[TimedResult]
    memory: Sequence[MemoryResult]
    warnings: Sequence[str] = ()

    @property
    def failures(self) -> list[str]:
        """Every check that failed, with its case."""
        return [f"{case.name}: {failure}" for case in self.timed for failure in case.failures]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"format": FORMAT, **asdict(self)}


def write_json(report: BenchReport, path: Path) -> None:
    """Write a report.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        path.write_text(json.dumps(report.to_dict(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}; choose another place with --report") from error


TIMED_COLUMNS = ("case", "candidate", "median", "spread", "ratio", "error", "of peak", "really")
MEMORY_COLUMNS = ("case", "candidate", "MiB", "of eager")


def timed_rows(report: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Return the rows of the table of times of :meth:`BenchReport.to_dict`, the columns being :data:`TIMED_COLUMNS`.

    ``spread`` is the interquartile range in percent of the median; ``error`` the largest relative one; ``of peak`` and
    ``really`` are the shares with direct and with actual operations. A title stands in a case's first row alone.
    """
    for case in report["timed"]:
        title = case["title"]
        for failure in case["failures"]:
            yield title, "FAILED, not timed", failure, "", "", "", "", ""
            title = ""
        for result in case["results"]:
            seconds = result["seconds"]
            errors = [error["value"] for error in result["errors"].values()]
            yield (
                title,
                result["name"],
                _duration(seconds["median"]),
                f"{(seconds['upper'] - seconds['lower']) / seconds['median']:.0%}",
                f"{result['speedup']:.2f} x",
                f"{max(errors):.1e}" if errors else "",
                _share(result["effective_share"]),
                _share(result["true_share"]),
            )
            title = ""


def memory_rows(report: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Return the rows of the table of memory, the columns being :data:`MEMORY_COLUMNS`."""
    for case in report["memory"]:
        title = case["title"]
        baseline = next(iter(case["bytes"].values()))
        for name, count in case["bytes"].items():
            yield title, name, f"{count / 2**20:.1f}", f"{count / baseline:.2f}"
            title = ""


def missing_lines(report: Mapping[str, Any]) -> list[str]:
    """Return one line for each reason why candidates are missing, naming them."""
    names: dict[str, dict[str, None]] = {}
    for case in [*report["timed"], *report["memory"]]:
        for name, reason in case["missing"].items():
            names.setdefault(reason, {})[name] = None
    return [f"{', '.join(found)}: {reason}" for reason, found in names.items()]


def circumstances(report: Mapping[str, Any]) -> str:
    """Return in one line what the numbers belong to."""
    device, software, kernels = report["device"], report["software"], report["kernels"]
    parts = [device["name"]]
    if device["type"] == "cpu":
        threads = report["settings"]["threads"]
        parts.append(f"{threads} thread{'s' if threads > 1 else ''} of {device['cores']} cores")
    parts.append(f"torch {software['torch']}")
    parts.append(f"i2i {software['i2i']}" + (f" at {software['commit']}" if software["commit"] else ""))
    parts.append(f"kernels {kernels['variant'] or 'none'} ({kernels['rung']})")
    parts.append(report["created"].partition("T")[0])
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"
