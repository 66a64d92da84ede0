"""A case: candidates that do the same work, each with a check of its result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import torch
from torch import Tensor

Precision = Literal["fp32", "bf16"]
Made = TypeVar("Made")


@dataclass(frozen=True)
class Setting:
    """Where and how cases run.

    Attributes:
        device: ``cpu`` or a CUDA device.
        threads: threads that each candidate may use on the CPU.
        rivals: whether candidates that start slowly take part: torch.compile, ONNX Runtime, OpenVINO.
    """

    device: torch.device
    threads: int
    rivals: bool = True


@dataclass(frozen=True)
class Deviation:
    """How far a result is from the truth: the norm of the difference divided by the norm of the truth.

    Attributes:
        what: which result, such as ``"output"`` or ``"gradient of x"``.
        value: the relative error; NaN when something is not finite.
        limit: the largest that passes.
    """

    what: str
    value: float
    limit: float

    @property
    def passes(self) -> bool:
        """Whether the result is right; NaN is not."""
        return self.value <= self.limit


def deviation(what: str, result: Tensor, truth: Tensor, limit: float) -> Deviation:
    """Compare a result with the truth, in float64.

    Raises:
        ValueError: when the shapes differ.
    """
    if result.shape != truth.shape:
        raise ValueError(f"{what} must have shape {list(truth.shape)}; got {list(result.shape)}")
    truth = truth.double()
    difference = result.detach().to(truth.device).double() - truth
    return Deviation(what, (difference.norm() / truth.norm()).item(), limit)


@dataclass(frozen=True)
class Candidate:
    """One way to do the work of a case.

    Attributes:
        name: such as ``"fused"``.
        call: does the work once; this is what is timed.
        check: does the work and says how far its results are from the truth.
        precision: what it computes in.
        flops: floating-point operations of one call as this candidate does them, where that is known.
        rival: whether it is somebody else's software, which may fail without the case failing.
    """

    name: str
    call: Callable[[], object]
    check: Callable[[], Sequence[Deviation]]
    precision: Precision = "fp32"
    flops: int | None = None
    rival: bool = False


def fused_or_reason(
    reason: str | None, names: Iterable[str], make: Callable[[], Iterable[Made]]
) -> tuple[list[Made], dict[str, str]]:
    """Make the fused candidates, or say why they cannot take part.

    Args:
        reason: what speaks against it, as :func:`i2i.ops.reason_against_fused` says it, or ``None``.
        names: of the candidates that are missing then.
        make: makes the candidates, or whatever stands for them; called only where nothing speaks against it.

    Returns:
        What was made, and each missing name with the reason. One of the two is empty.
    """
    return (list(make()), {}) if reason is None else ([], dict.fromkeys(names, reason))


@dataclass(frozen=True)
class Prepared:
    """A case ready to run.

    Attributes:
        candidates: the first one is the baseline, PyTorch eager.
        missing: candidates that cannot take part, with the reason in one line.
        direct_flops: floating-point operations of the work, with every convolution counted as a direct one.
    """

    candidates: Sequence[Candidate]
    missing: Mapping[str, str] = field(default_factory=dict)
    direct_flops: int | None = None


@dataclass(frozen=True)
class TimedCase:
    """Work that is timed.

    Attributes:
        name: what ``--case`` takes.
        title: what it is, with the shape.
        prepare: makes inputs and candidates.
        quick: whether ``--quick`` includes it.
        headline: whether the plot shows it.
    """

    name: str
    title: str
    prepare: Callable[[Setting], Prepared]
    quick: bool = False
    headline: bool = False


@dataclass(frozen=True)
class MemoryCase:
    """Memory that is counted.

    Attributes:
        name: what ``--case`` takes.
        title: what it is, with the shape.
        measure: returns bytes for each candidate, the baseline first, and the missing ones with the reason.
        quick: whether ``--quick`` includes it.
    """

    name: str
    title: str
    measure: Callable[[Setting], tuple[Mapping[str, int], Mapping[str, str]]]
    quick: bool = False


Case = TimedCase | MemoryCase
