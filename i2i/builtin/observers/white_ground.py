"""Sample sheets as trackers show them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image


def on_white(path: Path) -> Image.Image:
    """Open a sheet and lay it over white, in RGB: trackers show what is transparent in colours of their own."""
    with Image.open(path) as sheet:
        canvas = Image.new("RGBA", sheet.size, "white")
        canvas.alpha_composite(sheet.convert("RGBA"))
    return canvas.convert("RGB")
