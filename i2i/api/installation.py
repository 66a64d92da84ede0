"""What this installation can do, and how fast its kernels are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from i2i.environment.packages import require
from i2i.errors import ConfigError
from i2i.paths import named
from i2i.plugins.manager import PluginManager
from i2i.progress import working

if TYPE_CHECKING:
    from i2i.benchmarking.report import BenchReport
    from i2i.diagnosis import Diagnosis


def doctor(*, manager: PluginManager | None = None) -> Diagnosis:
    """Look at this installation and the machine: versions, devices, kernels, plugins, disk.

    Raises nothing, and changes nothing, except that kernels may be compiled.

    Args:
        manager: the plugins to report; those that are installed if not given.

    Returns:
        What was found; ``.works`` says whether a run can be started, ``.problems`` why not.
    """
    from i2i.diagnosis import examine

    with working("looking at this installation"):
        return examine(manager or PluginManager())


def bench(
    *,
    quick: bool = False,
    case: str | Sequence[str] = (),
    device: str = "cpu",
    threads: int | None = None,
    repeat: int | None = None,
    report: str | Path | None = None,
    plot: str | Path | None = None,
    force: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> BenchReport:
    """Check the fused kernels against float64, then time them beside PyTorch eager.

    Args:
        quick: the most telling cases alone, under a minute, without rivals that start slowly.
        case: one or several cases, such as ``block-64`` or ``generator-*``; all if not given.
        device: ``cpu``, ``cuda``, ``cuda:1``.
        threads: on the CPU; PyTorch's own number if not given.
        repeat: rounds of each case; chosen by time if not given.
        report: a file for everything that was found, as JSON.
        plot: a file in ``.png`` for a picture of the ratios; there is none where nothing was timed beside eager.
        force: whether files that exist may be replaced.
        tell: called with what happens, one line at a time.

    Returns:
        The report; ``.failures`` names what was computed wrongly and is not timed, ``.to_dict()`` is fit for JSON.

    Raises:
        ConfigError: there is no such case or device, or a file exists or cannot be written.
        NativeError: ``I2I_BUILD=required``, and there is no native library.
    """
    report, plot = _place("--report", report, force), _place("--plot", plot, force)
    if plot is not None:
        if plot.suffix != ".png":
            raise ConfigError(f"--plot must end in .png; got {plot}")
        require("--plot", "matplotlib.figure")
    from i2i.benchmarking.report import write_json
    from i2i.benchmarking.runner import BenchOptions, run_bench

    cases = (case,) if isinstance(case, str) else tuple(case)
    options = BenchOptions(cases=cases, quick=quick, device=str(device), threads=threads, repeat=repeat)
    found = run_bench(options, tell)
    if report is not None:
        write_json(found, report)
    if plot is not None:
        from i2i.benchmarking.plot import draw, has_something_to_draw

        if has_something_to_draw(found.to_dict()):
            draw(found.to_dict(), plot)
        else:
            tell(f"Warning: {plot} was not drawn, because nothing was timed beside eager")
    return found


def _place(option: str, path: str | Path | None, force: bool) -> Path | None:
    """Check before the measurement, which takes minutes, that its results can be written."""
    if path is None:
        return None
    path = named(path)
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"{option} {path}: the folder {path.absolute().parent} does not exist; make it first")
    if path.exists() and not force:
        raise ConfigError(f"{option} {path} exists; name another file, or replace it with --force")
    return path
