"""Checkpoints: a folder of safetensors and JSON that describes itself, appears whole or not at all, and runs no code.

::

    step-00001200/
      checkpoint.json          what this is: step, configuration, generators, preprocessing, versions, scores
      G_A.safetensors          one file a generator: the weights to use (the moving average, when it is on)
      training.json            everything else that an exact resume needs, with tensors named ...
      training.safetensors     ... and kept here
      rank-0.json, .safetensors   what each process has of its own: random states and replay buffers
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from i2i.engine import files
from i2i.engine.state import pack, unpack
from i2i.errors import CheckpointError, RunFolderError

FORMAT_VERSION = 1
DESCRIPTION = "checkpoint.json"


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint on the disk."""

    path: Path
    description: Mapping[str, Any]

    @property
    def step(self) -> int:
        """The number of training steps done."""
        return int(self.description["step"])

    @property
    def score(self) -> float | None:
        """The held-out score (lower is better), if it was measured."""
        return self.description.get("score")

    def generator_weights(self, name: str) -> dict[str, Tensor]:
        """Load the weights of one generator."""
        return _load_tensors(self.path / f"{name}.safetensors")

    def training_state(self) -> Any:
        """Load what all processes share."""
        return self._state("training")

    def rank_state(self, rank: int) -> Any | None:
        """Load what process ``rank`` had of its own, or ``None`` when there was no such process."""
        return self._state(f"rank-{rank}") if rank < self.description["world_size"] else None

    def _state(self, name: str) -> Any:
        file = self.path / f"{name}.safetensors"
        values, tensors = _load_json(self.path / f"{name}.json"), _load_tensors(file)
        try:
            return unpack(values, tensors)
        except KeyError as error:
            raise CheckpointError(f"{file} is damaged: it lacks the tensor {error}; {_other_way(self.path)}") from error


class CheckpointFolder:
    """The checkpoints of one run.

    Args:
        path: the folder, made when the first checkpoint is written.
        keep: how many of the newest are kept, besides the best.
    """

    def __init__(self, path: Path, keep: int) -> None:
        self.path = path
        self.keep = keep

    def all(self) -> list[Checkpoint]:
        """Every complete checkpoint, oldest first."""
        return [open_checkpoint(path) for path in self._paths()]

    def latest(self) -> Checkpoint | None:
        """The newest complete checkpoint."""
        paths = self._paths()
        return open_checkpoint(paths[-1]) if paths else None

    def best(self) -> Checkpoint | None:
        """The checkpoint with the lowest score."""
        link = self.path / "best"
        return open_checkpoint(link.resolve()) if link.exists() else None

    def folder_of(self, step: int) -> Path:
        """Where the checkpoint of this step stands."""
        return self.path / f"step-{step:08d}"

    def write_rank(self, step: int, rank: int, state: Any) -> None:
        """Leave a process's own state beside the checkpoints, for :meth:`write` to take in."""
        with _explain_failure(self, step):
            self.path.mkdir(parents=True, exist_ok=True)
            _save_state(self.path, f".step-{step:08d}.rank-{rank}", state)

    def write(
        self,
        step: int,
        description: Mapping[str, Any],
        generators: Mapping[str, Mapping[str, Tensor]],
        state: Any,
        world_size: int,
    ) -> Checkpoint:
        """Write a checkpoint, point ``latest`` (and ``best``) at it, and remove those that are no longer kept.

        Raises:
            RunFolderError: when it cannot be written; earlier checkpoints stay as they were.
        """
        target = self.folder_of(step)
        with _explain_failure(self, step):
            with files.new_folder(target) as folder:
                for name, weights in generators.items():
                    tensors = {key: value.detach().cpu().clone().contiguous() for key, value in weights.items()}
                    save_file(tensors, folder / f"{name}.safetensors")
                _save_state(folder, "training", state)
                for rank in range(world_size):
                    for suffix in (".json", ".safetensors"):
                        left = self.path / f".step-{step:08d}.rank-{rank}{suffix}"
                        left.rename(folder / f"rank-{rank}{suffix}")
                text = json.dumps({"format": FORMAT_VERSION, **description}, indent=2)
                (folder / DESCRIPTION).write_text(text, encoding="utf-8")
            written = open_checkpoint(target)
            self._point_links(written)
            self._prune()
        return written

    def clean(self) -> None:
        """Finish what a killed process left half-done: remove half-written files, point the links where they belong.

        Raises:
            RunFolderError: when the folder cannot be written.
        """
        try:
            self._remove_leftovers()
            for checkpoint in self.all():
                self._point_links(checkpoint)
        except OSError as error:
            raise RunFolderError(f"{self.path} cannot be written: {error}; make it writable or copy the run") from error

    def _point_links(self, newest: Checkpoint) -> None:
        best = self.best()
        if newest.score is not None and (best is None or best.score is None or newest.score < best.score):
            files.point_link(self.path / "best", newest.path.name)
        files.point_link(self.path / "latest", newest.path.name)

    def _prune(self) -> None:
        best = (self.path / "best").resolve()
        for path in self._paths()[: -self.keep]:
            if path.resolve() != best:
                files.remove_folder(path)

    def _remove_leftovers(self) -> None:
        files.remove_leftovers(self.path)
        for left in self.path.glob(".step-*.rank-*"):
            left.unlink()

    def _paths(self) -> list[Path]:
        return sorted(self.path.glob("step-*"))


def open_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint's description.

    Raises:
        CheckpointError: when it is none, is damaged, or was written by a newer version.
    """
    description = _load_json(path / DESCRIPTION)
    version = description.get("format")
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has checkpoint format {version!r}; this i2i reads format {FORMAT_VERSION}: another version "
            "wrote it; install that one, for a higher number a newer one (pip install --upgrade i2i)"
        )
    if not all(isinstance(description.get(key), int) for key in ("step", "world_size")):
        raise CheckpointError(f"{path / DESCRIPTION} is damaged: step or world_size is missing; {_other_way(path)}")
    return Checkpoint(path, description)


def _save_state(folder: Path, name: str, state: Any) -> None:
    tensors: dict[str, Tensor] = {}
    values = pack(state, name.lstrip("."), tensors)
    save_file(tensors, folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_text(json.dumps(values), encoding="utf-8")


def _load_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError(f"expected an object, got {type(values).__name__}")
        return values
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{path.parent} is no complete checkpoint: {path.name} is missing; expected a folder such as "
            f"RUN/checkpoints/latest; {_other_way(path.parent)}"
        ) from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}; {_other_way(path.parent)}") from error


def _load_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} is missing or damaged: {error}; {_other_way(path.parent)}") from error


def _other_way(damaged: Path) -> str:
    return f"use another checkpoint of the run (once {damaged} is moved away, --resume goes on from the one before it)"


class _explain_failure:  # noqa: N801  # used like a function
    """Turn a failed write into an error that says which checkpoint is still good."""

    def __init__(self, folder: CheckpointFolder, step: int) -> None:
        self.folder = folder
        self.step = step

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if not isinstance(error, OSError | SafetensorError):
            return
        with suppress(OSError):  # what is half-written takes room
            self.folder._remove_leftovers()
        latest = max((path.name for path in self.folder.path.glob("step-*")), default=None)
        intact = f"the last one, {latest}, is intact" if latest else "there is no earlier one"
        raise RunFolderError(
            f"the checkpoint of step {self.step} could not be written to {self.folder.path}: {error}; {intact}. "
            f"Free some space or make the folder writable, then: i2i run --resume {self.folder.path.parent}"
        ) from error
