"""Reading text that people and strangers wrote: YAML and JSON, of bounded length, depth and number of values.

Every such text that i2i reads comes through here: a few bytes must not ask for seconds and gigabytes, whatever is
wrong with them must be one line, and what a text does not say clearly must not be guessed.

YAML is read as version 1.2 has it, by which ``no`` and ``on`` are words and ``1e-4`` is a number; to version 1.1, which
PyYAML keeps to, they are ``false``, ``true`` and a word. Numbers with a leading zero, which the versions read
differently, stay words: an option that is a number takes them as decimal.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from i2i.errors import cut, printable, reason_of, shown

LONGEST_YAML = 1 << 17
"""Characters of a YAML text; PyYAML reads some 100,000 a second."""
LONGEST_JSON = 1 << 24
"""Bytes of a JSON text: all that i2i writes is far below, but for the names of the images."""
LONGEST_NAMES = 1 << 26
"""Bytes of the JSON that holds the names of a run's images."""
DEEPEST = 50
"""Lists and mappings inside each other."""
MOST_VALUES = 10_000
"""Values of a YAML text, where what an alias stands for counts each time."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks, with the encoding that takes them off: PowerShell 5 writes UTF-16, Notepad UTF-8 with one."""

_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map"))
_NAME_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int"))
_MERGE_TAG = "tag:yaml.org,2002:merge"


class TextError(ValueError):
    """A text is too long, too deep or not what it should be; the message is one line that follows the text's name."""


def read_text(path: str | Path, longest: int = LONGEST_JSON) -> str:
    """Read a file of at most ``longest`` bytes: UTF-8, or UTF-16 and UTF-32 that begin with a byte order mark.

    Raises:
        TextError: it is longer, or no such text.
        OSError: it cannot be read.
    """
    with Path(path).open("rb") as file:
        content = file.read(longest + 1)
    if len(content) > longest:
        raise TextError(f"is longer than {longest:,} bytes, the most that is read")
    return decode(content)


def decode(content: bytes) -> str:
    """Decode UTF-8, or UTF-16 and UTF-32 that begin with a byte order mark.

    Raises:
        TextError: naming the first byte that is none.
    """
    encoding = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), "utf-8")
    if encoding.startswith("utf-8") and b"\0" in content:
        raise TextError(
            f"holds a NUL byte at offset {content.index(0):,}: it is not text, or it is UTF-16 without a byte order "
            "mark; save it as UTF-8"
        )
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        name = encoding.removesuffix("-sig").upper()
        raise TextError(
            f"is not {name}: byte 0x{content[error.start]:02x} at offset {error.start:,}, line {line} "
            f"({error.reason}); save it as UTF-8"
        ) from error


def read_json(path: str | Path, longest: int = LONGEST_JSON) -> Any:
    """Read a JSON file.

    Raises:
        TextError: it is too long, too deep or not JSON.
        OSError: it cannot be read.
    """
    return parse_json(read_text(path, longest), longest)


def parse_json(text: str, longest: int = LONGEST_JSON) -> Any:
    """Parse JSON.

    Raises:
        TextError: it is too long, too deep, not JSON, or gives one name of an object twice.
    """
    if len(text) > longest:
        raise TextError(f"is longer than {longest:,} characters, the most that is read")
    try:
        value = json.loads(text, object_pairs_hook=_object)
    except RecursionError as error:
        raise TextError(_too_deep()) from error
    except TextError:
        raise
    except ValueError as error:  # also a number of more digits than Python converts
        raise TextError(f"is not JSON: {reason_of(error)}") from error
    if _is_deeper(value, DEEPEST):
        raise TextError(_too_deep())
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise TextError(f"gives {shown(twice)} twice in one object")
    return values


def _is_deeper(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most + 1):
        level = [item for container in level for item in _children(container) if isinstance(item, dict | list)]
        if not level:
            return False
    return True


def _children(container: Any) -> Iterable[Any]:
    if isinstance(container, dict):
        return container.values()
    return container if isinstance(container, list) else ()


def _too_many() -> str:
    return f"holds more than {MOST_VALUES:,} values, aliases (*name) written out, the most that is read"


def _too_deep() -> str:
    return f"is nested too deeply; at most {DEEPEST} lists and mappings inside each other are read"


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file; an empty one is ``None``.

    Raises:
        TextError: see :func:`parse_yaml`.
        OSError: it cannot be read.
    """
    return parse_yaml(read_text(path, LONGEST_YAML))


def parse_yaml(text: str) -> Any:
    """Parse one YAML document of plain values: words, numbers, true, false, null, lists and mappings.

    Raises:
        TextError: it is too long, too deep, holds too many values, is not YAML or holds several documents; a name is
            given twice or is none; a tag asks for anything but plain values.
    """
    if len(text) > LONGEST_YAML:
        raise TextError(f"is longer than {LONGEST_YAML:,} characters, the most that is read")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node, {})
        return loader.construct_document(node)
    except RecursionError as error:
        raise TextError(_too_deep()) from error
    except yaml.YAMLError as error:
        raise TextError(f"is not YAML: {_reason(error)}") from error
    except TextError:
        raise
    except (ValueError, TypeError, OverflowError) as error:  # a tag whose value is none of its kind, such as !!int x
        raise TextError(f"is not YAML: {reason_of(error)}") from error


def dump_yaml(value: Any) -> str:
    """Write plain values as YAML that says the same to readers of version 1.1 and 1.2, and steers no terminal."""
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    if printable(text, lines=True) == text:
        return text
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False)  # YAML's own escapes, for names that hold controls


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2, a limit to the depth and one to the number of values."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as PyYAML declares it
    _depth = _values = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth, self._values = self._depth + 1, self._values + 1
        if self._depth > DEEPEST + 1:
            raise TextError(_too_deep())
        if self._values > MOST_VALUES:
            raise TextError(_too_many())
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper, which puts words in quotes that either version would read as something else."""

    def ignore_aliases(self, data: Any) -> bool:
        del data  # whatever it is, it is written out: a reader need not look elsewhere in the file
        return True


_SCALARS: tuple[tuple[str, str, str], ...] = (
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9_]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
)
for _name, _pattern, _first in _SCALARS:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(
            f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), [*_first, *([""] if "~" in _first else [])]
        )
_Loader.add_implicit_resolver(_MERGE_TAG, re.compile(r"^<<$"), ["<"])


def _construct_int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node)).replace("_", "")
    return int(text, 0) if "o" in text or "x" in text else int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)


def _check(node: yaml.Node, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Return how many values a node stands for and how deep they lie, with what aliases stand for in their place.

    Args:
        node: the node; all that aliases stand for is one node in several places.
        known: what was returned for lists and mappings so far; (0, 0) for those around this one.
    """
    if node.tag not in _PLAIN_TAGS and node.tag != _MERGE_TAG:
        raise TextError(f"is not plain YAML: {_line(node)}: tag {shown(node.tag)} asks for more than plain values")
    if isinstance(node, yaml.ScalarNode):
        return 1, 0
    if id(node) in known:
        if known[id(node)] == (0, 0):
            raise TextError(f"is not plain YAML: {_line(node)}: an alias is inside of what it stands for")
        return known[id(node)]
    known[id(node)] = (0, 0)
    if isinstance(node, yaml.MappingNode):
        _check_names(node)
    total, deepest = 1, 0
    for child in chain.from_iterable(node.value) if isinstance(node, yaml.MappingNode) else node.value:
        count, depth = _check(child, known)
        total, deepest = total + count, max(deepest, depth)
        if total > MOST_VALUES:
            raise TextError(_too_many())
    if deepest >= DEEPEST:
        raise TextError(_too_deep())
    known[id(node)] = total, deepest + 1
    return known[id(node)]


def _check_names(node: yaml.MappingNode) -> None:
    lines: dict[tuple[str, str], str] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag not in (*_NAME_TAGS, _MERGE_TAG):
            came = shown(key.value) if isinstance(key, yaml.ScalarNode) else "a list or mapping"
            raise TextError(
                f"is not plain YAML: {_line(key)}: expected a name before ':'; got {came} (in quotes it is a name)"
            )
        name = (key.tag, key.value)
        if name in lines:
            raise TextError(f"gives {shown(key.value)} twice in one mapping, on {lines[name]} and {_line(key)}")
        lines[name] = _line(key)


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"


def _reason(error: yaml.YAMLError) -> str:
    """What PyYAML says in many lines, in one."""
    if isinstance(error, yaml.reader.ReaderError):
        return f"character {shown(chr(error.character))} at offset {error.position:,} is not allowed in it"
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = printable(str(getattr(error, "problem", None) or getattr(error, "context", None) or reason_of(error)))
    if "\\t" in problem:
        problem += " (indent with spaces, not with tabs)"
    if problem.startswith("but "):  # the beginning of the sentence is what it was doing
        problem = f"{printable(str(error.context))}, {problem}"  # type: ignore[attr-defined]
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
    return cut(where + problem)
