"""The folder of one run: everything needed to resume, to judge and to use the result.

::

    runs/20260131-142233-cyclegan-resnet9-flat-3d/
      config.yaml       the resolved configuration
      environment.json  versions and machine
      components.json   package and version of every component
      images.json       the names of the images, to know them again
      checked.json      what the check of the images found, of a large folder
      start.json        which weights the networks started from, where they did not start anew
      metrics.jsonl     one line a log interval, one line an evaluation
      samples/          sheets of the same held-out images over time
      picture.png       the headline picture
      index.html        the page
      checkpoints/      step-00001200/ ..., latest, best
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from filelock import Timeout

from i2i._version import __version__
from i2i.config.run_config import RunConfig
from i2i.errors import RunFolderError, reason_of, shown
from i2i.files.atomic import remove_leftovers, write_whole
from i2i.files.caches import CHECKED
from i2i.files.lock import RunLock
from i2i.files.texts import LONGEST_NAMES, TextError, read_json, read_yaml
from i2i.paths import named
from i2i.plugins.specs import SAMPLE_PREFIX
from i2i.training.records.fingerprint import Names
from i2i.training.records.run_log import lines_of
from i2i.training.records.run_result import COMPONENTS, resume_command

RUNS = Path("runs")
ORPHANS_SECONDS = 8.0
"""How long a resume waits for the lock: the loading processes of a killed run hold it until they see, within 5 s, that
their parent is gone."""


class RunFolder:
    """A run folder on the disk; make one with :meth:`create` or :meth:`open`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_file = path / "config.yaml"
        self.environment_file = path / "environment.json"
        self.components_file = path / COMPONENTS
        self.names_file = path / "images.json"
        self.start_file = path / "start.json"
        self.baselines_file = path / "baselines.json"
        self.learnt = path / "metrics"
        self.metrics_file = path / "metrics.jsonl"
        self.checkpoints = path / "checkpoints"
        self.samples = path / "samples"
        self.picture = path / "picture.png"
        self.page = path / "index.html"
        self.is_new = False
        self._unwritten: list[str] = []
        self._lock = RunLock(path / ".lock")

    @classmethod
    def create(cls, out: str | Path | None, config: RunConfig) -> RunFolder:
        """Make a new run folder; without ``out``, one with a readable, unique name under ``runs/``.

        Raises:
            RunFolderError: when ``out`` exists and is not empty, or cannot be written.
        """
        path = None if out is None else named(out)
        if path is not None and path.is_dir() and any(path.iterdir()):
            if (path / "config.yaml").exists():
                way_on = f"resume it: {resume_command(path)}; or pick another --out"
            else:
                way_on = "pick another --out"
            raise RunFolderError(f"--out {path} exists and is not empty; expected a new or empty folder; {way_on}")
        try:
            if path is None:
                path = _make_unique(config)
            else:
                path.mkdir(parents=True, exist_ok=True)
            folder = cls(path)
            folder.lock()
            try:
                folder.keep_config(config)
                write_whole(folder.environment_file, json.dumps(environment(), indent=2).encode())
            except BaseException:
                folder.discard()
                raise
            folder.is_new = True
        except OSError as error:
            raise RunFolderError(
                f"--out {path or RUNS} cannot be written: {error.strerror or error}; pick another folder"
            ) from error
        return folder

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """Open an existing run folder to resume the run; what a killed process left half-written is removed.

        Raises:
            RunFolderError: when it is not one, cannot be written, or another process is training in it.
        """
        folder = cls(named(path))
        folder._require_config()
        try:
            folder.lock(patience=ORPHANS_SECONDS)
            remove_leftovers(folder.path)
        except OSError as error:
            raise RunFolderError(f"{path} cannot be written: {error}; make it writable or copy it") from error
        return folder

    def lock(self, patience: float = 0) -> None:
        """Keep other processes out until this one ends, however it ends; wait ``patience`` seconds for another one."""
        try:
            self._lock.acquire(patience)
        except Timeout as error:
            raise RunFolderError(
                f"{self.path} is in use by another process that trains in it; wait for its end, or pick another --out"
            ) from error

    def unlock(self) -> None:
        """Let other processes in."""
        self._lock.release()

    def discard(self) -> None:
        """Take back a new folder in which nothing was trained, so that the corrected command finds it free."""
        records = (self.config_file, self.environment_file, self.components_file, self.names_file, self.start_file)
        for file in (*records, self.baselines_file, self.path / CHECKED, self.page, *self._lock.files):
            file.unlink(missing_ok=True)
        for made in (self.samples, self.learnt, self.path / "tensorboard"):
            shutil.rmtree(made, ignore_errors=True)
        with suppress(OSError):  # not empty: leave what somebody else put there
            self.path.rmdir()
        self.unlock()

    def keep_config(self, config: RunConfig) -> None:
        """Write ``config.yaml``."""
        write_whole(self.config_file, config.to_yaml().encode())

    def put_back_config(self, config: RunConfig) -> bool:
        """Write ``config.yaml`` where it is gone, without which no checkpoint can be resumed; say whether."""
        if self.config_file.exists():
            return False
        self.keep_config(config)
        return True

    def config_values(self) -> Mapping[str, Any]:
        """The kept configuration as nested plain values.

        Raises:
            RunFolderError: it cannot be read.
        """
        self._require_config()
        try:
            values = read_yaml(self.config_file)
            if not isinstance(values, Mapping):
                raise TextError(f"holds no sections such as 'generator:', but {shown(values)}")
        except (OSError, TextError) as error:
            raise RunFolderError(
                f"{self.config_file} is damaged: {reason_of(error)}; each checkpoint.json in {self.checkpoints} holds "
                "the same configuration"
            ) from error
        return values

    def keep_components(self, components: Sequence[Mapping[str, str]]) -> None:
        """Write down which package brought each component, in which version."""
        write_whole(self.components_file, json.dumps(components, indent=2).encode())

    def components(self) -> Any:
        """What :meth:`keep_components` wrote; ``None`` where there is none, or it cannot be read."""
        try:
            return read_json(self.components_file)
        except (OSError, ValueError):  # they make a note or an error clearer, nothing else depends on them
            return None

    def keep_names(self, names: Names) -> None:
        """Write down the names of the images."""
        write_whole(self.names_file, json.dumps(names).encode())

    def keep_start(self, start: Mapping[str, Any]) -> None:
        """Write down which weights the networks started from."""
        write_whole(self.start_file, json.dumps(start, indent=2).encode())

    def names(self) -> Names:
        """The names of the images, as far as they were kept."""
        try:
            names: Names = read_json(self.names_file, LONGEST_NAMES)
        except (OSError, ValueError):  # they make an error clearer, nothing else depends on them
            return {}
        return names

    def _require_config(self) -> None:
        if not self.config_file.exists():
            raise RunFolderError(
                f"{self.path}: config.yaml is missing; expected a run folder made by i2i run, such as {RUNS}/NAME"
            )

    def append_metrics(self, line: Mapping[str, Any]) -> None:
        """Append one line to ``metrics.jsonl``, after those that could not be written before.

        Raises:
            RunFolderError: it cannot be written; the line is kept for the next time.
        """
        self._unwritten.append(json.dumps(line, allow_nan=False) + "\n")
        self.write_metrics()

    def write_metrics(self) -> None:
        """Write the lines that could not be written before; see :meth:`append_metrics`."""
        if not self._unwritten:
            return
        try:
            with self.metrics_file.open("ab", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                try:
                    left = "".join(self._unwritten).encode()
                    while left:
                        left = left[file.write(left) :]
                except OSError:
                    with suppress(OSError):  # no half line, which the next one would be glued to
                        file.truncate(size)
                    raise
        except OSError as error:
            raise RunFolderError(
                f"{self.metrics_file} cannot be written: {error}; the checkpoints are intact: free some space, then "
                f"{resume_command(self.path)}"
            ) from error
        self._unwritten.clear()

    def forget_after(self, step: int, *, measured: bool = True) -> int:
        """Drop metrics and sample sheets of later steps: a resumed run makes them again.

        Anything that is not a line of the log is dropped as well, such as one cut short when the run was killed.

        Args:
            step: the last one that counts.
            measured: whether that one is measured; if not, measurements that got lost half way are dropped too.

        Returns:
            How many lines of the metrics were not lines of a log.
        """
        damaged = 0

        def kept() -> Iterator[bytes]:
            nonlocal damaged
            for line, record in lines_of(self.metrics_file):
                if record is None:
                    damaged += 1
                elif record["step"] < step or (
                    record["step"] == step and not record.get("end") and (measured or record["kind"] != "evaluation")
                ):
                    yield line if line.endswith(b"\n") else line + b"\n"

        if self.metrics_file.exists():
            write_whole(self.metrics_file, kept())
        for sheet in self.samples.glob("*/step-*.png"):
            if int(sheet.stem.removeprefix("step-")) > step:
                sheet.unlink()
        return damaged


def environment() -> dict[str, Any]:
    """Versions and machine facts, to be kept with a run."""
    packages = ("torch", "accelerate", "numpy", "pillow", "safetensors", "torchmetrics")
    facts: dict[str, Any] = {"i2i": __version__, "python": platform.python_version()}
    facts.update({package: version(package) for package in packages})
    facts["system"] = platform.platform()
    facts["threads"] = torch.get_num_threads()
    facts["gpu"] = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return facts


def _make_unique(config: RunConfig) -> Path:
    """Make a folder named after time, method, generator and data; a number tells those of the same second apart."""
    data = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(config.data_root.removeprefix(SAMPLE_PREFIX)).name).strip("-") or "data"
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    name = f"{stamp}-{config.method.name}-{config.generator.name}-{data}"
    path, number = RUNS / name, 2
    while True:
        with suppress(FileExistsError):
            path.mkdir(parents=True)
            return path
        path, number = RUNS / f"{name}-{number}", number + 1
