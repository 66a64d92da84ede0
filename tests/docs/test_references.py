"""The reference of the Python API leaves nothing out."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from references import ALIASES, Docstring, python_page

import i2i

FUNCTIONS = [name for name in i2i.__all__ if inspect.isfunction(getattr(i2i, name))]


def test_every_public_name_has_its_place():
    page = python_page()

    for name in set(i2i.__all__) - {"__version__"}:
        assert f"### i2i.{name}\n" in page or f"| `{name}` |" in page, name
    for name in ALIASES:
        assert f": {name}" in page, f"{name} stands in no signature any more"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_and_error_is_documented(name):
    function = getattr(i2i, name)
    documented, arguments = Docstring(inspect.getdoc(function)), set(inspect.signature(function).parameters)

    if "Args" in documented.sections:
        assert set(documented.sections["Args"]) == arguments
    else:
        (other,) = re.findall(r"`i2i\.(\w+)`.*; each is that function's of the same name", documented.text)
        assert arguments <= set(Docstring(inspect.getdoc(getattr(i2i, other))).sections["Args"])
    assert set(documented.sections.get("Raises", ())) <= set(i2i.__all__)
    assert set(function.__annotations__) == {*arguments, "return"}


def test_markup_becomes_markdown():
    text = """Do :func:`i2i.api.using.load` or :func:`load`, see ``x``.

====  ====
a     b
====  ====
one   two
      more
====  ====

Args:
    first: a text
        that goes on.
    second: ``y``.

Returns:
    Something
    long.
"""
    documented = Docstring(inspect.cleandoc(text))

    table = "| a | b |\n| --- | --- |\n| one | two more |"
    assert documented.text == f"Do `i2i.load` or `i2i.load`, see `x`.\n\n{table}"
    assert documented.sections["Args"] == {"first": "a text that goes on.", "second": "`y`."}
    assert documented.sections["Returns"] == "Something long."
    assert not re.findall(r":\w+:`|``[^`\n]", python_page().replace("```", ""))


def test_the_pages_lead_to_it():
    root = Path(__file__).parents[2]
    for page in ("README.md", "docs/using-a-translator.md"):
        assert "python.md" in (root / page).read_text(encoding="utf-8"), page
