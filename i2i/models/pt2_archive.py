"""Opening a program of ``torch.export`` (``.pt2``) without running code of whoever wrote it.

``torch.export.load`` unpickles weights, constants, example inputs and objects, loads compiled libraries, hands the
sizes' formulas to sympy, which evaluates them, and writes the names of the graph into Python code. So a file is not
given to it as it is. Its members are read here, what is not needed to compute is left out, the rest is checked against
what ``torch.export.save`` writes for weights and PyTorch's own operators, and the archive that torch loads is a new
one, in memory, of what passed. :mod:`i2i.models.pt2_graph` reads the graph.

A file that needs more is refused; who trusts its author may have it loaded as it is.
"""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.pt2_archive import PT2ArchiveWriter
from torch.export.pt2_archive.constants import (
    ARCHIVE_FORMAT_PATH,
    ARCHIVE_FORMAT_VALUE,
    CONSTANTS_CONFIG_FILENAME_FORMAT,
    CONSTANTS_DIR,
    EXTRA_DIR,
    MODELS_FILENAME_FORMAT,
    SAMPLE_INPUTS_FILENAME_FORMAT,
    TENSOR_CONSTANT_FILENAME_PREFIX,
    WEIGHT_FILENAME_PREFIX,
    WEIGHTS_CONFIG_FILENAME_FORMAT,
    WEIGHTS_DIR,
)

from i2i.environment.quiet import quietly
from i2i.errors import CheckpointError, printable, reason_of
from i2i.files.regular_files import require_file
from i2i.models.pt2_graph import NeedsTrustError, check_graph, check_strings
from i2i.tensors.inference import torchs_own_settings
from i2i.tensors.torch_private import load_pt2
from i2i.tensors.tracing import TRACING

HOW_TO_TRUST = (
    "loading that can run code of whoever wrote it. If you know where the file is from and trust it, allow it: --trust "
    "on the command line, trust=True in Python"
)

_MODEL = "model"
"""The one program that ``torch.export.save`` puts into an archive."""
_GRAPH = MODELS_FILENAME_FORMAT.format(_MODEL)
_WEIGHTS = WEIGHTS_CONFIG_FILENAME_FORMAT.format(_MODEL)
_CONSTANTS = CONSTANTS_CONFIG_FILENAME_FORMAT.format(_MODEL)
_EXAMPLES = SAMPLE_INPUTS_FILENAME_FORMAT.format(_MODEL)
_OF_THE_FORMAT = frozenset({_EXAMPLES, ARCHIVE_FORMAT_PATH, "archive_version", "byteorder", ".data/version"})
_LOGGERS = ("torch.export", "torch.export.pt2_archive._package", "torch._export.serde.serialize")


@torchs_own_settings()
def load_program(path: Path, *, trust: bool = False) -> tuple[ExportedProgram, dict[str, str]]:
    """Load a program, on the CPU, and the texts that were put beside it.

    Args:
        path: a file.
        trust: load it as it is, whatever that runs.

    Returns:
        The program, and by name the texts of the archive's ``extra`` folder.

    Raises:
        CheckpointError: it is not such a file, is damaged, or needs to be trusted and is not; the message says why.
    """
    require_file(path)
    try:
        with TRACING, quietly(*_LOGGERS):
            if trust:
                extra: dict[str, Any] = {"": ""}  # an empty one would not be filled
                return torch.export.load(path, extra_files=extra), extra
            members = _read(path)
            extra = _texts(members)
            # What torch.export.load calls; that would log a failure, and raise another which refers to the log.
            return load_pt2(_rebuilt(members)).exported_programs[_MODEL], extra
    except NeedsTrustError as error:
        raise CheckpointError(
            f"{path} holds more than weights and a graph of PyTorch's operators ({printable(str(error))}), and "
            f"{HOW_TO_TRUST}"
        ) from error
    except Exception as error:  # of zip, JSON, the schema, or the tracer
        raise CheckpointError(
            f"{path} is not a PT2 archive, or is damaged ({reason_of(error)}); copy it again, or export it anew"
        ) from error


@torchs_own_settings()
def program_on(program: ExportedProgram, device: torch.device) -> ExportedProgram:
    """The program for a device: its weights, and the devices that its operators name."""
    if device.type == "cpu":
        return program
    from torch.export.passes import move_to_device_pass

    return move_to_device_pass(program, device)


def _read(path: Path) -> dict[str, bytes]:
    """The members of an archive by name, without the folder that is around them all."""
    members: dict[str, bytes] = {}
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            root, _, name = entry.filename.partition("/")
            if entry.filename == "serialized_exported_program.json":
                raise NeedsTrustError("it is of a torch before 2.8, which pickled the weights")
            if entry.is_dir() or not name or stat.S_ISLNK(entry.external_attr >> 16):
                raise NeedsTrustError(f"it has {entry.filename!r}, which is not part of such a file")
            if entry.compress_type != zipfile.ZIP_STORED:
                raise NeedsTrustError(f"{name} is compressed, which torch.export.save never does")
            if name in members or root != archive.infolist()[0].filename.partition("/")[0]:
                raise NeedsTrustError(f"it has {name} twice, or in several folders")
            _check_name(name)
            members[name] = archive.read(entry)
    if members.get(ARCHIVE_FORMAT_PATH) != ARCHIVE_FORMAT_VALUE.encode():
        raise ValueError(f"it has no {ARCHIVE_FORMAT_PATH}")
    if missing := {_GRAPH, _WEIGHTS, _CONSTANTS} - members.keys():
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    return members


def _check_name(name: str) -> None:
    if name in (_GRAPH, _WEIGHTS, _CONSTANTS) or name in _OF_THE_FORMAT:
        return
    if name.startswith((EXTRA_DIR, ".data/serialization_id")):
        return
    for begin in (f"{WEIGHTS_DIR}{WEIGHT_FILENAME_PREFIX}", f"{CONSTANTS_DIR}{TENSOR_CONSTANT_FILENAME_PREFIX}"):
        if name.startswith(begin) and name.removeprefix(begin).isdecimal():
            return
    raise NeedsTrustError(f"it has {name}")


def _texts(members: Mapping[str, bytes]) -> dict[str, str]:
    return {
        name.removeprefix(EXTRA_DIR): content.decode()
        for name, content in members.items()
        if name.startswith(EXTRA_DIR)
    }


def _rebuilt(members: Mapping[str, bytes]) -> io.BytesIO:
    """A new archive of what is needed to compute; there are no example inputs, which are a pickle."""
    graph = check_graph(json.loads(members[_GRAPH]))
    tensors = _check_tensors(members, _WEIGHTS, WEIGHTS_DIR) | _check_tensors(members, _CONSTANTS, CONSTANTS_DIR)
    archive = io.BytesIO()
    with PT2ArchiveWriter(archive) as writer:
        for name in sorted(tensors):
            writer.write_bytes(name, members[name])
        writer.write_bytes(_WEIGHTS, members[_WEIGHTS])
        writer.write_bytes(_CONSTANTS, members[_CONSTANTS])
        writer.write_string(_GRAPH, json.dumps(graph))
        writer.write_bytes(_EXAMPLES, b"")
        for name, content in members.items():
            if name.startswith(EXTRA_DIR):
                writer.write_bytes(name, content)
    archive.seek(0)
    return archive


def _check_tensors(members: Mapping[str, bytes], config: str, folder: str) -> set[str]:
    """The members that hold tensors as their bare bytes; anything that is pickled is refused."""
    described = json.loads(members[config])
    check_strings(described)
    named = set()
    for key, entry in described["config"].items():
        name = f"{folder}{entry['path_name']}"
        if entry["use_pickle"] or not entry.get("tensor_meta"):
            raise NeedsTrustError(f"{key} is pickled")
        if name not in members:
            raise ValueError(f"it lacks {name}, the tensor {key}")
        named.add(name)
    return named
