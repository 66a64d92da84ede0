"""Opening a file of weights without running code from it, and saying what a file without any is."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from i2i.errors import CheckpointError, reason_of
from i2i.models.official_layout import UNET_FIRST

NetworkWeights = dict[str, dict[str, Tensor]]
"""Tensors by key, by the name of the network that they belong to: ``""`` where a file holds one network alone."""

EXPECTED = "expected a state dict saved by torch.save, or a .safetensors file"
WRAPPERS = frozenset({"module", "_orig_mod"})
"""What DataParallel and torch.compile put into keys."""

_NETWORK_IN_KEY = re.compile(r"(?:(.*?)\.)??((?:model\.)?model\.\d+\..*)")
_OBJECT_IN_PICKLE = re.compile(r"GLOBAL ([\w.]+)")
_MOST_NESTING = 4
_SIGNATURES = (
    (b"\x89HDF", "an HDF5 file, as Keras writes"),
    (b"\x1f\x8b", "an archive (gzip); unpack it first"),
    (b"version https://git-lfs", "a placeholder of Git LFS; fetch the file itself with: git lfs pull"),
    (b"<", "a web page or XML, such as the error page of a failed download"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
)


def read_weights(path: Path) -> NetworkWeights:
    """Load every tensor of a file, on the CPU, grouped by network; the keys lose ``WRAPPERS`` and their network's name.

    A file written by ``torch.save`` is read with ``weights_only=True``, so nothing in it can run.

    Args:
        path: a file.

    Returns:
        At least one network. Its name comes from the dictionaries around it and from how the keys begin: a file with
        ``{"nets": {"G_A.model.1.weight": ...}}`` has the network ``nets.G_A``.

    Raises:
        CheckpointError: it holds no tensors by key; the message says what it is.
    """
    kind = _kind(path)
    if kind == "safetensors":
        try:
            content: Any = load_file(path)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"{path} is damaged ({error}); download or copy it again") from error
    elif kind == "torch":
        content = _load_pickle(path)
    else:
        raise CheckpointError(f"{path} is {kind}; {EXPECTED}")
    parts: NetworkWeights = defaultdict(dict)
    for name, key, tensor in _walk(content, ()):
        parts[name][key] = tensor
    if not parts:
        raise CheckpointError(f"{path} holds no tensors by name, but {_describe(content)}; {EXPECTED}")
    return {name: _without_wrapper(tensors) for name, tensors in parts.items()}


def _load_pickle(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old files' storage classes; what is in them is checked anyway
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a truncated or foreign file raises nearly anything: RuntimeError, EOFError, KeyError
        found = _OBJECT_IN_PICKLE.search(str(error))
        if found is None:
            reason = reason_of(error)
            raise CheckpointError(f"{path} is damaged, or not a file of torch ({reason}); {EXPECTED}") from error
        raise CheckpointError(
            f"{path} holds Python objects ({found[1]}), and loading those can run code; {EXPECTED}. If you trust it, "
            "save the weights alone with the program that it is from: torch.save(network.state_dict(), 'weights.pth')"
        ) from error


def _walk(content: Any, place: tuple[str, ...]) -> Iterator[tuple[str, str, Tensor]]:
    """Each tensor with the name of its network and its key there."""
    if not isinstance(content, Mapping) or len(place) > _MOST_NESTING:
        return
    for key, value in content.items():
        if isinstance(value, Tensor) and isinstance(key, str):
            bare = ".".join(part for part in key.split(".") if part not in WRAPPERS)
            found = _NETWORK_IN_KEY.fullmatch(bare)
            prefix, rest = (found[1] or "", found[2]) if found else ("", bare)
            yield ".".join(filter(None, (*place, prefix))), rest, value
        elif isinstance(value, Mapping) and key not in ("state", "_metadata"):  # "state": an optimiser's
            yield from _walk(value, (*place, str(key)))


def _without_wrapper(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tell a network that something calls ``model`` from a U-Net, whose own keys begin with that, too."""
    begin = "model."
    if UNET_FIRST in tensors or not all(key.startswith(2 * begin) for key in tensors):
        return tensors
    return {key.removeprefix(begin): tensor for key, tensor in tensors.items()}


def _kind(path: Path) -> str:
    """``"safetensors"``, ``"torch"``, or what else the file is, in words that follow "is"."""
    try:
        with path.open("rb") as file:
            begin = file.read(256)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    if not begin:
        return "empty (0 bytes)"
    if begin.startswith(b"PK\x03\x04"):
        return _kind_of_archive(path)
    if len(begin) > 9 and begin[8:9] == b"{" and int.from_bytes(begin[:8], "little") < path.stat().st_size:
        return "safetensors"
    if begin.startswith(b"\x80"):
        return "torch"  # a pickle, as torch.save wrote before 1.6
    for signature, kind in _SIGNATURES:
        if begin.startswith(signature):
            return kind
    if begin.startswith(b"\x08") and (b"pytorch" in begin or b"onnx" in begin.lower()):
        return "an ONNX file by its content; call it ....onnx"
    if path.suffix == ".t7":
        return "a file of Lua Torch, as the first version of that code wrote; the later one in PyTorch has .pth files"
    return f"not a file of weights: it begins with {begin[:12]!r}"


def _kind_of_archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.partition("/")[2] or name for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile):
        return "a damaged archive, perhaps half of a download"
    if "constants.pkl" in names:
        return "a TorchScript program, which is code as well as weights"
    if any(name.endswith(("archive_format", "serialized_exported_program.json")) for name in names):
        return "a program of torch.export by its content; call it ....pt2"
    if "data.pkl" in names:
        return "torch"
    return "a zip archive; unpack it first"


def _describe(content: Any) -> str:
    if isinstance(content, Mapping) and {"state", "param_groups"} <= set(content):
        return "the state of an optimiser, which goes with training"
    if isinstance(content, Mapping):
        return f"a dictionary with {', '.join(repr(str(key)) for key in list(content)[:6]) or 'nothing in it'}"
    if isinstance(content, Tensor):
        return f"one tensor of shape {list(content.shape)}"
    return f"a {type(content).__name__}"
