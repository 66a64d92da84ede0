"""Arguments as programs have them: numbers of numpy and torch, devices, paths of any kind. Imports neither library."""

from __future__ import annotations

import math
import operator
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from i2i.errors import ConfigError
from i2i.plugins.manager import PluginManager

Value = TypeVar("Value")

Settings = Iterable[str] | Mapping[str, Any]
"""``["generator.base_channels=32"]`` or ``{"generator.base_channels": 32}``."""

PluginFiles = str | Path | Sequence[str | Path]
"""One or several plugins that are a Python file each and no package."""


def plain(value: Any) -> Any:
    """Return numbers of other libraries as Python's, a ``torch.device`` as its name, and containers of plain values."""
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return str(value)
    if type(value).__name__ == "device":
        return str(value)
    if getattr(value, "shape", None) == () and hasattr(value, "item"):  # a scalar of numpy, torch or the like
        return value.item()
    return value


def plain_settings(settings: Settings) -> Settings:
    """Settings with numbers of other libraries as Python's."""
    values: Settings = plain(settings) if isinstance(settings, Mapping) else settings
    return values


def whole_number(name: str, value: Any, least: int) -> int:
    """Return a whole number of any library as Python's.

    Raises:
        ConfigError: it is not one, or below ``least``.
    """
    try:
        number = operator.index(plain(value))
    except TypeError as error:
        raise ConfigError(f"{name} must be a whole number of at least {least}; got {value!r}") from error
    if isinstance(value, bool) or number < least:
        raise ConfigError(f"{name} must be at least {least}; got {value!r}")
    return number


def height_and_width(name: str, value: Any) -> tuple[int, int]:
    """Return a height and a width.

    Raises:
        ConfigError: it is not a pair of whole numbers of at least 1.
    """
    try:
        height, width = value
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name} must be a height and a width, such as (256, 320); got {value!r}") from error
    return whole_number(f"the height of {name}", height, 1), whole_number(f"the width of {name}", width, 1)


def positive_seconds(name: str, value: Any) -> float:
    """Return a time in seconds.

    Raises:
        ConfigError: it is not a number above 0.
    """
    number = plain(value)
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < math.inf:
        raise ConfigError(f"{name} must be a number of seconds above 0; got {value!r}")
    return float(number)


def one_name(name: str, value: Value, earlier: str, old: Value | None) -> Value:
    """Return what was given by an argument's name, or else by the name that it had in an earlier version.

    Warns:
        DeprecationWarning: the earlier name was used, in the code that called the caller.

    Raises:
        ConfigError: both were given.
    """
    if old is None:
        return value
    if value:
        raise ConfigError(f"{earlier} is the earlier name of {name}, which is given as well; leave {earlier} out")
    warnings.warn(f"{earlier} is the earlier name of {name}; give {name} instead", DeprecationWarning, stacklevel=3)
    return old


def manager_of(manager: PluginManager | None, plugins: PluginFiles) -> PluginManager:
    """Return the plugins to use: the manager that was given, or those that are installed and these files.

    Raises:
        ConfigError: both were given.
        PluginError: a file cannot be loaded.
    """
    files = [plugins] if isinstance(plugins, str | os.PathLike) else list(plugins)
    if manager is None:
        return PluginManager(files=files)
    if files:
        raise ConfigError("plugins and manager are both given; make the manager with them: PluginManager(files=...)")
    return manager


def require_model(model: Any) -> None:
    """Raise a ConfigError for anything that is neither a path nor a name."""
    if not isinstance(model, str | os.PathLike):
        raise ConfigError(f"a model is named by a path or a text such as runs/NAME; got {type(model).__name__}")
