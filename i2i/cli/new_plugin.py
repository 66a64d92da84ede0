"""Writes an installable plugin package from the templates in ``templates/plugin``."""

from __future__ import annotations

import keyword
import re
from datetime import date
from pathlib import Path

import jinja2

from i2i._version import __version__
from i2i.errors import ConfigError, I2IError

NAME_PATTERN = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_NAME = 40
TITLES = {
    "dataset": "data set",
    "method": "training method",
    "optimizer": "optimiser",
    "reader": "format of image files",
}
USAGES = {
    "generator": "i2i run --generator {name} --set generator.base_channels=16",
    "discriminator": "i2i run --discriminator {name} --set discriminator.layers=2",
    "loss": "i2i run --loss {name}",
    "buffer": "i2i run --buffer {name} --set buffer.size=100",
    "method": "i2i run --method {name} --data sample:line-3d",
    "metric": "i2i evaluate sample:flat-3d --data sample:flat-3d --metric {name}",
    "observer": "i2i run --observer {name} --data sample:line-3d",
    "augmentation": "i2i run --augment {name} --data sample:line-3d",
    "exporter": "i2i export runs/NAME --format {name}",
    "command": "i2i {name} sample:flat-3d",
    "dataset": "i2i run --method pix2pix --data FOLDER --set data.name={name}",
    "reader": "i2i run --data FOLDER --set readers.{name}.black=64",
    "optimizer": "i2i run --optimizer {name} --set optimizer.learning_rate=1e-4",
}
DEPENDENCIES = {
    "command": ("click>=8", "pillow"),
    "dataset": ("numpy", "pillow", "pydantic>=2.7", "torch"),
    "exporter": ("numpy", "onnxruntime", "pydantic>=2.7", "torch"),
    "observer": ("pydantic>=2.7",),
    "reader": ("numpy", "pydantic>=2.7"),
}
"""What the templates of a kind import, beside i2i."""
USUAL_DEPENDENCIES = ("pydantic>=2.7", "torch")
EXTRAS = {"exporter": "[export]"}
"""The extras of i2i that a kind needs."""
PIXEL_USAGE = "i2i run --pixel-loss {name}"


def default_folder(name: str) -> Path:
    """Where the package goes without ``--out``."""
    return Path(f"i2i-{name}")


def write_plugin(kind: str, name: str, folder: Path, family: str = "pixel", *, force: bool = False) -> list[Path]:
    """Write the package and return its files, in the order in which they are worth reading.

    Args:
        kind: the kind of component.
        name: the component's name: lower-case letters, digits and single hyphens.
        folder: a folder that is empty or does not exist yet.
        family: for a loss, ``"adversarial"`` or ``"pixel"``.
        force: write into a folder that has files, over those of the same names.

    Raises:
        ConfigError: when the name is not allowed, or the folder is not empty.
        I2IError: when the folder cannot be written.
    """
    _check_name(name)
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not force)):
        raise ConfigError(
            f"{folder} must be empty or not there yet; pick another place with --out, or write over it with --force"
        )
    files = _render(kind, name, family)
    try:
        for relative, text in files.items():
            path = folder / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise I2IError(f"{folder} cannot be written: {error.strerror}; pick another place with --out") from error
    return [folder / relative for relative in files]


def _check_name(name: str) -> None:
    allowed = NAME_PATTERN.fullmatch(name) is not None and len(name) <= LONGEST_NAME and not keyword.iskeyword(name)
    if not allowed:
        suggestion = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")[:LONGEST_NAME].strip("-")
        usable = NAME_PATTERN.fullmatch(suggestion) is not None and not keyword.iskeyword(suggestion)
        hint = f"; for example {suggestion!r}" if usable else ""
        raise ConfigError(
            "NAME must be lower-case letters and digits, with single hyphens between words, starting with a letter, "
            f"no Python keyword, at most {LONGEST_NAME} characters; got {name!r}{hint}"
        )


def _render(kind: str, name: str, family: str) -> dict[str, str]:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("i2i.cli", "templates/plugin"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    module = f"i2i_{name.replace('-', '_')}"
    usage = PIXEL_USAGE if kind == "loss" and family == "pixel" else USAGES[kind]
    values = {
        "kind": kind,
        "name": name,
        "family": family,
        "title": TITLES.get(kind, kind),
        "package": f"i2i-{name}",
        "module": module,
        "class_name": _class_name(kind, name),
        "usage": usage.format(name=name),
        "dependencies": [f"i2i{EXTRAS.get(kind, '')}>={__version__}", *DEPENDENCIES.get(kind, USUAL_DEPENDENCIES)],
        "year": date.today().year,
    }
    templates = {
        "README.md": "README.md.j2",
        "LICENSE": "LICENSE.j2",
        f"src/{module}/plugin.py": f"{kind}/plugin.py.j2",
        f"src/{module}/{kind}.py": f"{kind}/component.py.j2",
        f"src/{module}/__init__.py": "init.py.j2",
        f"tests/test_{module.removeprefix('i2i_')}.py": f"{kind}/test.py.j2",
        "pyproject.toml": "pyproject.toml.j2",
        ".gitignore": "gitignore.j2",
    }
    if kind == "exporter":
        templates[f"src/{module}/run_file.py"] = "exporter/runner.py.j2"
    files = {path: environment.get_template(template).render(values) for path, template in templates.items()}
    files[f"src/{module}/py.typed"] = ""
    return files


def _class_name(kind: str, name: str) -> str:
    """``soft-edge`` becomes ``SoftEdge``; the kind is left to the templates, which end every class name with it."""
    words = name.split("-")
    if len(words) > 1 and words[-1] == kind:
        words.pop()
    return "".join(word.capitalize() for word in words)
