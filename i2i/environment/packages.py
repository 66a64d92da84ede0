"""The packages that i2i stands on: which there are, whether they can be imported, and what to do where not.

What is imported late is tried first, before there is work to lose: a package that is there and does not fit the others
fails at its import, with whatever exception its shared library has.
"""

from __future__ import annotations

import importlib
import re
import sys
from importlib import metadata

from i2i.environment.launchers import drop_malformed_numbers
from i2i.errors import ConfigError, reason_of

TRAINING = (
    "torch",
    "accelerate",
    "torchmetrics.functional.image",
    "numpy",
    "PIL",
    "tifffile",
    "safetensors.torch",
    "matplotlib.figure",
    "pydantic",
    "jinja2",
    "rich",
    "filelock",
    "psutil",
    "yaml",
)
"""Modules that a training run imports, some of them not before it measures."""
MEASURING = ("torchmetrics.functional.image", "torchmetrics.image.fid", "torchmetrics.image.kid")
PLUGIN_GROUP = "i2i"
"""The group of entry points that plugins declare themselves in."""
SHOWN_EXTRAS = ("export", "metrics", "serve", "track", "video", "wandb")
"""Extras that people use i2i with; the others are for those who work on it."""

_DISTRIBUTIONS = {"PIL": "pillow", "yaml": "pyyaml", "torch_fidelity": "torch-fidelity"}
_BESIDE = {"torch.utils.tensorboard": "tensorboard"}
"""Modules of one package that import another, which is what is missing then."""
_EXTRA = re.compile(r"""extra\s*==\s*["']([\w-]+)["']""")


def distribution(module: str) -> str:
    """The name by which a package index knows the package of a module."""
    top = _BESIDE.get(module, module.partition(".")[0])
    return _DISTRIBUTIONS.get(top, top)


def required() -> list[str]:
    """The packages that i2i requires, by its own metadata."""
    return [name for name, extra in _requirements() if extra is None]


def optional() -> dict[str, str]:
    """The packages that only an extra of i2i installs, with the extra."""
    found = {name: extra for name, extra in _requirements() if extra in SHOWN_EXTRAS}
    return {name: str(extra) for name, extra in found.items() if name not in required()}


def plugin_entry_points() -> metadata.EntryPoints:
    """The entry points of the plugins that are installed; none of them is loaded."""
    return metadata.entry_points(group=PLUGIN_GROUP)


def version_of(package: str) -> str | None:
    """The installed version of a package, or ``None``."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def pip_install(requirement: str, *options: str) -> str:
    """The command that installs a requirement, such as ``i2i[video]``, into the Python that runs now."""
    quoted = f'"{requirement}"' if "[" in requirement else requirement
    return " ".join((sys.executable, "-m", "pip", "install", quoted, *options))


def problem_of(module: str) -> str:
    """Import a module; say in one line why it cannot be and what to do, or return an empty string."""
    try:
        drop_malformed_numbers()
        importlib.import_module(module)
    except Exception as error:  # a broken shared library raises OSError, a wrong numpy ValueError
        said = reason_of(error) if str(error).strip() else "no message"
        return f"{distribution(module)} cannot be imported ({type(error).__name__}: {said}); {_cure(module, error)}"
    return ""


def require(what: str, *modules: str) -> None:
    """Import modules that are needed later.

    Args:
        what: what needs them, such as ``"i2i evaluate"``.
        modules: dotted names.

    Raises:
        ConfigError: naming each that cannot be imported, why, and what to do.
    """
    problems = list(dict.fromkeys(problem for module in modules if (problem := problem_of(module))))
    if problems:
        raise ConfigError("\n".join(f"{what} needs a package that is not usable: {problem}" for problem in problems))


def _cure(module: str, error: Exception) -> str:
    if "torchvision" in str(error):  # which torchmetrics and torch-fidelity import where it is installed
        return "torchvision and torch do not fit together: install the torchvision made for this torch, or none"
    package = distribution(module)
    extras = [extra for name, extra in _requirements() if name == package and extra is not None]
    extra = next((extra for extra in extras if extra in SHOWN_EXTRAS), next(iter(extras), None))
    if isinstance(error, ModuleNotFoundError) and extra is not None:
        return pip_install(f"i2i[{extra}]")
    return f"install it again: {pip_install(package, '--force-reinstall')}"


def _requirements() -> list[tuple[str, str | None]]:
    """Each package that i2i's metadata names, with the extra that asks for it, if it is one."""
    try:
        lines = metadata.requires("i2i") or []
    except metadata.PackageNotFoundError:  # a copy of the sources that was never installed
        return []
    found = []
    for line in lines:
        extra = _EXTRA.search(line)
        found.append((re.split(r"[^\w.-]", line, maxsplit=1)[0].lower(), extra[1] if extra else None))
    return found
