"""How a person asks for tiles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from i2i.errors import ConfigError
from i2i.paths import named
from i2i.translation.tiles.boxes import SMALLEST_TILE
from i2i.translation.tiles.storage import GIB

Statistics = Literal["exact", "estimate"]
DEFAULT_SIDE = 512


@dataclass(frozen=True)
class TileSettings:
    """How images are divided, as it was asked for.

    Attributes:
        automatic: whether only images are divided that memory is too small for.
        side: of the tiles, in pixels of the image.
        statistics: ``"exact"``: the result is that of the whole image; ``"estimate"``: see
            :mod:`i2i.translation.tiles.estimate`.
        memory: bytes of activations that are kept in memory; ``None`` for half of what is available.
        folder: where the others are kept; ``None`` for the system's folder for temporary files.
    """

    automatic: bool
    side: int
    statistics: Statistics = "exact"
    memory: int | None = None
    folder: Path | None = None


def parse_tiles(
    tile: str | int | None,
    statistics: Statistics | None = None,
    memory: float | None = None,
    folder: str | Path | None = None,
) -> TileSettings | None:
    """Check the options of tiles.

    Args:
        tile: ``"auto"``, the side of the tiles, or ``None`` for none.
        statistics: ``"exact"`` (also if not given) or ``"estimate"``.
        memory: GiB.
        folder: for temporary files.

    Raises:
        ConfigError: an option is wrong, or is given without ``tile``.
    """
    if tile is None:
        given = {"--tile-statistics": statistics, "--tile-memory": memory, "--tile-folder": folder}
        for option, value in given.items():
            if value is not None:
                raise ConfigError(f"{option} says how images are divided into tiles; add --tile auto, or leave it out")
        return None
    text = str(tile)
    if text != "auto" and not (text.isdecimal() and int(text) >= SMALLEST_TILE):
        raise ConfigError(f"--tile must be auto, or the side of the tiles of at least {SMALLEST_TILE}; got {tile!r}")
    if statistics not in (None, "exact", "estimate"):
        raise ConfigError(f"--tile-statistics must be 'exact' or 'estimate'; got {statistics!r}")
    if memory is not None and not memory >= 0:
        raise ConfigError(f"--tile-memory must be GiB, at least 0; got {memory}")
    if statistics == "estimate" and (memory is not None or folder is not None):
        raise ConfigError("--tile-memory and --tile-folder are for exact statistics: an estimate keeps nothing")
    path = None if folder is None else named(folder)
    if path is not None and not path.is_dir():
        raise ConfigError(f"--tile-folder {folder} does not exist; make it, or name another folder")
    return TileSettings(
        automatic=text == "auto",
        side=DEFAULT_SIDE if text == "auto" else int(text),
        statistics=statistics or "exact",
        memory=None if memory is None else int(memory * GIB),
        folder=path,
    )
