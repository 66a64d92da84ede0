"""Pictures of fixed held-out images: the sheets written during training and the picture that ends a run."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from i2i.errors import DataError, RunFolderError
from i2i.files.atomic import write_whole
from i2i.tensors.pixels import to_pixels

READABLE_SIZE = 192
"""Images whose longer side is smaller than this are enlarged by the largest whole factor that keeps them within it."""

SHEET_GAP = 8
COLUMNS_FILE = "columns.json"

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_BACKGROUND = "white"
_TITLE_COLOUR = "#57534e"


@dataclass(frozen=True)
class _Table:
    """Columns of equally many images, with the cell that holds the largest of them; ``cell`` is (width, height)."""

    columns: dict[str, list[Image.Image]]
    rows: int
    cell: tuple[int, int]

    def paste(self, canvas: Image.Image, title: str, row: int, left: int, top: int) -> None:
        """Draw one image, enlarged by a whole factor and centred in its cell."""
        image = self.columns[title][row]
        factor = max(1, min(self.cell[0] // image.width, self.cell[1] // image.height))
        image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
        left += (self.cell[0] - image.width) // 2
        top += (self.cell[1] - image.height) // 2
        canvas.paste(image, (left, top), image if image.mode == "RGBA" and canvas.mode == "RGB" else None)


def write_sheet(folder: Path, step: int, direction: str, columns: Mapping[str, Tensor]) -> Path:
    """Write ``samples/<direction>/step-00001200.png`` in a run folder; see :func:`draw_sheet`.

    Args:
        folder: the run folder.
        step: training steps so far.
        direction: ``"AtoB"`` or ``"BtoA"``.
        columns: title to images.
    """
    return draw_sheet(folder / "samples" / direction / f"step-{step:08d}.png", columns)


def draw_sheet(path: Path, columns: Mapping[str, Tensor]) -> Path:
    """Write a sheet: one row an image, one column a kind of image.

    There is no text in the picture; ``columns.json`` beside it holds the titles, the number of rows and the sizes in
    pixels, for the page to put headings. The gaps between cells are transparent. A crash leaves whole files only.

    Args:
        path: where the PNG goes; its folder is made when missing.
        columns: title to images ``[N, C, H, W]`` in [-1, 1], the same N in each; C is 1 (grey), 3 (colour) or 4
            (colour and opacity). H, W and C may differ between columns: each image is enlarged by the largest whole
            factor that fits the cell (nearest neighbour, so that pixels stay what they are) and centred in it.

    Returns:
        The path of the PNG.

    Raises:
        DataError: the columns cannot be drawn side by side.
        RunFolderError: the files cannot be written.
    """
    picture, about = render_sheet(columns)
    write_whole(path.parent / COLUMNS_FILE, (json.dumps(about, indent=2) + "\n").encode())
    return write_whole(path, picture)


def render_sheet(columns: Mapping[str, Tensor]) -> tuple[bytes, dict[str, Any]]:
    """The PNG of a sheet, and what ``columns.json`` holds of it; see :func:`draw_sheet`."""
    table = _tabulate(columns)
    width = _extent(table.cell[0], len(table.columns), SHEET_GAP)
    height = _extent(table.cell[1], table.rows, SHEET_GAP)
    sheet = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    for column, title in enumerate(table.columns):
        for row in range(table.rows):
            left, top = column * (table.cell[0] + SHEET_GAP), row * (table.cell[1] + SHEET_GAP)
            table.paste(sheet, title, row, left, top)
    return _png(sheet), {"titles": list(table.columns), "rows": table.rows, "cell": list(table.cell), "gap": SHEET_GAP}


def write_picture(path: Path, columns: Mapping[str, Tensor], *, across: int | None = None) -> Path:
    """Write the headline picture: examples on white, each a group of cells under the columns' titles.

    Args:
        path: where the PNG goes; its folder is made when missing.
        columns: as for :func:`draw_sheet`, in reading order, such as input, output, back again, truth.
        across: how many groups stand side by side; by default as many as make the picture about twice as wide as high.

    Returns:
        The path.

    Raises:
        DataError: the columns cannot be drawn side by side.
        RunFolderError: the file cannot be written.
    """
    table = _tabulate(columns)
    cell_width, cell_height = table.cell
    gap = max(6, cell_width // 16)
    group_gap, margin = 4 * gap, 3 * gap
    group_width = _extent(cell_width, len(table.columns), gap)
    if across is None:
        across = _across(table.rows, group_width + group_gap, cell_height + gap)
    across = min(across, table.rows)

    font = _fitting_font(list(table.columns), size=max(12, cell_width // 8), width=cell_width)
    header = sum(font.getmetrics()) + gap
    width = 2 * margin + _extent(group_width, across, group_gap)
    height = 2 * margin + header + _extent(cell_height, -(-table.rows // across), gap)
    picture = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(picture)
    for group in range(across):
        for column, title in enumerate(table.columns):
            left = margin + group * (group_width + group_gap) + column * (cell_width + gap)
            draw.text((left + cell_width / 2, margin), title, font=font, fill=_TITLE_COLOUR, anchor="ma")
            for line, row in enumerate(range(group, table.rows, across)):
                table.paste(picture, title, row, left, margin + header + line * (cell_height + gap))
    return write_whole(path, _png(picture))


def over_white(images: Tensor) -> Tensor:
    """Lay ``[N, C, H, W]`` in [-1, 1], whose last channel is opacity and multiplies the others, over white."""
    unit = (images + 1) / 2
    return ((unit[:, :-1] + 1 - unit[:, -1:]).clamp(0, 1) * 2) - 1


def drawable(title: str, images: Tensor) -> tuple[str, Tensor]:
    """The channels that can be drawn, grey or colour; a title that says which, where there are others."""
    channels = images.shape[1]
    if channels in (1, 3):
        return title, images
    if channels > 3:
        return f"{title}, channels 1-3 of {channels}", images[:, :3]
    return f"{title}, channel 1 of {channels}", images[:, :1]


def stack_images(images: list[Tensor]) -> Tensor:
    """Stack ``[1, C, H, W]`` images; smaller ones are centred on white, so that sheets of mixed sizes can be drawn."""
    height = max(image.shape[2] for image in images)
    width = max(image.shape[3] for image in images)
    canvas = images[0].new_ones(len(images), images[0].shape[1], height, width)
    for place, image in enumerate(images):
        top, left = (height - image.shape[2]) // 2, (width - image.shape[3]) // 2
        canvas[place, :, top : top + image.shape[2], left : left + image.shape[3]] = image[0]
    return canvas


def _tabulate(columns: Mapping[str, Tensor]) -> _Table:
    shapes = {title: tuple(images.shape) for title, images in columns.items()}
    listed = ", ".join(f"{title} {shape}" for title, shape in shapes.items()) or "nothing"
    if not shapes or any(len(shape) != 4 or 0 in shape for shape in shapes.values()):
        raise DataError(f"sample pictures need columns of images [N, C, H, W] with at least one image; got {listed}")
    if len({shape[0] for shape in shapes.values()}) > 1:
        raise DataError(f"sample pictures need the same number of images in every column; got {listed}")
    if any(shape[1] not in _MODES for shape in shapes.values()):
        raise DataError(
            f"sample pictures can show images of 1 (grey), 3 (colour) or 4 (colour and opacity) channels; "
            f"got {listed}; hand over the channels to show"
        )
    height = max(shape[2] for shape in shapes.values())
    width = max(shape[3] for shape in shapes.values())
    factor = max(1, READABLE_SIZE // max(height, width))
    drawn = {title: [Image.fromarray(to_pixels(image)) for image in images] for title, images in columns.items()}
    return _Table(drawn, next(iter(shapes.values()))[0], (width * factor, height * factor))


def _extent(size: int, count: int, gap: int) -> int:
    return count * size + (count - 1) * gap


def _across(groups: int, group_width: int, row_height: int) -> int:
    """The number of groups side by side that brings width : height nearest to 2 : 1, as a ratio."""

    def distance(across: int) -> float:
        ratio = across * group_width / (-(-groups // across) * row_height) / 2
        return max(ratio, 1 / ratio)

    return min(range(1, groups + 1), key=distance)


def _fitting_font(titles: list[str], size: int, width: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font at ``size``, or smaller where the longest title would be wider than its cell."""
    while True:
        font = ImageFont.load_default(size=size)
        if not isinstance(font, ImageFont.FreeTypeFont):
            raise RunFolderError(
                "cannot draw titles: expected Pillow with FreeType, got one without; reinstall Pillow from a wheel"
            )
        if size <= 8 or max(font.getlength(title) for title in titles) <= width:
            return font
        size -= 1


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")  # optimize=True takes six times as long, of training, for four per cent
    return buffer.getvalue()
