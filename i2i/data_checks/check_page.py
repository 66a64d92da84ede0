"""The page of a check: one file with its pictures inside, which asks nothing of the network. No torch."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from i2i.data_checks.data_report import DataReport
from i2i.data_checks.findings import NAMED, Finding, PairShift
from i2i.data_checks.picture_facts import PictureFacts, Place, picture_of
from i2i.errors import I2IError, printable
from i2i.files.atomic import write_whole
from i2i.images.readers import Readers
from i2i.images.unusable import UnusableImageError
from i2i.plugins.dataset_members import DOMAINS

PREVIEW = 160
"""Pixels of the longer side of a picture on the page."""
EXAMPLES = 6
"""Pictures of each domain and split that are shown."""
PICTURED = 12
"""Groups of pictures of a finding that are shown; the others are counted."""


@dataclass(frozen=True)
class _Numbers:
    """A domain in numbers: label and value."""

    name: str
    rows: list[tuple[str, str]]


def write_check_page(path: Path, report: DataReport, readers: Readers, *, max_pixels: int) -> Path:
    """Write the page and return its path.

    Args:
        path: of the file; what is there is replaced.
        report: what was found.
        readers: the formats of image files.
        max_pixels: images with more are refused.

    Raises:
        RunFolderError: the file cannot be written.
    """
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("i2i.data_checks", "templates"), jinja2.PackageLoader("i2i", "data/pages")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_readable,
    )

    def preview(place: Place) -> str:
        return _preview(place, readers, max_pixels)

    html = environment.get_template("check.html.jinja").render(
        report=report,
        findings=[(weight, [each for each in report.findings if each.weight == weight]) for weight in _HEADINGS],
        headings=_HEADINGS,
        numbers=[_numbers_of(report, domain) for domain in range(2)],
        examples=_examples(report),
        shifts=_plot(report.shifts),
        preview=preview,
        name_of=lambda place: place.picture.name,
        pictured=PICTURED,
        rest=_rest,
    )
    return write_whole(path, html.encode())


_HEADINGS = {
    "error": "What spoils the result",
    "warning": "What may spoil it",
    "note": "To be known",
}


def _readable(value: Any) -> Any:
    return printable(value, lines=True) if type(value) is str else value


def _rest(finding: Finding) -> tuple[list[str], int]:
    """Files that are named and not pictured, and how many more there are."""
    others = [str(each) for each in finding.shown[PICTURED:]]
    return others[:NAMED], max(0, len(others) - NAMED)


def _preview(place: Place, readers: Readers, max_pixels: int) -> str:
    """The picture as an address that holds it; an empty one where it can no longer be read."""
    try:
        picture = picture_of(place, readers, max_pixels)
    except (UnusableImageError, I2IError, ValueError):
        return "data:,"
    picture.thumbnail((PREVIEW, PREVIEW))
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def _examples(report: DataReport) -> list[tuple[str, list[Place]]]:
    """Some pictures of each domain and split, evenly spaced by name."""
    found = []
    for split, called in (("train", "trained on"), ("test", "held out")):
        for domain, name in zip(DOMAINS, report.domains, strict=True):
            places = [
                each.place for each in report.pictures if (each.place.split, each.place.domain) == (split, domain)
            ]
            step = max(1, len(places) // EXAMPLES)
            found.append((f"{name}, {called}", sorted(places)[::step][:EXAMPLES]))
    return [(title, places) for title, places in found if places]


def _numbers_of(report: DataReport, place: int) -> _Numbers:
    domain = DOMAINS[place]
    pictures = [each for each in report.pictures if each.place.domain == domain]
    rows = [
        ("trained on", f"{report.counts['train'][domain]:,}"),
        ("held out", f"{report.counts['test'][domain]:,}"),
        ("sizes", _commonest(f"{each.size[0]} x {each.size[1]}" for each in pictures)),
        ("files", _commonest(each.format for each in pictures)),
        ("values", _commonest(each.kind for each in pictures)),
    ]
    if pictures:
        rows.append(("grey level", _spread(sorted(each.mean for each in pictures))))
    rows += _shares(pictures)
    return _Numbers(report.domains[place], rows)


def _shares(pictures: list[PictureFacts]) -> list[tuple[str, str]]:
    told = (
        ("grey stored as colour", sum(each.grey_as_colour for each in pictures)),
        ("with transparency", sum(each.transparent for each in pictures)),
        ("with a border of one colour", sum(bool(each.border) for each in pictures)),
    )
    return [(label, f"{count:,} of {len(pictures):,}") for label, count in told if count]


def _commonest(values: Iterable[str]) -> str:
    counts = Counter(values)
    shown = [f"{value} ({count:,})" if len(counts) > 1 else value for value, count in counts.most_common(3)]
    return ", ".join(shown) + (f" and {len(counts) - 3:,} others" if len(counts) > 3 else "")


def _spread(values: list[float]) -> str:
    low, middle, high = (values[round(share * (len(values) - 1))] for share in (0.05, 0.5, 0.95))
    return f"{middle:.0f} (90 % of the images: {low:.0f} to {high:.0f})"


_EDGE = 100.0


def _plot(shifts: Iterable[PairShift]) -> dict[str, Any] | None:
    """Each pair as a point, where B lies on A; None where no pair could be measured."""
    shifts = list(shifts)
    known = [each.shift for each in shifts if each.shift is not None]
    if not known:
        return None
    farthest = max(1.0, *(max(abs(each.right), abs(each.down)) for each in known))
    scale = (_EDGE - 6) / farthest
    points = [(round(each.right * scale, 1), round(each.down * scale, 1)) for each in known]
    return {"points": points, "edge": _EDGE, "farthest": farthest, "measured": len(known), "pairs": len(shifts)}
