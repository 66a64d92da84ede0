"""Imports flow one way, and what a person waits for at every start stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rooms import GROUND, PACKAGE, imported_module, imports, module_name, modules, read_rooms, room_of

import i2i
from i2i.environment.packages import plugin_entry_points

ROOMS = read_rooms()

HEAVY = {"torch", "torchmetrics", "accelerate", "matplotlib", "tensorboard", "numpy"}


def run_at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """The statements that run when a module is imported: not the bodies of functions, nor what only types need."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting.extend(node.orelse)
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def part_of(path: Path) -> str:
    return module_name(path).split(".")[0]


@pytest.mark.parametrize("name", sorted(set(ROOMS) - set(GROUND)))
def test_each_room_says_what_it_may_import(name: str) -> None:
    room = ROOMS[name]
    assert "May import" in room.docstring, f"say in the docstring of {room.path} what i2i.{name} may import"
    missing = [place for place in room.may_import if imported_module(f"i2i.{place}") != place]
    assert not missing, f"{room.path} speaks of {', '.join(missing)}, which i2i does not have"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_flow_one_way(path: Path) -> None:
    room = room_of(module_name(path), ROOMS)

    wrong = [
        f"line {line} imports {dotted}"
        for line, dotted in imports(path)
        if (module := imported_module(dotted)) is not None and not room.allows(module)
    ]

    allowed = ", ".join((*room.may_import, *GROUND))
    assert not wrong, f"{path}: {'; '.join(wrong)}; by its docstring i2i.{room.name} may import {allowed}"


def test_nothing_is_called_like_a_name_that_i2i_exports() -> None:
    """The import system would replace the function by a module once that is imported."""
    places = {path.parent.name if path.stem == "__init__" else path.stem for path in modules()}

    assert not places & set(i2i.__all__)


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in modules()
        if part_of(path) in ("plugins", "errors", "__init__", "__main__", "cli")
        or (part_of(path) == "builtin" and path.name in ("__init__.py", "plugin.py"))
    ],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_what_every_start_imports_leaves_torch_to_functions(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = [node for node in run_at_import(tree) if isinstance(node, ast.Import | ast.ImportFrom)]

    found = imports(path, ast.Module(body=statements, type_ignores=[]))

    assert not [dotted for _, dotted in found if dotted.split(".")[0] in HEAVY]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "import i2i"],
        ["-c", "import i2i.plugins"],
        ["-c", "from i2i.plugins.manager import PluginManager; PluginManager().find('generator', 'resnet9')"],
        ["-m", "i2i", "--help"],
        ["-m", "i2i", "--version"],
    ],
    ids=" ".join,
)
def test_a_start_imports_no_torch(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    strangers = {entry_point.name for entry_point in plugin_entry_points()}
    monkeypatch.setenv("I2I_DISABLE_PLUGINS", ",".join(strangers))

    done = subprocess.run([sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "i2i" in imported
    assert not imported & HEAVY
