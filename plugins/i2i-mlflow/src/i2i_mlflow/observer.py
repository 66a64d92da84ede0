"""The observer, on MLflow's client."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from PIL import Image

from i2i.errors import ConfigError
from i2i.plugins import RunObserver
from i2i.plugins.protocols import EndedRun, ObservedRun

RUN_FILE = "mlflow.json"
"""In the run folder: which run of MLflow it is, for a resume."""
LONGEST_NAME = 250
MOST_PARAMS = 100
"""That MLflow takes at once."""


def require_store(tracking_uri: str | None) -> None:
    """Say before training what a data base without a server needs, or that MLflow no longer writes to folders.

    Raises:
        ConfigError: runs cannot be kept there.
    """
    uri = tracking_uri or mlflow.get_tracking_uri()
    scheme = re.split(r"[:+]", uri, maxsplit=1)[0]
    if scheme in ("sqlite", "postgresql", "mysql", "mssql") and importlib.util.find_spec("sqlalchemy") is None:
        raise ConfigError(
            f"observer mlflow keeps its runs in {uri}, which needs all of MLflow: pip install mlflow; or give it a "
            "server: --set observers.mlflow.tracking_uri=http://HOST:5000"
        )
    if scheme == "file" or ("://" not in uri and uri != "databricks"):
        raise ConfigError(
            f"observers.mlflow.tracking_uri must name a server or a data base, such as sqlite:///mlflow.db; got {uri}, "
            "and MLflow takes no new runs into folders"
        )


class MlflowObserver(RunObserver):
    """Logs a run to MLflow. A run that resumes goes on in the same run there, and no step is logged twice.

    Args:
        tracking_uri: where MLflow keeps its runs; by default what MLflow takes.
        experiment: the experiment that runs are filed under, made if it is not there.
        pictures: log sample sheets.
    """

    def __init__(self, tracking_uri: str | None, experiment: str, *, pictures: bool) -> None:
        self.tracking_uri, self.experiment, self.pictures = tracking_uri, experiment, pictures
        self._names: dict[str, str] = {}  # of values, to MLflow's
        self._newest: dict[str, int] = {}  # the last step of each of MLflow's that it has

    def started(self, run: ObservedRun) -> None:
        """Open a run, or the one from before."""
        file = run.folder / RUN_FILE
        record = _read(file)
        uri = self.tracking_uri or _without_option(record)
        self._client = MlflowClient(uri)
        found = self._resumed(record.get("run"))
        if found is None:
            self._run = self._new_run(run)
            # A server's address may hold a password; a data base in a file is found again from any folder.
            where = {"tracking_uri": uri} if uri.startswith("sqlite:") else {}
            file.write_text(json.dumps({"run": self._run, **where}), encoding="utf-8")
        else:
            self._run = found
            self._client.update_run(self._run, status="RUNNING")
        # Parameters never change; the file has what holds since the last start.
        self._client.log_dict(self._run, dict(run.config), "config.json")

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Log each value."""
        now = int(time.time() * 1000)
        metrics = []
        for name, value in values.items():
            key = self._name(name)
            if step > self._newest.get(key, -1):  # a killed run goes through its last steps again
                self._newest[key] = step
                metrics.append(Metric(key, value, now, step))
        if metrics:
            self._client.log_batch(self._run, metrics=metrics, synchronous=True)

    def pictured(self, step: int, pictures: Mapping[str, Path]) -> None:
        """Log each sheet."""
        if self.pictures:
            for direction, path in pictures.items():
                sheet = _on_white(path)
                self._client.log_image(self._run, sheet, key=f"samples/{direction}", step=step, synchronous=True)

    def evaluated(self, step: int, metrics: Mapping[str, Mapping[str, float]]) -> None:
        """Log each metric of each direction."""
        self.logged(step, {f"{way}/{name}": value for way, values in metrics.items() for name, value in values.items()})

    def ended(self, result: EndedRun) -> None:
        """Close the run; one that was interrupted is killed, as MLflow calls it."""
        self._close("FINISHED" if result.finished else "KILLED")

    def failed(self, step: int, reason: str) -> None:
        """Close the run as failed, with the reason as a tag."""
        self._client.set_tag(self._run, "i2i.failed", f"after step {step}: {reason}"[:5000])
        self._close("FAILED")

    def _close(self, status: str) -> None:
        with redirect_stdout(sys.stderr):  # it tells where to look, and `i2i run --json` writes JSON there
            self._client.set_terminated(self._run, status)

    def _new_run(self, run: ObservedRun) -> str:
        found = self._client.get_experiment_by_name(self.experiment)
        experiment = self._client.create_experiment(self.experiment) if found is None else found.experiment_id
        tags = {"i2i.folder": str(run.folder.absolute())}
        made: str = self._client.create_run(experiment, tags=tags, run_name=run.folder.absolute().name).info.run_id
        params = [Param(key[:LONGEST_NAME], _as_typed(value)) for key, value in _flat(run.config)]
        for first in range(0, len(params), MOST_PARAMS):
            self._client.log_batch(made, params=params[first : first + MOST_PARAMS], synchronous=True)
        return made

    def _resumed(self, name: str | None) -> str | None:
        """The run that this folder's earlier part was logged to, if it is still there; note how far it is."""
        if name is None:
            return None
        try:
            run = self._client.get_run(name)
        except mlflow.MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":  # another server, or it was removed
                return None
            raise
        if run.info.lifecycle_stage == "deleted":
            return None
        for key in run.data.metrics:
            self._newest[key] = max(value.step for value in self._client.get_metric_history(name, key))
        return name

    def _name(self, name: str) -> str:
        """A value's name as MLflow takes it: letters, digits and ``_-. :/``, a path that is its own shortest form."""
        if name not in self._names:
            parts = [re.sub(r"[^\w\-. :]", "_", part, flags=re.ASCII).strip() for part in name.split("/")]
            clean = "/".join(part for part in parts if part.strip(".")) or "_"
            taken, number, key = set(self._names.values()), 2, clean[:LONGEST_NAME]
            while key in taken:  # two names that differ in what MLflow does not take
                key, number = f"{clean[: LONGEST_NAME - 10]}_{number}", number + 1
            self._names[name] = key
        return self._names[name]


def _read(file: Path) -> dict[str, str]:
    """What an earlier start left in the run folder, if it can be read."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _without_option(record: Mapping[str, str]) -> str:
    """Where to log if no option says so: what the environment says, else where the run was, else MLflow's default."""
    default: str = mlflow.get_tracking_uri()
    return default if mlflow.is_tracking_uri_set() else record.get("tracking_uri", default)


def _flat(values: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested values under dotted names; of a list, each item under its number."""
    if isinstance(values, Mapping) or (isinstance(values, list) and any(isinstance(each, Mapping) for each in values)):
        items = values.items() if isinstance(values, Mapping) else enumerate(values)
        for key, value in items:
            yield from _flat(value, f"{prefix}.{key}" if prefix else str(key))
    elif prefix:
        yield prefix, values


def _as_typed(value: Any) -> str:
    """A value as a person types it after ``--set``."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)


def _on_white(path: Path) -> Image.Image:
    """A sheet in RGB, laid over white: MLflow would show what is transparent in a colour of its own."""
    with Image.open(path) as sheet:
        picture = sheet.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")
