"""A run: each case is checked and, when everything in it is right, timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import partial
from typing import Any

import torch

from i2i.benchmarking import machine
from i2i.benchmarking.case import Candidate, Case, Deviation, MemoryCase, Prepared, Setting, TimedCase
from i2i.benchmarking.cases import choose
from i2i.benchmarking.report import WIDE_SPREAD, BenchReport, MemoryResult, Result, TimedResult
from i2i.benchmarking.rivals import in_one_line
from i2i.benchmarking.timer import Call, Timer, ratios, summarise
from i2i.errors import ConfigError
from i2i.progress import working
from i2i.tensors.devices import check_device

SECONDS, QUICK_SECONDS = 12.0, 3.0
"""About how long a case is timed."""
PEAK = "peak"
PEAK_SIDE = {"cpu": 1536, "cuda": 8192}
"""Rows and columns of the matrices whose product measures the machine's peak."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class BenchOptions:
    """What a person can choose.

    Attributes:
        cases: names or patterns of cases; none for all.
        quick: few and short cases, no rivals that need long to get ready; under a minute.
        device: ``cpu``, ``cuda``, ``cuda:1``.
        threads: threads on the CPU; PyTorch's own number if not given.
        repeat: rounds of each case; chosen by time if not given.
    """

    cases: tuple[str, ...] = ()
    quick: bool = False
    device: str = "cpu"
    threads: int | None = None
    repeat: int | None = None


def run_bench(options: BenchOptions, tell: Tell = lambda _: None, cases: Sequence[Case] | None = None) -> BenchReport:
    """Check and time.

    Args:
        options: what was chosen.
        tell: called with what happens, one line at a time.
        cases: instead of those that ``options`` choose.

    Returns:
        The report; its ``failures`` say which checks failed. A case with a failure has no times.

    Raises:
        ConfigError: there is no such case or device.
        NativeError: ``I2I_BUILD=required``, and there is no native library.
    """
    chosen = choose(options.cases, quick=options.quick) if cases is None else list(cases)
    device = check_device(options.device)
    if device.type not in PEAK_SIDE:
        raise ConfigError(
            f"--device must be {' or '.join(PEAK_SIDE)}, for which there are kernels; got {options.device}"
        )
    load = machine.load_average()
    kernels = machine.describe_kernels(device)
    timed: list[TimedResult] = []
    memory: list[MemoryResult] = []
    with _threads(options.threads) as threads, _plain_float32() if device.type == "cuda" else nullcontext():
        setting, timer = Setting(device, threads, rivals=not options.quick), _timer(options, device)
        for number, case in enumerate(chosen, 1):
            tell(f"[{number}/{len(chosen)}] {case.name}: {case.title}")
            with working(f"  still at {case.name}"):
                if isinstance(case, MemoryCase):
                    memory.append(MemoryResult(case.name, case.title, *case.measure(setting)))
                    continue
                timed.append(_run_case(case, setting, timer))
                torch.compiler.reset()  # what was compiled for this case is never used again
    return BenchReport(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        device=machine.describe_device(device),
        software=machine.describe_software(),
        kernels=kernels,
        settings={"threads": threads, "quick": options.quick, "repeat": options.repeat, "seconds": timer.seconds},
        load_average=load,
        timed=timed,
        memory=memory,
        warnings=_warnings(load, device, timed),
    )


def _timer(options: BenchOptions, device: torch.device) -> Timer:
    return Timer(
        seconds=QUICK_SECONDS if options.quick else SECONDS,
        rounds=options.repeat,
        synchronize=partial(torch.cuda.synchronize, device) if device.type == "cuda" else lambda: None,
    )


def _run_case(case: TimedCase, setting: Setting, timer: Timer) -> TimedResult:
    prepared = case.prepare(setting)
    candidates, deviations, missing, failures = _check(prepared)
    if failures:
        return TimedResult(case.name, case.title, case.headline, missing=missing, failures=failures)
    calls: dict[str, Call] = {candidate.name: candidate.call for candidate in candidates}
    flops, calls[PEAK] = _peak(setting.device)
    samples = timer.measure(calls)
    peak = flops / summarise(samples[PEAK]).median
    baseline = samples[candidates[0].name]
    results = []
    for candidate in candidates:
        own = samples[candidate.name]
        seconds = summarise(own)
        comparable = candidate.precision == "fp32"  # other precisions have other peaks
        results.append(
            Result(
                name=candidate.name,
                precision=candidate.precision,
                seconds=asdict(seconds),
                ratio=asdict(ratios(baseline, own)),
                speedup=summarise(baseline).median / seconds.median,
                errors={each.what: {"value": each.value, "limit": each.limit} for each in deviations[candidate.name]},
                effective_share=_share(prepared.direct_flops, seconds.median, peak) if comparable else None,
                true_share=_share(candidate.flops, seconds.median, peak) if comparable else None,
            )
        )
    return TimedResult(
        name=case.name,
        title=case.title,
        headline=case.headline,
        rounds=len(baseline),
        direct_flops=prepared.direct_flops,
        peak_flops=peak,
        results=results,
        missing=missing,
    )


def _check(
    prepared: Prepared,
) -> tuple[list[Candidate], dict[str, Sequence[Deviation]], dict[str, str], list[str]]:
    """Check every candidate; return those to time, what was found, the missing ones and the failures."""
    candidates: list[Candidate] = []
    deviations: dict[str, Sequence[Deviation]] = {}
    missing, failures = dict(prepared.missing), []
    for candidate in prepared.candidates:
        try:
            found = candidate.check()
        except Exception as error:  # somebody else's software may lack a compiler; ours may not fail
            if candidate.rival:
                missing[candidate.name] = in_one_line(error)
            else:
                failures.append(f"{candidate.name} raised {in_one_line(error)}")
            continue
        candidates.append(candidate)
        deviations[candidate.name] = found
        failures += [
            f"{candidate.name}: the relative error of the {each.what} must be at most {each.limit:g}; "
            f"got {each.value:.3g}"
            for each in found
            if not each.passes
        ]
    return candidates, deviations, missing, failures


def _peak(device: torch.device) -> tuple[int, Call]:
    """Return a product of two large matrices and its floating-point operations."""
    side = PEAK_SIDE[device.type]
    left, right = torch.rand((2, side, side), device=device)
    out = torch.empty_like(left)
    return 2 * side**3, partial(torch.matmul, left, right, out=out)


def _share(flops: int | None, seconds: float, peak: float) -> float | None:
    return None if flops is None else flops / seconds / peak


def _warnings(load: float | None, device: torch.device, timed: Sequence[TimedResult]) -> list[str]:
    found = []
    if load is not None and load > machine.BUSY_LOAD and device.type == "cpu":
        found.append(
            f"the machine was busy before the run (load average {load:.1f}, expected at most {machine.BUSY_LOAD}): "
            "end what else runs and repeat"
        )
    wide = [case.name for case in timed if any(result.spread > WIDE_SPREAD for result in case.results)]
    if wide:
        found.append(
            f"times spread by more than {WIDE_SPREAD:.0%} between the quartiles in {', '.join(wide)}: "
            "something else took turns with them"
        )
    for case in timed:
        found += [
            f"{case.name}: {result.name} is slower than {case.results[0].name} here ({result.speedup:.2f} x)"
            for result in case.results
            if result.name == "fused" and result.speedup < 1
        ]
    return found


@contextmanager
def _threads(count: int | None) -> Iterator[int]:
    """Have PyTorch compute with this many threads; gives the number in use."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


@contextmanager
def _plain_float32() -> Iterator[None]:
    """Keep CUDA from rounding float32 to TF32 on the way: fp32 means fp32 in every row.

    Not for the CPU, where the setting of another backend makes convolutions in bfloat16 take minutes (PyTorch 2.13).
    """
    backends: Any = (torch.backends.cudnn.conv, torch.backends.cuda.matmul)  # type: ignore[attr-defined]
    before = [backend.fp32_precision for backend in backends]
    try:
        for backend in backends:
            backend.fp32_precision = "ieee"
        yield
    finally:
        for backend, precision in zip(backends, before, strict=True):
            backend.fp32_precision = precision
