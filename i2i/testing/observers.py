"""What every observer of a run must do: hear a whole run, change nothing that it is told, and let a run resume."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from PIL import Image

from i2i.plugins import ObserverSpec, Options
from i2i.plugins.protocols import ObservedRun
from i2i.testing.results import Checklist, expect

EVENTS = ("started", "logged", "pictured", "evaluated", "saved", "ended", "failed", "stop")
METRICS = {"AtoB": {"l1": 18.0, "psnr": 17.5}, "BtoA": {"l1": float("nan"), "psnr": float("inf")}}
"""As they may come: a run that goes wrong has no numbers."""


def observer_checks(checks: Checklist, spec: ObserverSpec, options: Options) -> None:
    """Check one observer."""

    def make() -> Any:
        built = spec.build(options)
        missing = [name for name in EVENTS if not callable(getattr(built, name, None))]
        expect(
            not missing,
            f"build must return an observer, a subclass of i2i.plugins.RunObserver; {type(built).__name__} has no "
            f"{', '.join(missing)}",
        )
        return built

    def builds() -> None:
        make()

    if not checks.run("builds an observer", builds):
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checks.run("a whole run", lambda: _hear(make(), folder / "whole"))
        checks.run("a run that fails", lambda: _hear(make(), folder / "failed", fails=True))
        checks.run("a run that resumes", lambda: _resumed(make(), make(), folder / "resumed"))
        checks.run("randomness", lambda: _leaves_randomness(make(), folder / "random"))


def _hear(observer: Any, folder: Path, *, first: int = 0, fails: bool = False) -> None:
    """Tell an observer of a run of two steps."""
    sheet = folder / "samples" / "AtoB" / "step-00000000.png"
    sheet.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), 128, np.uint8)).save(sheet)
    config = {
        "training": {"seed": 0, "steps": None},
        "data": {"root": "photos"},
        "discriminator": [{"name": "patch70"}],
    }
    evaluations = dict.fromkeys(range(1, first + 1), METRICS)
    run = ObservedRun(folder, config, first, evaluations)
    if hasattr(observer, "measuring"):
        observer.measuring({"l1": "lower", "psnr": "higher"})
    told: list[tuple[str, tuple[Any, ...]]] = [("started", (run,)), ("pictured", (first, {"AtoB": sheet}))]
    for step in (first + 1, first + 2):
        values = {"loss/G_A": 1.0 / step, "learning_rate": 2e-4, "images_per_second": 3.0}
        told += [
            ("logged", (step, values)),
            ("saved", (step, folder / f"step-{step:08d}")),
            ("evaluated", (step, METRICS)),
        ]
    result = SimpleNamespace(folder=folder, step=first + 2, finished=True, metrics=METRICS)
    told.append(("failed", (first + 2, "the disk is full")) if fails else ("ended", (result,)))
    for event, arguments in told:
        before = copy.deepcopy(arguments)
        getattr(observer, event)(*arguments)
        expect(repr(arguments) == repr(before), f"{event} must change nothing that it is told; others are told it, too")
        reason = observer.stop()
        expect(reason is None or isinstance(reason, str), f"stop must return a reason or None; got {reason!r}")


def _resumed(first: Any, second: Any, folder: Path) -> None:
    _hear(first, folder, fails=True)
    _hear(second, folder, first=1)  # the checkpoint was older than what the first heard last


def _leaves_randomness(observer: Any, folder: Path) -> None:
    before = torch.get_rng_state()
    _hear(observer, folder)
    expect(
        torch.equal(before, torch.get_rng_state()),
        "must leave torch's random numbers alone, with which a run trains; draw from a generator of its own",
    )
