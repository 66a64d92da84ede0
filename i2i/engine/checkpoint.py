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
        return self._state(f"rank-{rank}") if (self.path / f"rank-{rank}.json").exists() else None

    def _state(self, name: str) -> Any:
        return unpack(_load_json(self.path / f"{name}.json"), _load_tensors(self.path / f"{name}.safetensors"))


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
        return [open_checkpoint(path) for path in sorted(self.path.glob("step-*"))]

    def latest(self) -> Checkpoint | None:
        """The newest complete checkpoint."""
        paths = sorted(self.path.glob("step-*"))
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
        self.path.mkdir(parents=True, exist_ok=True)
        with _explain_failure(self, step):
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
        if not target.exists():  # a resumed run that stops at once has it already, to the bit
            with _explain_failure(self, step), files.new_folder(target) as folder:
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
        best = self.best()
        if written.score is not None and (best is None or best.score is None or written.score < best.score):
            files.point_link(self.path / "best", target.name)
        files.point_link(self.path / "latest", target.name)
        self._prune()
        return written

    def clean(self) -> None:
        """Remove what a killed process left half-written or half-removed."""
        files.remove_leftovers(self.path)
        for left in self.path.glob(".step-*.rank-*"):
            left.unlink()

    def _prune(self) -> None:
        paths = sorted(self.path.glob("step-*"))
        best = (self.path / "best").resolve()
        for path in paths[: -self.keep]:
            if path.resolve() != best:
                files.remove_folder(path)


def open_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint's description.

    Raises:
        CheckpointError: when it is none, is damaged, or was written by a newer version.
    """
    description = _load_json(path / DESCRIPTION)
    version = description.get("format")
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has checkpoint format {version}; this i2i reads format {FORMAT_VERSION} "
            "(it was written by another version: install that one)"
        )
    return Checkpoint(path, description)


def _save_state(folder: Path, name: str, state: Any) -> None:
    tensors: dict[str, Tensor] = {}
    values = pack(state, name.lstrip("."), tensors)
    save_file(tensors, folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_text(json.dumps(values), encoding="utf-8")


def _load_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{path.parent} is no complete checkpoint: {path.name} is missing (name a folder such as "
            "RUN/checkpoints/latest)"
        ) from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}; use another checkpoint of the run") from error


def _load_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} is missing or damaged: {error}; use another checkpoint of the run") from error


class _explain_failure:  # noqa: N801  # used like a function
    """Turn a failed write into an error that says which checkpoint is still good."""

    def __init__(self, folder: CheckpointFolder, step: int) -> None:
        self.folder = folder
        self.step = step

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if not isinstance(error, OSError | SafetensorError):
            return
        latest = max((path.name for path in self.folder.path.glob("step-*")), default=None)
        intact = f"the last one, {latest}, is intact" if latest else "there is no earlier one"
        raise RunFolderError(
            f"the checkpoint of step {self.step} could not be written to {self.folder.path}: {error}; {intact}. "
            f"Free some space or make the folder writable, then: i2i run --resume {self.folder.path.parent}"
        ) from error
