"""The two references: of the command line from the commands' help, of the Python API from the docstrings.

A docstring is Google's: a summary, paragraphs, and sections such as ``Args:``; its inline markup is that of Sphinx.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import click

import i2i
from i2i.cli.main import main as command_line

MADE_BY = "<!-- made by docs/generate.py: edit the code instead -->"

FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "Training": ("run", "resolve", "create"),
    "Data": ("check_data",),
    "Using a translator": ("load", "translate", "evaluate", "compare", "export", "convert", "serve"),
    "The installation": ("doctor", "bench", "list_plugins", "show_plugin", "check_plugin"),
}
"""The functions of ``i2i`` by heading; every other public name is a class or an error."""

ALIASES = {
    "PluginFiles": "str | Path | Sequence[str | Path]",
    "Settings": "Iterable[str] | Mapping[str, Any]",
    "Inference": 'Literal["deterministic", "paper"]',
    "Precision": 'Literal["fp32", "bf16"]',
    "Statistics": 'Literal["exact", "estimate"]',
}
"""Names in signatures that are no classes."""

SECTIONS = {"Args": "Arguments", "Attributes": "Attributes", "Returns": "Returns", "Raises": "Raises"}
"""What a docstring may have below its text, and what the page calls it."""


class NoPlugins:
    """Stands for the plugins of this machine, whose commands are not i2i's."""

    def components(self, _kind: str) -> tuple[()]:
        """Return none."""
        return ()


def command_line_page() -> str:
    """The help of every command of i2i itself."""
    parts = [MADE_BY, "# Command line", ""]
    for words, command in _commands(command_line, ("i2i",)):
        settings = {**command_line.context_settings, "terminal_width": 100, "max_content_width": 100}
        context = click.Context(command, info_name=" ".join(words), obj=NoPlugins(), **settings)
        parts += [f"## {' '.join(words)}", "", "```text", command.get_help(context).rstrip(), "```", ""]
    return "\n".join(parts)


def _commands(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command, obj=NoPlugins())
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _commands(inner, (*words, name))


def python_page() -> str:
    """Every public name of ``i2i``."""
    return "\n".join(_python_lines()).rstrip() + "\n"


def _python_lines() -> Iterator[str]:
    yield from (
        MADE_BY,
        "# Python",
        "",
        "Every command is a function of `i2i` whose keywords are called like the command's options",
        "([command line](command-line.md)). `import i2i` is quick: the first function that needs PyTorch imports it.",
        "The functions print nothing; those with `progress=True` tell how far they are on standard error.",
        "",
        "In the signatures:",
        "",
        *(f"- `{name}` is `{meaning}`" for name, meaning in ALIASES.items()),
    )
    for heading, names in FUNCTIONS.items():
        yield from ("", f"## {heading}")
        for name in names:
            yield from _function_lines(name, getattr(i2i, name))
    yield from ("", "## What they return and take")
    for name in classes():
        yield from _class_lines(name, getattr(i2i, name))
    yield from ("", "## Errors", "", "A message names the thing, what was expected, what came and what to do next.", "")
    yield from ("| error | is a | what it means |", "|---|---|---|")
    for name in errors():
        error = getattr(i2i, name)
        yield f"| `{name}` | `{error.__base__.__name__}` | {_in_one_line(inspect.getdoc(error) or '')} |"


def errors() -> list[str]:
    """The names of errors, the base of all first."""
    found = [name for name in i2i.__all__ if _is_class(name) and issubclass(getattr(i2i, name), Exception)]
    return sorted(found, key=lambda name: (name != "I2IError", name))


def classes() -> list[str]:
    """The names of the other classes."""
    return [name for name in i2i.__all__ if _is_class(name) and name not in errors()]


def _is_class(name: str) -> bool:
    return inspect.isclass(getattr(i2i, name))


class Docstring:
    """A docstring in Google's style, with its text as Markdown.

    Args:
        text: it, without indentation.

    Attributes:
        text: what stands before the sections.
        sections: by title, ``"Args"`` and so on: a text, or names with a text each.
    """

    def __init__(self, text: str) -> None:
        titles = "|".join(SECTIONS)
        before, *rest = re.split(rf"^({titles}):\n", text, flags=re.MULTILINE)
        self.text = _markdown(before.strip())
        self._rest = dict(zip(rest[::2], rest[1::2], strict=True))

    @cached_property
    def sections(self) -> Mapping[str, str | Mapping[str, str]]:
        """See the class."""
        return {title: self._section(title, inspect.cleandoc(f"\n{body}")) for title, body in self._rest.items()}

    def _section(self, title: str, body: str) -> str | Mapping[str, str]:
        if title == "Returns":
            return _in_one_line(body)
        items = re.split(r"^(\w+):\s", body, flags=re.MULTILINE)[1:]
        return {name: _in_one_line(text) for name, text in zip(items[::2], items[1::2], strict=True)}


def _in_one_line(text: str) -> str:
    return " ".join(_markdown(text).split())


def _markdown(text: str) -> str:
    """Sphinx's inline markup and simple tables as Markdown."""
    text = re.sub(r"^(=+(?: +=+)+)$\n(.*?)^\1$\n(.*?)^\1$", _table, text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r":\w+:`~?!?([\w.]+)`", lambda found: f"`{_public(found[1])}`", text)
    return re.sub(r"``(.+?)``", r"`\1`", text)


def _table(found: re.Match[str]) -> str:
    """A simple table; a line without a first cell goes on with the row above it."""
    columns = [slice(mark.start(), mark.end() + 2) for mark in re.finditer("=+", found[1])]
    rows: list[list[str]] = []
    for line in (found[2] + found[3]).splitlines():
        cells = [line[column].strip() for column in columns]
        if cells[0]:
            rows.append(cells)
        else:
            rows[-1] = [f"{cell} {more}".strip() for cell, more in zip(rows[-1], cells, strict=True)]
    rows.insert(1, ["---"] * len(columns))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _public(dotted: str) -> str:
    """How a person calls what a docstring refers to: by its public name, where it has one."""
    last = dotted.rpartition(".")[2]
    return f"i2i.{last}" if last in i2i.__all__ else dotted


def _function_lines(name: str, function: Callable[..., Any]) -> Iterator[str]:
    documented = Docstring(inspect.getdoc(function) or "")
    yield from ("", f"### i2i.{name}", "", "```python", _signature(f"def {name}", function), "```", "", documented.text)
    yield from _section_lines(documented)


def _class_lines(name: str, kind: type) -> Iterator[str]:
    documented = Docstring(inspect.getdoc(kind) or "")
    yield from ("", f"### i2i.{name}", "", documented.text)
    attributes = {**_fields(kind), **_items(documented, "Attributes")}
    methods = {}
    for member_name, member in vars(kind).items():
        if (member_name.startswith("_") and member_name != "__call__") or not getattr(member, "__doc__", None):
            continue
        if isinstance(member, property | cached_property):
            attributes[member_name] = _summary(member)
        elif inspect.isfunction(member):
            called = kind.__name__.lower() if member_name == "__call__" else f".{member_name}"
            methods[f"{called}{_plain_signature(member)}"] = _summary(member)
    yield from _list("Attributes", attributes)
    yield from _list("Methods", methods)


def _fields(kind: type) -> dict[str, str]:
    """The fields of a pydantic model, which have their descriptions beside them."""
    fields = getattr(kind, "model_fields", {})
    return {name: _in_one_line(field.description or "see its name") for name, field in fields.items()}


def _items(documented: Docstring, title: str) -> Mapping[str, str]:
    section = documented.sections.get(title, {})
    return {} if isinstance(section, str) else section


def _list(title: str, items: Mapping[str, str]) -> Iterator[str]:
    if items:
        yield from ("", f"**{title}**", "")
        yield from (f"- `{name}`: {text}" for name, text in items.items())


def _summary(member: Any) -> str:
    return _in_one_line((inspect.getdoc(member) or "").partition("\n\n")[0])


def _section_lines(documented: Docstring) -> Iterator[str]:
    for title, shown in SECTIONS.items():
        section = documented.sections.get(title, {})
        if isinstance(section, str):
            yield from ("", f"**{shown}**: {section}")
        else:
            yield from _list(shown, section)


def _signature(begin: str, function: Callable[..., Any]) -> str:
    """The signature as Python, one parameter a line where it is long."""
    parameters, returned = _parameters(function)
    line = f"{begin}({', '.join(parameters)}) -> {returned}: ..."
    if len(line) <= 100:
        return line
    inner = "".join(f"    {parameter},\n" for parameter in parameters)
    return f"{begin}(\n{inner}) -> {returned}: ..."


def _plain_signature(function: Callable[..., Any]) -> str:
    parameters, returned = _parameters(function)
    return f"({', '.join(parameters[1:])}) -> {returned}"


def _parameters(function: Callable[..., Any]) -> tuple[list[str], str]:
    """Each parameter as it is written, ``*`` included, and what is returned."""
    signature = inspect.signature(function)
    written: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in written:
            written.append("*")
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        annotation = str(parameter.annotation).replace("'", '"')
        annotation = "" if parameter.annotation is parameter.empty else f": {annotation}"
        default = "" if parameter.default is parameter.empty else f" = {_default(parameter.default)}"
        written.append(f"{stars}{parameter.name}{annotation}{default}")
    return written, str(signature.return_annotation)


def _default(value: Any) -> str:
    if callable(value):
        return "..."
    return json.dumps(value) if isinstance(value, str) else repr(value)
