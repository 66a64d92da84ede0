"""What watches a run: its observers are told what happens, and may ask for its end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from i2i.config.components import build
from i2i.config.run_config import RunConfig
from i2i.config.sections import CYCLE, USUAL_METRICS
from i2i.models.scores import Metrics
from i2i.plugins.calls import calling, explain
from i2i.plugins.manager import PluginManager
from i2i.plugins.protocols import Better, Dataset, ObservedRun, RunObserver
from i2i.plugins.specs import MetricSpec
from i2i.training.records.run_folder import RunFolder
from i2i.training.records.run_log import read_log
from i2i.training.records.run_result import RunResult


class Observing:
    """Tells the observers of a run what happens. One that fails is named in a note, and is told no more.

    Args:
        observers: by name; none where this is not the main process.
        note: tells a person a sentence.
    """

    def __init__(self, observers: Mapping[str, RunObserver], note: Callable[[str], None]) -> None:
        self._observers, self._note = dict(observers), note

    def started(self, folder: RunFolder, config: RunConfig, step: int) -> None:
        """Training begins after this step."""
        if self._observers:
            run = ObservedRun(folder.path, config.to_dict(), step, _evaluations(folder, step))
            self._tell(lambda observer: observer.started(run))

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """A line of the log was written."""
        self._tell(lambda observer: observer.logged(step, values))

    def pictured(self, step: int, samples: Path) -> None:
        """The sheets of this step were drawn, in a folder for each direction."""
        paths = sorted(samples.glob(f"*/step-{step:08d}.png"))
        self._tell(lambda observer: observer.pictured(step, {path.parent.name: path for path in paths}))

    def evaluated(self, step: int, metrics: Metrics) -> None:
        """Held-out images were measured."""
        self._tell(lambda observer: observer.evaluated(step, metrics))

    def saved(self, step: int, path: Path) -> None:
        """A checkpoint was written."""
        self._tell(lambda observer: observer.saved(step, path))

    def ended(self, result: RunResult) -> None:
        """The run ended, and is saved."""
        self._tell(lambda observer: observer.ended(result))

    def failed(self, step: int, reason: str) -> None:
        """The run ended with an error after this step."""
        self._tell(lambda observer: observer.failed(step, reason))

    def stop(self) -> str | None:
        """Which observer asks for the end, and why."""
        for name in list(self._observers):
            asked = self._call(name, lambda observer: observer.stop())
            if asked:
                return f"observer {name}: {asked}"
        return None

    def _tell(self, event: Callable[[RunObserver], None]) -> None:
        for name in list(self._observers):
            self._call(name, event)

    def _call(self, name: str, call: Callable[[RunObserver], Any]) -> Any:
        observer = self._observers[name]
        try:
            return call(observer)
        except (Exception, SystemExit) as error:
            del self._observers[name]
            self._note(f"training continues without observer {name}: {explain(error, observer, f'telling {name}')}")


def build_observers(
    manager: PluginManager,
    config: RunConfig,
    directions: Collection[str],
    test_set: Dataset,
    note: Callable[[str], None],
    *,
    is_main: bool,
) -> Observing:
    """Build the observers that the configuration names: in every process, so that all fail where one does.

    Args:
        manager: the plugins.
        config: what was chosen.
        directions: those of the method.
        test_set: the held-out images.
        note: tells a person a sentence.
        is_main: whether this is the process that tells them what happens.

    Raises:
        ConfigError: the package that one needs is not usable, or it watches for what is not measured.
        PluginError: one cannot be built.
    """
    built = {choice.name: build(manager, "observer", choice) for choice in config.observers}
    measured = measured_by(manager, config, directions, test_set)
    for name, observer in built.items():
        with calling(observer, f"telling {name} what is measured"):
            if hasattr(observer, "measuring"):  # one that is no RunObserver may lack it
                observer.measuring(measured)
    return Observing(built if is_main else {}, note)


def measured_by(
    manager: PluginManager, config: RunConfig, directions: Collection[str], test_set: Dataset
) -> dict[str, Better]:
    """The metrics of held-out images by name, each with which values are better; none where there are no images."""
    if len(test_set) == 0:
        return {}
    specs = {name: manager.spec(MetricSpec, name) for name in (*USUAL_METRICS, *(each.name for each in config.metrics))}
    found: dict[str, Better] = {
        name: spec.better for name, spec in specs.items() if test_set.truth or spec.family == "sets"
    }
    return found | {CYCLE: "lower"} if len(directions) > 1 else found


def _evaluations(folder: RunFolder, step: int) -> dict[int, Metrics]:
    if step == 0:
        return {}
    try:
        records = read_log(folder.metrics_file).evaluations
    except OSError:  # a run can resume without its log
        return {}
    return {record["step"]: record["directions"] for record in records if record["step"] <= step}
