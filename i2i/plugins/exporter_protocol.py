"""Protocols of exporters: what ``i2i export`` asks of them, and what they get."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
    from torch.export import ExportedProgram


@dataclass(frozen=True)
class TracedTranslator:
    """A translator as one program from images to images, which an exporter writes.

    Attributes:
        program: of ``torch.export``, in evaluation mode, of PyTorch's own operators: images ``[N, H, W, C]`` of uint8
            to translations of the same kind and size, or, where floats were asked for, ``[N, C, H, W]`` of float32 in
            [-1, 1].
        record: what the file says of itself, JSON; it must be in the file, for :meth:`ReadingExporter.open`.
        open_sizes: the names of the input's dimensions that any size may be given for; the others are fixed.
        write_onnx: writes the program to a path as ONNX, with all that makes i2i's own ONNX files exact and small; it
            needs i2i's extra ``export``. The input is called ``images``, the output ``translations``.
    """

    program: ExportedProgram
    record: str
    open_sizes: Mapping[int, str]
    write_onnx: Callable[[Path], None]


class Exporter(Protocol):
    """Writes a format, and says what runs it. i2i compares what its files give, and keeps those that agree."""

    @property
    def runtime(self) -> str:
        """What runs its files here, with the version, such as ``"onnxruntime 1.32.0"``."""
        ...

    @property
    def runner(self) -> Path:
        """A Python program that shows that a file runs without i2i: ``python RUNNER FILE INPUTS.npz OUTPUTS.npz``.

        It translates each array of INPUTS into one of the same name in OUTPUTS, imports no i2i, and ends with another
        exit code than 0 where it cannot.
        """
        ...

    def require(self) -> None:
        """Raise a :class:`~i2i.errors.ConfigError` where a package is missing that writing or running needs."""
        ...

    def write(self, traced: TracedTranslator, path: Path) -> None:
        """Write the file, and those beside it, under the name of ``path`` up to its suffix.

        Raises:
            ExportError: the program cannot be written in this format; what else it raises is reported as its own.
        """
        ...


@runtime_checkable
class PreparingExporter(Protocol):
    """An exporter that also changes the network before it is traced."""

    def prepare(self, network: nn.Module) -> nn.Module:
        """Return the network, or a copy, as it is to be traced; it must give the same images."""
        ...


@dataclass(frozen=True)
class OpenedFile:
    """An exported file that can run.

    Attributes:
        translate: from a batch of the file's kind to its translations, as tensors.
        record: what the file says of itself; ``None`` where it says nothing.
        device: where it computes.
    """

    translate: Callable[[Tensor], Tensor]
    record: str | None
    device: torch.device


@runtime_checkable
class ReadingExporter(Protocol):
    """An exporter whose files i2i can also translate with: they are a MODEL."""

    def open(self, path: Path, device: str, *, trust: bool) -> OpenedFile:
        """Open a file that may be anybody's; no code of its author may run unless ``trust`` is set.

        Args:
            path: a file that exists.
            device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
            trust: whether the person trusts its author.

        Raises:
            CheckpointError: it is damaged, or no file of this format.
            ConfigError: it does not compute on that device, or a package is missing.
        """
        ...
