"""What an exported file says about itself, inside it: JSON under one name, in ONNX metadata or in the PT2 archive.

::

    {
      "format": 1,
      "about": "line to 3d, translated by generator resnet; ...",
      "input":  {"name": "images", "layout": "NHWC", "type": "uint8", "channels": 3, "range": [0, 255],
                 "sizes": "any",             or [height, width], if the file takes that size alone
                 "batch": "any"},            or a number, likewise
      "output": {"name": "translations", ...},
      "source": "my-run/step-00001200",      the run and its checkpoint
      "translator": {...}                    the record that translator.info was
    }
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from i2i._version import __version__
from i2i.errors import CheckpointError, reason_of
from i2i.files.texts import parse_json
from i2i.models.checkpoint_description import check_record
from i2i.models.info import TranslatorInfo
from i2i.models.scores import values_from_json, values_to_json
from i2i.plugins.directions import Direction
from i2i.tensors.padding import Size

FORMAT_VERSION = 1
KEY = "i2i"
"""The key of the metadata of an ONNX file."""
FILE = "i2i.json"
"""The extra file of a PT2 archive."""
INPUT, OUTPUT = "images", "translations"
ANY = "any"


@dataclass(frozen=True)
class FixedShape:
    """What of its input an exported file leaves no choice of; as it is made, of nothing.

    Attributes:
        size: height and width of the images; ``None``: any.
        batch: how many images go in at once; ``None``: any number.
    """

    size: Size | None = None
    batch: int | None = None

    def __str__(self) -> str:
        if self == ANY_SHAPE:
            return "any size and number"
        size = "any size" if self.size is None else f"{self.size[0]} x {self.size[1]} pixels (height x width)"
        return f"{size}, {'any number' if self.batch is None else f'{self.batch} at once'}"


ANY_SHAPE = FixedShape()


def describe(info: TranslatorInfo, *, raw: bool, fixed: FixedShape = ANY_SHAPE) -> str:
    """The JSON to put into the file.

    Args:
        info: of the translator that is exported.
        raw: whether the file takes float tensors.
        fixed: what of its input is fixed.
    """
    source, target = info.domains
    kind: dict[str, Any] = (
        {"layout": "NCHW", "type": "float32", "range": list(info.value_range)}
        if raw
        else {"layout": "NHWC", "type": "uint8", "range": [0, 255]}
    )
    kind["sizes"] = ANY if fixed.size is None else list(fixed.size)
    kind["batch"] = ANY if fixed.batch is None else fixed.batch
    values = {
        "format": FORMAT_VERSION,
        "about": (f"{info.title}: " if info.title else "")
        + f"{source} to {target}, translated by generator {info.generator}; exported by i2i {__version__}",
        "input": {"name": INPUT, "channels": info.in_channels, **kind},
        "output": {"name": OUTPUT, "channels": info.out_channels, **kind},
        "source": _source(info.checkpoint),
        "translator": {**asdict(info), "checkpoint": info.checkpoint.name, "metrics": values_to_json(info.metrics)},
    }
    return json.dumps(values, indent=2, ensure_ascii=False, default=str)


def _source(checkpoint: Path) -> str:
    """What a person knows it by, run and checkpoint or the name of a file, without the folders of this machine."""
    if checkpoint.parent.name == "checkpoints":
        return f"{checkpoint.parent.parent.name}/{checkpoint.name}"
    return checkpoint.name


def read_back(text: str | None, path: Path) -> tuple[TranslatorInfo, bool, FixedShape]:
    """The record of the translator, whether the file takes float tensors, and what is fixed: what :func:`describe` got.

    Args:
        text: the JSON, or ``None`` where the file has none.
        path: the file.

    Raises:
        CheckpointError: it was not exported by i2i, or by a later version, or is damaged.
    """
    if not text:
        raise CheckpointError(
            f"{path} was not exported by i2i: it does not say what images it takes; expected a file from i2i export"
        )
    try:
        values = parse_json(text)
        version = int(values["format"])
        if version > FORMAT_VERSION:
            raise CheckpointError(
                f"{path} was exported by a newer i2i (format {version}, this one reads up to {FORMAT_VERSION}); "
                "upgrade i2i"
            )
        raw = values["input"]["type"] == "float32"
        fixed = _fixed(values["input"])
        known = {field.name for field in fields(TranslatorInfo)}
        check_record(values["translator"], f"{path}: what it says of itself", "export the model again")
        record = {name: _tupled(value) for name, value in values["translator"].items() if name in known}
        record |= {
            "direction": Direction(record["direction"]),
            "directions": tuple(map(Direction, record["directions"])),
            "metrics": values_from_json(record["metrics"]),
        }
        info = replace(TranslatorInfo(**record), checkpoint=path, chosen="")
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(
            f"{path}: what it says of itself is damaged ({type(error).__name__}: {reason_of(error)}); export the model "
            "again"
        ) from error
    return info, raw, fixed


def _fixed(about: Mapping[str, Any]) -> FixedShape:
    """What is fixed; files of i2i 0.1 say nothing of the batch."""
    sizes, batch = about["sizes"], about.get("batch", ANY)
    size = None
    if sizes != ANY:
        height, width = sizes
        size = (_side(height), _side(width))
    return FixedShape(size, None if batch == ANY else _side(batch))


def _side(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"sizes and batch must be whole numbers from 1; got {value!r}")
    return value


def _tupled(value: Any) -> Any:
    """JSON has lists where the record has tuples."""
    if isinstance(value, list):
        return tuple(_tupled(item) for item in value)
    if isinstance(value, Mapping):
        return dict(value)
    return value
