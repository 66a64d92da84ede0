"""What every reader of image files must do: give back what it wrote, tell it first, refuse what is damaged."""

from __future__ import annotations

import io
import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from i2i.images.readers import BEGIN
from i2i.plugins import ImageHeader, Options, ReaderSpec, ReadImage
from i2i.plugins.manager import PluginManager
from i2i.testing.results import BrokenPromiseError, Checklist, expect

KINDS = tuple((channels, kind) for kind in ("uint8", "uint16", "float32") for channels in (1, 3, 4, 6))
"""What a format is asked for whether it holds it."""
METHODS = ("header", "read", "holds", "write")
HEIGHT, WIDTH = 12, 20


def reader_checks(
    checks: Checklist, spec: ReaderSpec, options: Options, root: str | Path | None, manager: PluginManager
) -> None:
    """Check one reader, on what it writes itself, or on the file ``root``; its suffixes beside those of others."""
    root = root if root is not None and Path(root).is_file() else None  # a folder is for data sets

    def make() -> Any:
        built = spec.build(options)
        missing = [name for name in METHODS if not callable(getattr(built, name, None))]
        expect(not missing, f"build must return a reader; {type(built).__name__} has no {', '.join(missing)}")
        return built

    def builds() -> str | None:
        expect(
            root is not None or bool(_held(make())),
            "holds says that it writes none of the usual kinds, so name a file that it reads (i2i plugins check "
            "--data, or root=)",
        )
        return None if root is not None else f"writes {', '.join(f'{c} x {kind}' for c, kind in _held(make()))}"

    def suffixes() -> None:
        for component in manager.components(ReaderSpec.kind):
            other = component.spec
            assert isinstance(other, ReaderSpec)
            shared = [suffix for suffix in spec.suffixes if suffix in other.suffixes and other.name != spec.name]
            expect(
                not shared,
                f"{component.called} claims {', '.join(shared)} too, and no such file could be read while both are "
                "here; leave out suffixes that are another format's",
            )

    checks.run("suffixes", suffixes)
    if not checks.run("builds a reader", builds):
        return
    with tempfile.TemporaryDirectory(prefix="i2i-check-") as name:
        folder = Path(name)

        def written() -> Path:
            return Path(root) if root is not None else _write(make(), folder, spec.suffixes[0], _held(make())[0])

        if root is None:
            checks.run("gives back what it wrote", lambda: _round_trip_check(make(), folder, spec.suffixes[0]))
        checks.run("header", lambda: _header_check(make(), written()))
        checks.run("streams", lambda: _stream_check(make(), written()))
        checks.run("begin", lambda: _begin_check(spec, written()))
        checks.run("damage", lambda: _damage_check(make(), written()))
        checks.run("window", lambda: _window_check(make(), written()))
        checks.run("picklable", lambda: _pickle_check(make(), written()))


def _held(reader: Any) -> list[tuple[int, str]]:
    return [(channels, kind) for channels, kind in KINDS if reader.holds(channels, kind)]


def _pixels(channels: int, kind: str) -> npt.NDArray[Any]:
    random = np.random.default_rng(channels)
    if kind == "float32":
        return random.normal(0, 100, (HEIGHT, WIDTH, channels)).astype(np.float32)
    return random.integers(0, np.iinfo(kind).max, (HEIGHT, WIDTH, channels), endpoint=True).astype(kind)


def _write(reader: Any, folder: Path, suffix: str, kind: tuple[int, str]) -> Path:
    path = folder / f"{kind[0]}-{kind[1]}{suffix}"
    with path.open("wb") as file:
        left_out = list(reader.write(_pixels(*kind), file, like=None))
    expect(all(isinstance(note, str) for note in left_out), f"write must return sentences; got {left_out!r}")
    return path


def _read(reader: Any, source: Any) -> npt.NDArray[Any]:
    image = reader.read(source, beside=True)
    return _values(image)


def _read_whole(reader: Any, source: Any) -> npt.NDArray[Any]:
    """All values, where a picture shows fewer."""
    return _values(reader.samples(source)) if hasattr(reader, "samples") else _read(reader, source)


def _values(image: Any) -> npt.NDArray[Any]:
    expect(isinstance(image, ReadImage), f"read must return a ReadImage; got {type(image).__name__}")
    values: npt.NDArray[Any] = np.asarray(image.pixels)
    if isinstance(image.pixels, Image.Image):
        return values[:, :, None] if values.ndim == 2 else values
    fits = isinstance(image.pixels, np.ndarray) and values.ndim == 3 and values.dtype.kind in "uif"
    expect(fits, "read must give an array [H, W, C] of numbers, or a Pillow image")
    return values


def _round_trip_check(reader: Any, folder: Path, suffix: str) -> None:
    """A format with loss, such as JPEG, may be off by some levels of 256: noise is hard for it."""
    for kind in _held(reader):
        wanted = _pixels(*kind)
        found = _read_whole(reader, _write(reader, folder, suffix, kind))
        told = f"{kind[0]} x {kind[1]}"
        if found.shape[2] == 3 and kind[0] == 1:  # a picture format that has no grey
            wanted = np.repeat(wanted, 3, axis=2)
        expect(found.shape == wanted.shape, f"{told}: gave {list(found.shape)} back for {list(wanted.shape)}")
        expect(found.dtype == wanted.dtype, f"{told}: gave {found.dtype} back")
        off = float(np.abs(found.astype(np.float64) - wanted).mean())
        room = 16 if kind[1] == "uint8" else 0
        expect(off <= room, f"{told}: values are off by {off:.3g} on average; holds must say what is kept")


def _header_check(reader: Any, path: Path) -> None:
    header = reader.header(path)
    expect(isinstance(header, ImageHeader), f"header must return an ImageHeader; got {type(header).__name__}")
    height, width, channels = _read(reader, path).shape
    told = (header.width, header.height, header.channels)
    same = told in ((width, height, channels), (height, width, channels)) or isinstance(
        reader.read(path, beside=False).pixels, Image.Image
    )
    expect(same, f"header says {told} (width, height, channels), and read gives {(width, height, channels)}")
    np.dtype(header.type)


def _stream_check(reader: Any, path: Path) -> None:
    content = path.read_bytes()
    same = np.array_equal(_read(reader, io.BytesIO(content)), _read(reader, path))
    expect(same, "reads another image from an open file than from its path")
    expect(reader.header(io.BytesIO(content)) == reader.header(path), "header differs for an open file and its path")


def _window_check(reader: Any, path: Path) -> str | None:
    if not hasattr(reader, "read_window"):
        return "none: files are read whole"
    whole = _read_whole(reader, path)
    height, width = whole.shape[:2]
    left, top = width // 3, height // 3
    boxes = (
        (0, 0, width, height),
        (left, top, left + 1, top + 1),
        (left, 0, width, top + 1),
        (0, top, left + 1, height),
    )
    for box in boxes:
        values = reader.read_window(path, box)
        if values is None:
            return "none of such a file: it is read whole"
        expected = whole[box[1] : box[3], box[0] : box[2]]
        same = isinstance(values, np.ndarray) and values.dtype == expected.dtype and np.array_equal(values, expected)
        expect(same, f"read_window {box} (left, top, right, bottom) gives other values than the whole image has there")
    return None


def _begin_check(spec: ReaderSpec, path: Path) -> str | None:
    expect(not spec.begins(b"no image at all") and not spec.begins(b""), "begins takes any file for its own")
    if spec.begins(path.read_bytes()[:BEGIN]):
        return None
    return "begins does not know it: without a suffix, as on standard input, it is taken for a picture"


def _damage_check(reader: Any, path: Path) -> None:
    content = path.read_bytes()
    kept = len(content) // 2
    try:
        reader.read(io.BytesIO(content[:kept]), beside=False)
    except Exception as error:  # whatever it raises is the reason that people see
        expect(bool(str(error)), f"raises {type(error).__name__} without a reason for a file that is cut off")
    else:
        raise BrokenPromiseError(f"reads a file of {len(content)} bytes that is cut off after {kept}")


def _pickle_check(reader: Any, path: Path) -> None:
    copy = pickle.loads(pickle.dumps(reader))
    expect(
        np.array_equal(_read(copy, path), _read(reader, path)), "a pickled copy, as loaders use it, reads another image"
    )
