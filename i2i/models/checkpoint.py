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
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, load_file
from torch import Tensor

from i2i.errors import CheckpointError, RunFolderError, reason_of
from i2i.files import atomic
from i2i.files.regular_files import require_file
from i2i.files.texts import read_json
from i2i.models.checkpoint_description import check_description
from i2i.models.scores import Metrics, metrics_from_json, metrics_to_json
from i2i.models.state import pack, unpack

FORMAT_VERSION = 1
DESCRIPTION = "checkpoint.json"
STEP_NAME = re.compile(r"step-\d+")
LATEST, BEST = POINTERS = ("latest", "best")
"""Names of two checkpoints: links where there are links, known by the checkpoints themselves everywhere."""


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint on the disk."""

    path: Path
    description: Mapping[str, Any]
    chosen: str = field(default="", kw_only=True)
    """Where a run folder was named: which of its checkpoints this is, and which other one might be wanted."""

    @property
    def step(self) -> int:
        """The number of training steps done."""
        return int(self.description["step"])

    @property
    def score(self) -> float | None:
        """The held-out score (lower is better), if it was measured."""
        return self.description.get("score")

    @property
    def images(self) -> int | None:
        """How many held-out images it was measured on, or ``None`` when it was not measured."""
        images: int | None = self.description.get("images")
        return images

    @property
    def metrics(self) -> Metrics:
        """Held-out metrics by direction; empty when they were not measured."""
        return metrics_from_json(self.description.get("metrics") or {})

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
        except (TypeError, ValueError, RecursionError) as error:
            raise CheckpointError(
                f"{self.path / name}.json is damaged ({reason_of(error)}); {_other_way(self.path)}"
            ) from error


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
        """The checkpoint with the lowest score, the earliest of equal ones; a damaged one is passed over."""
        best: Checkpoint | None = None
        for checkpoint in self._readable():
            if checkpoint.score is not None and (best is None or best.score is None or checkpoint.score < best.score):
                best = checkpoint
        return best

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
        """Write a checkpoint and point ``latest`` at it; the others stay until :meth:`judge` is called.

        Raises:
            RunFolderError: when it cannot be written; earlier checkpoints stay as they were.
        """
        target = self.folder_of(step)
        with _explain_failure(self, step):
            with atomic.new_folder(target) as folder:
                for name, weights in generators.items():
                    tensors = {key: value.detach().cpu().clone().contiguous() for key, value in weights.items()}
                    atomic.save_tensors(tensors, folder / f"{name}.safetensors")
                _save_state(folder, "training", state)
                for rank in range(world_size):
                    for suffix in (".json", ".safetensors"):
                        left = self.path / f".step-{step:08d}.rank-{rank}{suffix}"
                        atomic.move(left, folder / f"rank-{rank}{suffix}")
                (folder / DESCRIPTION).write_bytes(_as_json(description))
            self._point_links()
        return open_checkpoint(target)

    def judge(self, checkpoint: Checkpoint, metrics: Metrics, score: float | None, images: int) -> None:
        """Add to a checkpoint how good it is, point ``best`` at it if it is, and remove those that are not kept.

        Args:
            checkpoint: the newest one.
            metrics: held-out metrics by direction.
            score: what ``best`` is chosen by; the lowest wins.
            images: how many held-out images were measured.

        Raises:
            RunFolderError: when that cannot be written; the checkpoint stays as it was.
        """
        values = {"score": score, "metrics": metrics_to_json(metrics), "images": images}
        atomic.write_whole(checkpoint.path / DESCRIPTION, _as_json({**checkpoint.description, **values}))
        try:
            self._point_links()
            self._prune()
        except OSError as error:
            raise RunFolderError(
                f"{self.path} cannot be written: {error}; the checkpoint {checkpoint.path.name} is intact; make the "
                f"folder writable, then: i2i run --resume {self.path.parent}"
            ) from error

    def remove(self, checkpoint: Checkpoint) -> None:
        """Take back the newest checkpoint, which turned out to be unusable."""
        atomic.remove_folder(checkpoint.path)
        self._point_links()

    def clean(self) -> None:
        """Finish what a killed process left half-done: remove half-written files, point the links where they belong.

        Where a copy of the run made folders of the links, they are taken away again; one that is the only copy of its
        checkpoint takes its name.

        Raises:
            RunFolderError: when the folder cannot be written.
        """
        try:
            self._remove_leftovers()
            for name in POINTERS:
                self._settle(self.path / name)
            self._point_links()
        except OSError as error:
            raise RunFolderError(f"{self.path} cannot be written: {error}; make it writable or copy the run") from error

    def _settle(self, pointer: Path) -> None:
        """Deal with a folder that stands where a link belongs."""
        if pointer.is_symlink() or not pointer.is_dir():
            return
        if not (pointer / DESCRIPTION).exists():
            with suppress(OSError):  # an empty one, as some archives keep a link
                pointer.rmdir()
            return
        own = self.folder_of(open_checkpoint(pointer).step)
        if not own.exists():
            atomic.rename_folder(pointer, own)
        elif _sizes(pointer) == _sizes(own):
            atomic.remove_folder(pointer)

    def _point_links(self) -> None:
        readable = self._readable()
        for name, checkpoint in ((BEST, self.best()), (LATEST, readable[-1] if readable else None)):
            link = self.path / name
            if checkpoint is None and link.is_symlink():
                link.unlink()
            elif checkpoint is not None and not (link.is_symlink() and str(link.readlink()) == checkpoint.path.name):
                atomic.point_link(link, checkpoint.path.name)

    def _prune(self) -> None:
        best = self.best()
        for path in self._paths()[: -self.keep]:
            if best is None or path != best.path:
                atomic.remove_folder(path)

    def _remove_leftovers(self) -> None:
        atomic.remove_leftovers(self.path)
        for left in self.path.glob(".step-*.rank-*"):
            left.unlink()
        for path in self._paths():  # of a description that was being rewritten
            atomic.remove_leftovers(path)

    def _readable(self) -> list[Checkpoint]:
        """Every checkpoint whose description is whole, oldest first."""
        found = []
        for path in self._paths():
            with suppress(CheckpointError):
                found.append(open_checkpoint(path))
        return found

    def _paths(self) -> list[Path]:
        """The checkpoints, oldest first; a folder of another name, such as a copy put aside, is not one."""
        found = {
            int(path.name.removeprefix("step-")): path
            for path in self.path.glob("step-*")
            if STEP_NAME.fullmatch(path.name) and not (path / atomic.UNFINISHED).exists()
        }
        for pointer in (self.path / name for name in POINTERS):  # a copy of a link may be all that there is
            if not pointer.is_symlink() and (pointer / DESCRIPTION).exists():
                with suppress(CheckpointError):
                    found.setdefault(open_checkpoint(pointer).step, pointer)
        return [found[step] for step in sorted(found)]


def open_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint's description.

    Raises:
        CheckpointError: when it is not a checkpoint, is damaged, or was written by a newer version.
    """
    description = _load_json(path / DESCRIPTION)
    version = description.get("format")
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has checkpoint format {version!r}; this i2i reads format {FORMAT_VERSION}: another version "
            "wrote it; install that one, for a higher number a newer one (pip install --upgrade i2i)"
        )
    if not {"step", "world_size"} <= description.keys():
        raise CheckpointError(f"{path / DESCRIPTION} is damaged: step or world_size is missing; {_other_way(path)}")
    check_description(description, str(path / DESCRIPTION), _other_way(path))
    return Checkpoint(path, description)


def _as_json(description: Mapping[str, Any]) -> bytes:
    return json.dumps({"format": FORMAT_VERSION, **description}, indent=2, allow_nan=False).encode()


def _save_state(folder: Path, name: str, state: Any) -> None:
    tensors: dict[str, Tensor] = {}
    values = pack(state, name.lstrip("."), tensors)
    atomic.save_tensors(tensors, folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_text(json.dumps(values), encoding="utf-8")


def _load_json(path: Path) -> dict[str, Any]:
    if path.exists():
        require_file(path)
    try:
        values = read_json(path)
        if not isinstance(values, dict):
            raise ValueError(f"expected an object, got {type(values).__name__}")
        return values
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{path.parent} is not a complete checkpoint: {path.name} is missing; expected a folder such as "
            f"RUN/checkpoints/latest; {_other_way(path.parent)}"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: {error}; {_other_way(path.parent)}") from error


def _load_tensors(path: Path) -> dict[str, Tensor]:
    if path.exists():
        require_file(path)
    try:
        with suppress(OSError, SafetensorError):  # it maps the file into memory, which not every file system lets
            return load_file(path)
        return load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} is missing or damaged: {error}; {_other_way(path.parent)}") from error


def _sizes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_size for file in folder.iterdir()}


def _other_way(damaged: Path) -> str:
    return (
        f"use another checkpoint of the run (once {damaged} is moved away, --resume continues from the one before it)"
    )


@contextmanager
def _explain_failure(folder: CheckpointFolder, step: int) -> Iterator[None]:
    """Turn a failed write into an error that says which checkpoint is still good."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        with suppress(OSError):  # what is half-written takes room
            folder._remove_leftovers()
        latest = max((path.name for path in folder._paths()), default=None)
        intact = f"the last one, {latest}, is intact" if latest else "there is no earlier one"
        raise RunFolderError(
            f"the checkpoint of step {step} could not be written to {folder.path}: {error}; {intact}. "
            f"Free some space or make the folder writable, then: i2i run --resume {folder.path.parent}"
        ) from error
