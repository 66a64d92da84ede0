"""The rooms of the package, as their docstrings describe them and as their files import each other.

A room is a folder of ``i2i/`` whose ``__init__`` says what lives there, where to begin and what it may import; a room
that serves another one lies inside it. ``diagnosis.py`` and other files beside the rooms say the same of themselves.
What the docstrings allow is the rule: ``tests/test_imports.py`` enforces it, :func:`table` shows it in CONTRIBUTING.md,
and ``docs/draw_rooms.py`` draws what is really imported.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "i2i"

GROUND = ("_version", "errors", "paths", "progress")
"""Files that every room may import. They import each other at most."""

ENTRIES = ("__init__", "__main__")
"""Where Python comes in: doors, no rooms."""


@dataclass(frozen=True)
class Room:
    """A folder, or a file beside the folders, that says what it may import."""

    name: str
    """Dotted and below ``i2i``: ``"translation"``, ``"translation.tiles"``."""

    path: Path
    docstring: str

    @property
    def is_file(self) -> bool:
        """Whether it is a single file, such as ``i2i/diagnosis.py``."""
        return self.path.is_file()

    @property
    def summary(self) -> str:
        """The first paragraph of the docstring, in one line."""
        return " ".join(self.docstring.partition("\n\n")[0].split())

    @property
    def title(self) -> str:
        """The summary up to its first colon or full stop: a few words."""
        return re.split(r"[:.](?:\s|$)", self.summary)[0]

    @property
    def may_import(self) -> tuple[str, ...]:
        """The rooms and modules that the docstring allows, besides :data:`GROUND`; each includes what lies below it."""
        sentence = re.search(r"May import (.+?)\.(?:\s|$)", self.docstring, re.DOTALL)
        return tuple(re.findall(r"``([\w.]+)``", sentence[1])) if sentence else ()

    @property
    def begin_with(self) -> str | None:
        """The module that the docstring says to read first, dotted with ``i2i``."""
        found = re.search(r"Begin with\s+:mod:`~?([\w.]+)`", self.docstring)
        return found[1] if found else None

    @cached_property
    def lines(self) -> int:
        """Lines of Python, including those of rooms inside."""
        files = [self.path] if self.is_file else modules(self.path)
        return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)

    def allows(self, module: str) -> bool:
        """Whether a file of this room may import ``module``, dotted and below ``i2i``."""
        return any(lies_in(module, place) for place in (self.name, *GROUND, *self.may_import))


def lies_in(module: str, place: str) -> bool:
    """Whether a dotted name is ``place`` or below it."""
    return f"{module}.".startswith(f"{place}.")


def modules(folder: Path = PACKAGE) -> list[Path]:
    """Every Python file below ``folder`` but the templates of new plugins."""
    return sorted(path for path in folder.rglob("*.py") if "templates" not in path.relative_to(PACKAGE).parts)


def module_name(path: Path) -> str:
    """The dotted name of a file below ``i2i``: ``"models.state"``, ``"models"`` for its ``__init__``."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


@cache
def read_rooms() -> dict[str, Room]:
    """Every room and every file beside them by name, a room before those inside it."""
    found = {}
    for path in modules():
        name = module_name(path)
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        beside = "." not in name
        inside = path.name == "__init__.py" and "May import" in docstring
        if beside or inside:
            folder = path.name == "__init__.py" and name != "__init__"
            found[name] = Room(name, path.parent if folder else path, docstring)
    return found


def room_of(module: str, rooms: dict[str, Room]) -> Room:
    """The innermost room that a module lies in."""
    return max((room for room in rooms.values() if lies_in(module, room.name)), key=lambda room: len(room.name))


def imports(path: Path, tree: ast.AST | None = None) -> Iterator[tuple[int, str]]:
    """Each imported module or name as a dotted name, with its line; relative imports are resolved."""
    package = ["i2i", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(tree or ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def imported_module(dotted: str) -> str | None:
    """The module below ``i2i`` that a dotted name lies in, ``"__init__"`` for the package itself, or None."""
    first, *rest = dotted.split(".")
    if first != "i2i":
        return None
    while rest and not ((PACKAGE.joinpath(*rest)).is_dir() or PACKAGE.joinpath(*rest).with_suffix(".py").is_file()):
        rest.pop()
    return ".".join(rest) or "__init__"


def imported_by(room: Room, rooms: dict[str, Room]) -> set[str]:
    """The modules outside ``room`` and outside :data:`GROUND` that files of the room itself import."""
    paths = [room.path] if room.is_file else modules(room.path)
    found = set()
    for path in paths:
        if room_of(module_name(path), rooms) is room:
            found |= {module for _, dotted in imports(path) if (module := imported_module(dotted))}
    return {module for module in found if not any(lies_in(module, place) for place in (room.name, *GROUND))}


def graph(rooms: dict[str, Room]) -> dict[str, set[str]]:
    """The rooms that each outer room imports, rooms inside counted with theirs; :data:`GROUND` and entries left out."""
    outer = [room for room in rooms.values() if "." not in room.name and room.name not in (*GROUND, *ENTRIES)]
    edges: dict[str, set[str]] = {room.name: set() for room in outer}
    for room in rooms.values():
        if (name := room.name.split(".")[0]) in edges:
            edges[name] |= {module.split(".")[0] for module in imported_by(room, rooms)} - {name, *GROUND}
    return edges


def floors(edges: dict[str, set[str]]) -> dict[str, int]:
    """How many imports lie between each room and the ground, at most. Raises ``CycleError`` where imports go round."""
    height: dict[str, int] = {}
    for name in TopologicalSorter(edges).static_order():
        height[name] = max((height[below] + 1 for below in edges[name]), default=0)
    return height


def table() -> Iterator[str]:
    """The rooms as a table in Markdown, from the ground up, those inside another one below it."""
    yield "| room | what lives there | begin with | may import |"
    yield "|---|---|---|---|"
    rooms = read_rooms()
    height = floors(graph(rooms))
    for room in sorted(rooms.values(), key=lambda room: (height.get(room.name.split(".")[0], -1), room.name)):
        if room.name in ENTRIES:
            continue
        path = f"{room.path.relative_to(ROOT)}{'' if room.is_file else '/'}"
        begin = f"`{room.begin_with.rpartition('.')[2]}`" if room.begin_with else ""
        summary = re.sub(r":\w+:`~?([\w.]+)`", r"`\1`", room.summary.replace("``", "`")).rstrip(".")
        allowed = ", ".join(f"`{name}`" for name in room.may_import)
        yield f"| `{path}` | {summary} | {begin} | {allowed} |"
