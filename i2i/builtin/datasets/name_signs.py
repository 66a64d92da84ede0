"""What the names of images tell of their kinship: tiles of a grid, frames in a row, altered copies. No torch.

Such images are nearly the same. Held out by a hash of the name, they lie on both sides of the split, and what is
measured is how well the network remembers. Names are no proof: what is found here becomes a warning and no more.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise

from i2i.builtin.datasets.tile_grid import Tile, TileGrid, usual_step

Related = Callable[[Collection[str], Collection[str]], int]


@dataclass(frozen=True)
class NameSign:
    """A kinship that names suggest.

    Attributes:
        looks: what the names look like, with an example.
        cure: the options to set.
        kin: what a relative is, such as ``"touch a training tile"``, after a number.
        related: given held-out and training stems, how many of the first have a relative among the second.
    """

    looks: str
    cure: str
    kin: str
    related: Related


def find_sign(stems: Collection[str]) -> NameSign | None:
    """The strongest sign in the names of a domain, if there is one."""
    return _copies(stems) or _frames(stems) or _tiles(stems)


# Altered copies: the same base twice, but for words that augmentation tools and file managers add.

_ALTERED = (
    "augmented|aug|flipped|hflip|vflip|fliplr|flipud|flip|mirrored|mirror|rotated|rotation|rotate|rot|copy|kopie|copie|"
    "blurred|blur|brightness|bright|noise|jitter|elastic|sheared|shear"
)
_MARKS = (
    (re.compile(rf"(?P<base>.+?)(?:[-_. ]+(?:{_ALTERED})[-_]?\d*)+", re.IGNORECASE), rf"[-_. ]+(?:{_ALTERED})[-_]?\d*"),
    (re.compile(r"(?P<base>.+?)(?:\.rf\.[0-9a-f]{32})"), r"\.rf\.[0-9a-f]{32}"),
    (re.compile(r"(?P<base>.+?)(?: \(\d\))"), r" \(\d\)"),
)
"""What marks a copy, and that alone, for a setting. A number in brackets is a copy where the plain name is there."""


def _copies(stems: Collection[str]) -> NameSign | None:
    for pattern, mark in _MARKS:
        bases: dict[str, list[str]] = defaultdict(list)
        found = {stem: match["base"] for stem in stems if (match := pattern.fullmatch(stem))}
        for stem in stems:
            bases[found.get(stem, stem)].append(stem)
        several = [names for base, names in bases.items() if len(names) > 1 and (base in names or "(" not in mark)]
        count = sum(len(names) for names in several)
        if count >= max(2, len(stems) / 100):
            first, second = sorted(several[0])[:2]
            words = {match.lower() for stem in found for match in re.findall(rf"(?:{_ALTERED})", stem, re.IGNORECASE)}
            plain = mark if _ALTERED not in mark else mark.replace(_ALTERED, "|".join(sorted(words)))

            def related(test: Collection[str], train: Collection[str], found: dict[str, str] = found) -> int:
                known = {found.get(stem, stem) for stem in train}
                return sum(found.get(stem, stem) in known for stem in test)

            return NameSign(
                f"names look like altered copies of one image ({first}, {second})",
                f"data.group='^(.+?)(?:{plain})*$'",
                "have a copy among the training images",
                related,
            )
    return None


# Frames: a number that counts nearly without gaps, and a word which says that time or depth is counted.

_NUMBERED = re.compile(r"(?P<before>.*?)(?P<number>\d+)\D*")
_FRAME_WORD = re.compile(r"(?:^|[^a-z])(?:frames?|frm|shots?|slices?|fr)[-_ ./]*$", re.IGNORECASE)
_SEQUENCE_WORD = re.compile(
    r"(?:^|[^a-z])(?:scenes?|shots?|clips?|videos?|vid|seq|sequences?|takes?|cam|camera|movie|film|episodes?|patients?|"
    r"subjects?|sub|cases?|volumes?|drive|flight)[-_ ]?[a-z0-9]+(?:[-_ ./].*)?[-_ ./]$",
    re.IGNORECASE,
)
_CAMERA = re.compile(r"(?:^|/)(?:IMG_|_?MG_|_?DSC_?|DSCN|DSCF|P\d{2}|DJI_|GOPR|GP|CIMG|SAM_|MVI_)$")  # in capitals
_FEWEST_FRAMES = 5
_FEWEST_PHOTOGRAPHS = 20
_BLOCKS = 8
"""Blocks of numbers that a sequence is taken apart into, at least."""


def _frames(stems: Collection[str]) -> NameSign | None:
    sequences: dict[str, dict[int, str]] = defaultdict(dict)
    for stem in stems:
        if found := _NUMBERED.fullmatch(stem):
            sequences[found["before"]][int(found["number"])] = stem
    runs = {before: numbers for before, numbers in sequences.items() if _is_run(before, numbers)}
    if sum(len(numbers) for numbers in runs.values()) < len(stems) / 2 or not runs:
        return None
    step = usual_step(numbers.keys() for numbers in runs.values())
    first = next(iter(sorted(runs)))
    example, last = runs[first][min(runs[first])], runs[first][max(runs[first])]
    span = max(max(numbers) - min(numbers) for numbers in runs.values())
    digits = max(1, int(math.log10(max(1, span / _BLOCKS))))
    several = len(runs) >= _FEWEST_FRAMES
    whole = r"data.group='^(.*?)\d+\D*$' (a sequence)"
    block = rf"data.group='^(.*?)\d{{1,{digits}}}\D*$' ({10**digits} numbers in a row)"

    def related(test: Collection[str], train: Collection[str]) -> int:
        known = {(found["before"], int(found["number"])) for stem in train if (found := _NUMBERED.fullmatch(stem))}
        places = [(found["before"], int(found["number"])) for stem in test if (found := _NUMBERED.fullmatch(stem))]
        return sum(any((before, number + way) in known for way in (-step, step)) for before, number in places)

    return NameSign(
        f"names look like frames in a row ({example} to {last})",
        whole if several else f"{block} or {whole}" if len(runs) > 1 else block,
        "are next to a training image",
        related,
    )


def _is_run(before: str, numbers: Collection[int]) -> bool:
    fewest, near = _FEWEST_FRAMES, 0.5
    if _CAMERA.search(before):
        fewest, near = _FEWEST_PHOTOGRAPHS, 0.8  # photographs of one walk, not a choice from many
    elif not (_FRAME_WORD.search(before) or _SEQUENCE_WORD.search(before)):
        return False
    step, ordered = usual_step([numbers]), sorted(numbers)
    following = sum(after - number == step for number, after in pairwise(ordered))
    return len(numbers) >= fewest and following >= near * (len(numbers) - 1)


# Tiles: two numbers that fill a grid.

_CODE_POINTS = re.compile(r"[0-9a-f]{4,6}(?:[-_][0-9a-f]{2,6})*", re.IGNORECASE)
_FEWEST_TILES = 9


def _tiles(stems: Collection[str]) -> NameSign | None:
    if _are_code_points(stems):
        return None
    grid = TileGrid.of(stems)
    areas: dict[str, list[Tile]] = defaultdict(list)
    for tile in grid.tiles.values():
        areas[tile.area].append(tile)
    tiled = {area for area, tiles in areas.items() if _fills_grid(tiles)}
    members = [stem for stem, tile in grid.tiles.items() if tile.area in tiled]
    if len(members) < len(stems) / 2 or not members:
        return None
    side = max(2, min(16, math.isqrt(len(members) // 20)))
    return NameSign(
        f"names look like tiles of a grid ({sorted(members)[len(members) // 2]})",
        f"data.group_grid={side}; or, where the first number is a scene, a patient or a video, "
        r"data.group='^(.*\d)\D+\d+\D*$'",
        "touch a training tile",
        lambda test, train: len(grid.touching(test, train)),
    )


def _fills_grid(tiles: Collection[Tile]) -> bool:
    """Whether rows and columns come again and again, as in a grid: two numbers of any other meaning seldom do."""
    rows, columns = ({getattr(tile, way) for tile in tiles} for way in ("row", "column"))
    return (
        len(tiles) >= _FEWEST_TILES
        and min(len(rows), len(columns)) >= 3
        and len(tiles) >= 1.5 * max(len(rows), len(columns))
        and len(tiles) >= 0.2 * len(rows) * len(columns)
    )


def _are_code_points(stems: Iterable[str]) -> bool:
    """Whether names are characters of Unicode, as those of emoji: ``1f468-200d-1f469``."""
    kinds = Counter(
        "letters" if re.search("[a-f]", stem, re.IGNORECASE) else "digits"
        for stem in stems
        if _CODE_POINTS.fullmatch(stem.rpartition("/")[2])
    )
    total = len(list(stems))
    return kinds["letters"] > 0 and kinds.total() >= 0.8 * total
