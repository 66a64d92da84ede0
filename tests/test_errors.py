"""How text from outside is cleaned before it is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2i.errors import did_you_mean, printable, reason_of


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\x1b[31mred", "a\\x1b[31mred"),
        ("two\nlines\ttab", "two\\nlines\\ttab"),
        ("invoice\u202egnp.exe", "invoice\\u202egnp.exe"),
        ("c1 \x9b2J", "c1 \\x9b2J"),
        ("not UTF-8 \udcff", "not UTF-8 \\udcff"),
        ("ab\u200ccd 日本 é", "ab\u200ccd 日本 é"),
    ],
)
def test_names_cannot_steer_a_terminal(raw: str, shown: str) -> None:
    assert printable(raw) == shown


@given(st.text())
def test_what_is_printable_stays_so(text: str) -> None:
    once = printable(text)

    assert printable(once) == once
    assert len(once.splitlines()) <= 1
    once.encode()


def test_a_reason_is_one_line_whatever_the_exception_says() -> None:
    assert reason_of(ValueError("bad \x07 value\nand a page of details")) == "bad \\x07 value"
    assert reason_of(KeyError()) == "KeyError"


def test_the_nearest_name_is_found_in_any_case():
    assert did_you_mean("adamW", ["adam", "adamw"]) == "; did you mean 'adamw'?"
    assert did_you_mean("SECRET", ["Secret"]) == "; did you mean 'Secret'?"
