"""Plugins that are one file and no package: loaded by their path, and known by a hash of what is in them."""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from i2i.errors import PluginError, reason_of
from i2i.paths import named

HASH = "sha256:"
"""What the version of a plugin file begins with: no package's version can."""
HASH_DIGITS = 16

_PREFIX = "i2i_plugin_file_"


@dataclass(frozen=True)
class PluginFile:
    """A plugin file as it was read: a change on the disk changes nothing in it.

    Attributes:
        path: absolute.
        content: its bytes.
    """

    path: Path
    content: bytes

    @classmethod
    def read(cls, path: str | Path) -> PluginFile:
        """Read a file.

        Raises:
            PluginError: it is no Python file, or cannot be read.
        """
        place = named(path).absolute()
        if place.suffix != ".py":
            raise PluginError(f"a plugin file must be a Python file such as my_loss.py; got {path}")
        try:
            return cls(place, place.read_bytes())
        except OSError as error:
            raise PluginError(f"plugin file {path} cannot be read: {error.strerror or reason_of(error)}") from error

    @property
    def version(self) -> str:
        """The beginning of the SHA-256 of its bytes, as ``sha256sum`` prints it."""
        return f"{HASH}{hashlib.sha256(self.content).hexdigest()[:HASH_DIGITS]}"

    @property
    def module(self) -> str:
        """The name of its module, another one for each path and content."""
        digest = hashlib.sha256(str(self.path).encode(errors="surrogateescape") + b"\0" + self.content).hexdigest()
        return f"{_PREFIX}{digest[:HASH_DIGITS]}"

    def load(self) -> ModuleType:
        """Run it as a module, once in each process. The folder that it lies in is not searched for what it imports."""
        if self.module in sys.modules:
            return sys.modules[self.module]
        module = ModuleType(self.module)
        module.__file__ = str(self.path)
        sys.modules[self.module] = module  # where dataclasses and pydantic look it up
        try:
            exec(compile(self.content, str(self.path), "exec"), module.__dict__)
        except BaseException:
            del sys.modules[self.module]
            raise
        return module

    def line_of(self, error: BaseException) -> str:
        """Where in it an error came from, such as ``" (line 7)"``; empty where the error says so itself."""
        if isinstance(error, SyntaxError):
            return ""
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(self.path)]
        return f" (line {lines[-1]})" if lines else ""


def is_file(version: str) -> bool:
    """Whether a version is that of a plugin file."""
    return version.startswith(HASH)


def provider(owner: str) -> str:
    """What brings a component, as messages name it: ``"package i2i-oak 1.2"`` or ``"file oak.py (sha256:...)"``.

    Args:
        owner: package and version, or name and hash of a file, with a space between them.
    """
    name, _, version = owner.rpartition(" ")
    return f"file {name} ({version})" if is_file(version) else f"package {owner}"


def loaded_plugin_files() -> list[str]:
    """The plugin files that this process has loaded, for another one that unpickles their objects."""
    found = [str(module.__file__) for name, module in list(sys.modules.items()) if name.startswith(_PREFIX)]
    return list(dict.fromkeys(found))


def load_plugin_files(paths: Iterable[str]) -> None:
    """Load files that another process has loaded; one that is gone is missed when its objects are unpickled."""
    for path in paths:
        with suppress(PluginError):
            PluginFile.read(path).load()
