"""Draws ``docs/images/rooms.svg``: the rooms of the package, each above everything that it imports.

A room stands on the floor that its longest chain of imports asks for. Arrows are imports, without those that other
arrows lead to as well (the transitive reduction); rooms inside another one are drawn in it. The way a layered graph is
drawn is Sugiyama's: long arrows pass each floor at a place of their own, floors are sorted until few arrows cross, then
everything moves as near to its neighbours as the widths allow.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from math import fsum

from rooms import GROUND, ROOT, Room, floors, graph, read_rooms

WORDS, PAD, GAP, PASSAGE = 150, 9, 16, 12
"""Widths: a room's words, the edge around them, between rooms, of an arrow that passes a floor."""

NAME, LINE, BEND = 26, 16, 44
"""Heights: of a name, of a line of words, between floors, where arrows bend."""

MARGIN = 4

PICTURE = ROOT / "docs" / "images" / "rooms.svg"

STYLE = """
svg { font: 13px -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; }
.room { fill: #f6f8fa; stroke: #8c959f; } .inside { fill: #ffffff; stroke: #b6bec7; }
.ground { fill: #eaeef2; stroke: #8c959f; }
text { fill: #424a53; } .name { fill: #0a3069; font-weight: 600; font-size: 15px; } .size { fill: #6e7781; }
.size { font-size: 12px; }
.arrow { fill: none; stroke: #7d8590; stroke-width: 1.3; } #head path { fill: #7d8590; }
@media (prefers-color-scheme: dark) {
.room { fill: #161b22; stroke: #6e7681; } .inside { fill: #21262d; stroke: #484f58; }
.ground { fill: #21262d; stroke: #6e7681; }
text { fill: #c9d1d9; } .name { fill: #a5d6ff; } .size { fill: #9198a1; }
}
"""


@dataclass(eq=False)
class Place:
    """What takes room on a floor: a box, or a passage of an arrow on its way to a lower floor."""

    room: Room | None
    inside: list[Room] = field(default_factory=list)
    above: list[Place] = field(default_factory=list)
    below: list[Place] = field(default_factory=list)
    x: float = 0.0
    """Of its middle."""

    top: float = 0.0
    floor_bottom: float = 0.0

    @property
    def is_passage(self) -> bool:
        """Whether an arrow passes here."""
        return self.room is None

    @property
    def width(self) -> float:
        """Of the box, or of the space that an arrow gets."""
        return PASSAGE if self.is_passage else WORDS + 2 * PAD

    @property
    def left(self) -> float:
        """Where it begins."""
        return self.x - self.width / 2

    @property
    def height(self) -> float:
        """Of the box with the rooms inside; none of a passage, which is as high as its floor."""
        if self.room is None:
            return 0
        return _height(self.room) + sum(_height(room) + 5 for room in self.inside)


def words(room: Room) -> list[str]:
    """A room's title in lines that fit into its box."""
    return textwrap.wrap(room.title.replace("``", ""), 23)


def _height(room: Room) -> float:
    return NAME + LINE * len(words(room)) + 8


def reduced(edges: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """The edges without those that a longer way stands for."""

    def reached(name: str) -> set[str]:
        return edges[name].union(*(reached(below) for below in edges[name]))

    return {
        name: sorted(below - set().union(*(reached(other) for other in below))) for name, below in sorted(edges.items())
    }


def places(rooms: Mapping[str, Room]) -> list[list[Place]]:
    """Floors from the ground up, each with its boxes and passages, joined to those on the floors beside it."""
    edges = graph(dict(rooms))
    height = floors(edges)
    boxes = {
        name: Place(rooms[name], [room for other, room in rooms.items() if other.startswith(f"{name}.")])
        for name in sorted(edges)
    }
    house: list[list[Place]] = [[] for _ in range(max(height.values()) + 1)]
    for name, box in boxes.items():
        house[height[name]].append(box)
    for name, targets in reduced(edges).items():
        for target in targets:
            upper = boxes[name]
            for floor in range(height[name] - 1, height[target], -1):
                passage = Place(None)
                house[floor].append(passage)
                _join(upper, passage)
                upper = passage
            _join(upper, boxes[target])
    return house


def _join(upper: Place, lower: Place) -> None:
    upper.below.append(lower)
    lower.above.append(upper)


def sort_floors(house: list[list[Place]]) -> None:
    """Sort each floor so that few arrows cross: by the mean place of the neighbours, then by swapping neighbours."""
    best, order = crossings(house), [list(floor) for floor in house]
    for sweep in range(40):
        downwards = sweep % 2 == 0
        for floor in reversed(house) if downwards else house:
            index = {id(place): i for each in house for i, place in enumerate(each)}
            start = {id(place): i for i, place in enumerate(floor)}

            def wanted(place: Place, index: dict[int, int] = index, start: dict[int, int] = start) -> float:
                beside = place.above if downwards else place.below  # noqa: B023
                return sum(index[id(each)] for each in beside) / len(beside) if beside else start[id(place)]

            floor.sort(key=wanted)
        _swap(house)
        if (now := crossings(house)) < best:
            best, order = now, [list(floor) for floor in house]
    house[:] = order


def _swap(house: list[list[Place]]) -> None:
    """Swap places that stand side by side while that spares a crossing."""
    now, better = crossings(house), True
    while better:
        better = False
        for floor in house:
            for i in range(len(floor) - 1):
                floor[i], floor[i + 1] = floor[i + 1], floor[i]
                if (then := crossings(house)) < now:
                    now, better = then, True
                else:
                    floor[i], floor[i + 1] = floor[i + 1], floor[i]


def crossings(house: list[list[Place]]) -> int:
    """How many pairs of arrows cross between floors."""
    found = 0
    for floor in house:
        index = {id(place): i for each in house for i, place in enumerate(each)}
        ends = [(i, index[id(lower)]) for i, upper in enumerate(floor) for lower in upper.below]
        found += sum((a - c) * (b - d) < 0 for k, (a, b) in enumerate(ends) for c, d in ends[:k])
    return found


def spread(house: list[list[Place]]) -> None:
    """Give each place its x and its top: as near to its neighbours as the widths allow, straight passages above all."""
    for floor in house:
        x = 0.0
        for place in floor:
            place.x = x + place.width / 2
            x += place.width + GAP
    for sweep in range(3000):
        for floor in house if sweep % 2 else reversed(house):
            _settle(floor)
    left = min(place.left for floor in house for place in floor)
    bottom = 0.0
    for floor in house:
        top = bottom - max(place.height for place in floor)
        for place in floor:
            place.x = round(place.x - left + MARGIN, 1)
            place.top, place.floor_bottom = top, bottom
        bottom = top - BEND


def _settle(floor: list[Place]) -> None:
    """Move a floor's places to the weighted mean of their neighbours: least squares under the order and the widths."""
    blocks: list[tuple[float, float, int]] = []  # mean of what is wanted, weight, how many places
    offset, offsets = 0.0, []
    for i, place in enumerate(floor):
        if i:
            offset += (floor[i - 1].width + place.width) / 2 + GAP
        offsets.append(offset)
        wanted, weight = _wanted(place)
        blocks.append((wanted - offset, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (x, a, n), (y, b, m) = blocks.pop(-2), blocks.pop()
            blocks.append(((x * a + y * b) / (a + b), a + b, n + m))
    settled = [x for x, _, count in blocks for _ in range(count)]
    for place, x, offset in zip(floor, settled, offsets, strict=True):
        place.x = x + offset


def _wanted(place: Place) -> tuple[float, float]:
    beside = [
        (other.x, 400.0 if place.is_passage and other.is_passage else 1.0) for other in (*place.above, *place.below)
    ]
    if not beside:
        return place.x, 1.0
    weight = fsum(each for _, each in beside)
    return fsum(x * each for x, each in beside) / weight, weight


def drawn_sizes(rooms: Mapping[str, Room]) -> dict[str, int]:
    """Lines of each room. Those of the last picture stay while they are about right, lest every change redraws it."""
    last = PICTURE.read_text(encoding="utf-8") if PICTURE.is_file() else ""
    drawn = {name: int(lines.replace(",", "")) for name, lines in re.findall(r'data-room="([\w.]+)">([\d,]+)<', last)}
    sizes = {name: room.lines for name, room in rooms.items()}
    return {
        name: drawn[name] if name in drawn and abs(drawn[name] - lines) <= max(60, 0.1 * lines) else lines
        for name, lines in sizes.items()
    }


def draw() -> str:
    """The picture as SVG."""
    rooms = read_rooms()
    sizes = drawn_sizes(rooms)
    house = places(rooms)
    sort_floors(house)
    spread(house)
    boxes = [place for floor in house for place in floor if not place.is_passage]
    width = max(place.left + place.width for floor in house for place in floor) + MARGIN
    top = boxes[-1].top - MARGIN
    height = 54 - top + MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 {top:g} {width:g} {height:g}" width="{width:g}" '
            f'height="{height:g}" role="img" aria-label="The rooms of i2i, each above those that it imports">',
            f"<style>{STYLE}</style>",
            '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
            '<path d="M0 0.8 L8 4 L0 7.2 z"/></marker>',
            *(line for box in boxes for line in _arrows(box)),
            *(line for box in boxes for line in _box(box, sizes)),
            *_ground(width),
            "</svg>\n",
        ]
    )


def _arrows(box: Place) -> Iterator[str]:
    """Every arrow that begins at ``box``, through its passages to the box that it imports."""
    for lower in box.below:
        x, upper = _port(box, lower, box.below), box
        way = f"M{x:g} {box.top + box.height:g} V{box.floor_bottom:g}"
        while True:
            to = lower.x if lower.is_passage else _port(lower, upper, lower.above)
            bend = (upper.floor_bottom + lower.top) / 2
            way += f" C{x:g} {bend:g} {to:g} {bend:g} {to:g} {lower.top:g}"
            if not lower.is_passage:
                break
            way += f" V{lower.floor_bottom:g}"
            x, upper, lower = to, lower, lower.below[0]
        yield f'<path class="arrow" marker-end="url(#head)" d="{way}"/>'


def _port(box: Place, other: Place, beside: list[Place]) -> float:
    """Where along a box the arrow to or from ``other`` stands: side by side, in the order of the other ends."""
    order = sorted(beside, key=lambda place: place.x)
    step = min(24.0, (box.width - 30) / len(order))
    return round(box.x + (order.index(other) - (len(order) - 1) / 2) * step, 1)


def _box(place: Place, sizes: Mapping[str, int]) -> Iterator[str]:
    assert place.room is not None
    yield _rectangle("room", place.left, place.top, place.width, place.height)
    yield from _words(place.room, place.left + PAD, place.top, place.width - 2 * PAD, sizes)
    y = place.top + _height(place.room)
    for room in place.inside:
        x, width = place.left + 5, place.width - 10
        yield _rectangle("inside", x, y, width, _height(room))
        yield from _words(room, x + PAD - 5, y, width - 2 * (PAD - 5), sizes)
        y += _height(room) + 5


def _rectangle(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5"/>'


def _words(room: Room, x: float, y: float, width: float, sizes: Mapping[str, int]) -> Iterator[str]:
    name = room.name.rpartition(".")[2] + (".py" if room.is_file else "")
    yield f'<text class="name" x="{x:g}" y="{y + 19:g}">{name}</text>'
    yield (
        f'<text class="size" x="{x + width:g}" y="{y + 19:g}" text-anchor="end" data-room="{room.name}">'
        f"{sizes[room.name]:,}</text>"
    )
    for i, line in enumerate(words(room)):
        yield f'<text x="{x:g}" y="{y + 36 + LINE * i:g}">{escape(line)}</text>'


def _ground(width: float) -> Iterator[str]:
    yield _rectangle("ground", MARGIN, 22, width - 2 * MARGIN, 32)
    names = " · ".join(f"{name}.py" for name in sorted(GROUND, key=lambda name: name.lstrip("_")))
    yield f'<text class="name" x="{MARGIN + PAD}" y="43">{names}</text>'
    yield (
        f'<text x="{width - MARGIN - PAD:g}" y="43" text-anchor="end">every room may import these; '
        "a number is lines of Python</text>"
    )
