"""Whether a package declares what it imports: what is installed here by chance is missing elsewhere."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from i2i.plugins.manager import Plugin, same_package
from i2i.testing.results import CheckResult

NOT_FOR_USERS = frozenset({"dev", "doc", "docs", "test", "testing", "tests"})
"""Extras that who uses a package does not install."""

_REQUIREMENT = re.compile(r"[\w.-]+")
_EXTRA = re.compile(r"""extra\s*==\s*["']([\w-]+)["']""")


def check_dependencies(plugin: Plugin) -> CheckResult | None:
    """Compare the imports of a plugin's package with the dependencies in its metadata; None where it has no metadata.

    Imports that only type checkers follow, or that the code can do without (``try: import ... except ImportError``),
    need not be declared, nor need i2i itself, by which the plugin is loaded.
    """
    try:
        required = metadata.requires(plugin.package) or []
    except metadata.PackageNotFoundError:
        return None
    declared = [*(name for line in required if (name := _for_users(line))), plugin.package, "i2i"]

    def is_declared(name: str) -> bool:
        return any(same_package(name, other) for other in declared)

    found = imports_of(plugin.module.partition(".")[0])
    others = {imported: place for imported, place in sorted(found.items()) if not is_declared(imported)}
    providers = metadata.packages_distributions() if others else {}  # which looks into every package there is
    missing = {}
    for imported, place in others.items():
        names = providers.get(imported, [imported])
        if not any(map(is_declared, names)):
            missing[imported] = (names[0], place)
    if not missing:
        return CheckResult("dependencies", True)
    told = "; ".join(f"{imported} ({place})" for imported, (_, place) in missing.items())
    lines = ", ".join(f'"{name}"' for name in dict.fromkeys(name for name, _ in missing.values()))
    return CheckResult(
        "dependencies", False, f"imported and not declared: {told}; add to dependencies in pyproject.toml: {lines}"
    )


def imports_of(package: str) -> dict[str, str]:
    """The packages that an importable one imports, but for Python's own and itself, each with a place."""
    found: dict[str, str] = {}
    for path in _sources(package):
        try:
            tree = ast.parse(path.read_bytes())
        except SyntaxError:  # of another version of Python, perhaps; it cannot be imported here either
            continue
        for name, line in _imported(tree.body):
            if name != package and name not in sys.stdlib_module_names:
                found.setdefault(name, f"{path.name}, line {line}")
    return found


def _for_users(line: str) -> str:
    """The package of a line of metadata, or an empty string where it is for whoever works on the package."""
    extra = _EXTRA.search(line)
    name = _REQUIREMENT.match(line.strip())
    return "" if name is None or (extra is not None and extra[1] in NOT_FOR_USERS) else name[0]


def _sources(package: str) -> Iterator[Path]:
    specification = importlib.util.find_spec(package)
    if specification is None:
        return
    places = list(specification.submodule_search_locations or ())
    if not places and specification.origin is not None:
        yield Path(specification.origin)
    for place in places:
        yield from sorted(Path(place).rglob("*.py"))


def _imported(statements: Iterable[ast.AST]) -> Iterator[tuple[str, int]]:
    """The first names of what statements import, with the lines."""
    for node in statements:
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0], node.lineno
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield from _imported(node.orelse)
        elif isinstance(node, ast.Try) and any(_catches_import(handler) for handler in node.handlers):
            yield from _imported([*node.orelse, *node.finalbody])
        else:
            yield from _imported(ast.iter_child_nodes(node))


def _catches_import(handler: ast.ExceptHandler) -> bool:
    caught = "" if handler.type is None else ast.unparse(handler.type)
    return handler.type is None or any(name in caught for name in ("ImportError", "ModuleNotFoundError"))
