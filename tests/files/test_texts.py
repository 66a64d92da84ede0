"""Text files of any origin are read faithfully, or refused in one line, in no time."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from i2i.files import texts
from i2i.files.texts import TextError, decode, dump_yaml, parse_json, parse_yaml, read_json, read_text, read_yaml

MANY = "a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 5)
)
"""A few lines that stand for some 70,000 values."""


def refusal(read, *arguments):
    with pytest.raises(TextError) as caught:
        read(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    return message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E4", 1e4),
        ("-2.5e+3", -2500.0),
        (".5", 0.5),
        ("1_000", 1000),
        ("0x1f", 31),
        ("0o17", 15),
        ("-.inf", float("-inf")),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("True", True),
        ("false", False),
        ("010", "010"),
        ("1:30", "1:30"),
        ("2026-01-31", "2026-01-31"),
        ("~", None),
        ("", None),
        ("# nothing yet", None),
        ("---\na: 1", {"a": 1}),
        ("on: 1\n0: {b: 2}", {"on": 1, 0: {"b": 2}}),
        ("a: 1\r\nb: no\r\n", {"a": 1, "b": "no"}),
    ],
)
def test_values_are_what_a_person_means(text, value):
    assert parse_yaml(text) == value
    assert type(parse_yaml(text)) is type(value)


def test_aliases_and_merged_mappings_are_written_out():
    text = "base: &base {channels: 8, norm: no}\nother: *base\nwide:\n  <<: *base\n  channels: 16\n"

    read = parse_yaml(text)

    assert read["other"] == {"channels": 8, "norm": "no"}
    assert read["wide"] == {"channels": 16, "norm": "no"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MANY, "more than 10,000 values"),
        ("a: &a [*a]", "inside of what it stands for"),
        ("[" * 60 + "]" * 60, "nested too deeply"),
        ("[" * 5000, "nested too deeply"),
        ("a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 40 + "*a" + "]" * 40, "nested too deeply"),
        ("[" + "[]," * 20_000 + "]", "more than 10,000 values"),
        ("a: " + "x" * (texts.LONGEST_YAML + 1), "longer than 131,072 characters"),
        ("a: 1\nb: 2\na: 3", "gives 'a' twice in one mapping, on line 1 and line 3"),
        ("a: 1\n'a': 3", "gives 'a' twice"),
        ("a: 1\n---\nb: 2", "expected a single document in the stream, but found another document"),
        ("~: 1", "line 1: expected a name before ':'; got '~'"),
        ("true: 1", "expected a name"),
        ("? [a]\n: 1", "got a list or mapping"),
        ("a: !!python/name:os.system", "line 1: tag 'tag:yaml.org,2002:python/name:os.system' asks for more than"),
        ("a: !!timestamp 2026-01-31", "asks for more than plain values"),
        ("a: !mine 1", "asks for more than plain values"),
        ("a: !!int x", "is not YAML: invalid literal"),
        ("a:\n\tb: 1", "line 2, column 1: found character '\\t' that cannot start any token (indent with spaces"),
        ("a: [1", "line 1, column 6: "),
        ("a: \x07", "character '\\x07' at offset 3 is not allowed"),
        ("a: *" + "x" * 5000, "found undefined alias"),
        ("9" * 5000, "is not YAML: Exceeds the limit"),
    ],
)
def test_a_text_that_is_too_much_or_unclear_is_refused_in_one_line(text, said):
    assert said in refusal(parse_yaml, text)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=8)
        | st.sampled_from(["no", "1e5", "010", "~", "0o7", "1:30", "<<", "=", "2026-01-31"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=8)
        | st.sampled_from(["yes", "1e5", "08", "010", "", "0x1f", "1_000", ".5e3", "-.inf", "2026-01-31", "=", "<<"]),
    )
)
def test_what_is_written_reads_the_same_here_and_by_the_older_version_of_yaml(values):
    text = dump_yaml(values)

    assert parse_yaml(text) == values
    assert yaml.safe_load(text) == values


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_files_of_every_editor_are_read(tmp_path, encoding):
    path = tmp_path / "mine.yaml"
    path.write_bytes("root: Bäume\r\nn: 1e-4\r\n".encode(encoding))

    assert read_yaml(path) == {"root": "Bäume", "n": 1e-4}


def test_big_endian_files_with_a_mark_are_read():
    assert decode(b"\xfe\xff" + "é".encode("utf-16-be")) == "é"
    assert decode(b"\x00\x00\xfe\xff" + "é".encode("utf-32-be")) == "é"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: 1\nb: é".encode("latin-1"), "not UTF-8: byte 0xe9 at offset 8, line 2"),
        ("a: é".encode("utf-16-le"), "NUL byte at offset 1: it is not text, or it is UTF-16 without a byte order mark"),
        (b"a: \x00", "NUL byte at offset 3"),
        (b"\xff\xfea", "not UTF-16: byte 0x61 at offset 2"),
        (b"\x89PNG\r\n", "not UTF-8: byte 0x89 at offset 0"),
    ],
)
def test_what_is_no_text_names_the_place(content, said):
    assert said in refusal(decode, content)
    assert refusal(decode, content).endswith("save it as UTF-8")


def test_a_file_is_not_read_beyond_its_limit(tmp_path):
    path = tmp_path / "long.json"
    path.write_text("[" + "1," * 100 + "1]")

    assert len(read_json(path)) == 101
    assert "longer than 100 bytes" in refusal(read_text, path, 100)
    assert "longer than 100 characters" in refusal(parse_json, path.read_text(), 100)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 60 + "]" * 60, "nested too deeply"),
        ('{"a":' * 60 + "1" + "}" * 60, "nested too deeply"),
        ("[" * 200_000, "nested too deeply"),
        ('{"step": 1, "step": 2}', "gives 'step' twice in one object"),
        ('{"a": ', "is not JSON: Expecting value"),
        ("9" * 5000, "is not JSON: Exceeds the limit"),
        ("", "is not JSON"),
    ],
)
def test_json_that_is_too_much_or_unclear_is_refused_in_one_line(text, said):
    assert said in refusal(parse_json, text)


def test_names_that_are_no_unicode_survive_json():
    assert parse_json('["\\udcff.png", {"depth": [' + "[" * 40 + "]" * 40 + "]}]")[0] == "\udcff.png"
