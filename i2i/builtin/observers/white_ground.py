"""Sample sheets as trackers show them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from i2i.images.reading import to_opaque


def on_white(path: Path) -> Image.Image:
    """Open a sheet and lay it over white, in RGB: trackers show what is transparent in colours of their own."""
    with Image.open(path) as sheet:
        sheet.load()
        return to_opaque(sheet, channels=3)
