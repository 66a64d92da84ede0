"""The translators that come with i2i: ``sample:NAME`` where a model is expected."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from i2i.errors import ConfigError, did_you_mean
from i2i.plugins.specs import SAMPLE_PREFIX


def is_shipped(model: str | Path) -> bool:
    """Whether this is the name of a translator that comes with i2i, rather than a path."""
    return str(model).startswith(SAMPLE_PREFIX)


def shipped_folder(model: str | Path) -> Path:
    """Return the checkpoint folder of ``sample:NAME``.

    Raises:
        ConfigError: there is no such translator; the message lists those that there are.
    """
    folder = Path(str(importlib.resources.files("i2i"))) / "data" / "translators"
    known = sorted(path.name for path in folder.iterdir() if path.is_dir())
    name = str(model).removeprefix(SAMPLE_PREFIX)
    if name not in known:
        listed = ", ".join(f"{SAMPLE_PREFIX}{known_name}" for known_name in known)
        raise ConfigError(f"there is no translator {model!s} in i2i{did_you_mean(name, known)} (there are: {listed})")
    return folder / name
