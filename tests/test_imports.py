"""Imports flow one way, and what a person waits for at every start stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import i2i
from i2i.plugins.manager import ENTRY_POINT_GROUP

PACKAGE = Path(i2i.__file__).parent

MAY_IMPORT = {
    part: {*others.split(), "errors"} - {part}
    for part, others in {
        "_version": "",
        "errors": "",
        "paths": "",
        "progress": "",
        "terminal": "progress",
        "files": "",
        "environment": "",
        "images": "environment paths progress",
        "plugins": "_version",
        "ops": "",
        "builtin": "plugins ops images paths progress",
        "testing": "plugins",
        "tensors": "",
        "config": "plugins files paths",
        "diagnosis": "config ops plugins environment _version",
        "models": "config plugins tensors images files environment paths _version",
        "translation": "models tensors images plugins files environment paths",
        "evaluation": "translation models config plugins tensors files environment paths progress _version",
        "exporting": "translation models config plugins tensors environment progress _version",
        "training": "evaluation models config plugins tensors files environment terminal paths progress _version "
        "evaluation models config plugins tensors files environment terminal paths progress _version",
        "benchmarking": "config plugins ops tensors environment progress _version",
        "api": "training evaluation exporting translation models config plugins environment terminal paths progress",
        "serving": "api translation tensors images environment _version",
        "cli": "api serving benchmarking diagnosis testing training evaluation exporting translation models config "
        "images plugins files environment terminal paths progress _version",
        "__init__": "api _version",
        "__main__": "cli",
    }.items()
}
"""Each part of the package with the other parts it may import, at the top of a file or inside a function; all may
import errors."""

HEAVY = {"torch", "torchmetrics", "accelerate", "matplotlib", "tensorboard"}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "templates" not in path.parts)


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Each imported module or name as a dotted name, with its line; relative imports are resolved."""
    package = ["i2i", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def imported_part(dotted: str) -> str | None:
    """The part of i2i that a dotted name lies in: ``"plugins"``, ``"__init__"`` for the package itself, or None."""
    first, *rest = dotted.split(".")
    if first != "i2i":
        return None
    if rest and ((PACKAGE / rest[0]).is_dir() or (PACKAGE / f"{rest[0]}.py").is_file()):
        return rest[0]
    return "__init__"


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


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_flow_one_way(path: Path) -> None:
    part = part_of(path)
    assert part in MAY_IMPORT, f"say in MAY_IMPORT what i2i.{part} may import"
    allowed = MAY_IMPORT[part] | {part}

    wrong = [
        f"line {line} imports {dotted}"
        for line, dotted in imports(path, ast.parse(path.read_text(encoding="utf-8")))
        if imported_part(dotted) not in (None, *allowed)
    ]

    assert not wrong, f"{path}: {'; '.join(wrong)}; i2i.{part} may import {', '.join(sorted(allowed))}"


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
    strangers = {entry_point.name for entry_point in entry_points(group=ENTRY_POINT_GROUP)}
    monkeypatch.setenv("I2I_DISABLE_PLUGINS", ",".join(strangers))

    done = subprocess.run([sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "i2i" in imported
    assert not imported & HEAVY
