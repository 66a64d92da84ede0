"""The options of each command are the keywords of its function in ``i2i``, with the same defaults."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import click
import pytest

import i2i
from i2i.cli.main import COMMANDS, main

ANY = "any command"
OPTIONS_ALONE = {
    (ANY, "as_json"): "what is printed; a program has .to_dict()",
    ("run", "dry_run"): "i2i.resolve is its function",
    ("data check", "strict"): "an exit code: a program has .spoils and .warns",
    ("plugins check", "words"): "[KIND] NAME: the function has name and kind",
}
"""Parameters of a command that its function does not have, with the reason."""

KEYWORDS_ALONE = {
    (ANY, "manager"): "a command makes one",
    (ANY, "plugins"): "i2i --plugin FILE ..., before any command",
    (ANY, "progress"): "a command talks to a person always, but for --json",
    ("run", "settings"): "the earlier name of set",
    ("run", "tracker"): "an earlier name of observer",
    ("run", "trackers"): "an earlier name of observer",
    ("evaluate", "settings"): "the earlier name of set",
    ("translate", "observer"): "a command prints what it is told",
    ("bench", "tell"): "a command prints what it is told",
    ("serve", "announce"): "a command prints what it is told",
    ("serve", "limits"): "the earlier way to give the five limits",
    ("serve", "allow_hosts"): "the earlier name of allowed_host",
    ("plugins check", "name"): "of the words [KIND] NAME",
    ("plugins check", "kind"): "of the words [KIND] NAME",
}
"""Keywords of a function that its command does not have, with the reason."""

NO_FUNCTION = {"plugins new": "it writes a package for a person to edit"}
"""Commands without a function, with the reason."""

FUNCTIONS = {
    "plugins list": "list_plugins",
    "plugins show": "show_plugin",
    "plugins check": "check_plugin",
    "data check": "check_data",
}
"""The functions of commands that have another name."""


def commands() -> Iterator[tuple[str, click.Command]]:
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", found) for sub, found in command.commands.items())
        else:
            yield name, command


def pairs() -> Iterator[Any]:
    for words, command in commands():
        if words not in NO_FUNCTION:
            yield pytest.param(words, command, getattr(i2i, FUNCTIONS.get(words, words)), id=words)


@pytest.mark.parametrize(("words", "command", "function"), list(pairs()))
def test_options_are_keywords(words: str, command: click.Command, function: Callable[..., Any]) -> None:
    options = {parameter.name for parameter in command.params}
    keywords = set(inspect.signature(function).parameters)

    def without(names: set[str], exceptions: dict[tuple[str, str], str]) -> set[str]:
        return {name for name in names if not {(ANY, name), (words, name)} & set(exceptions)}

    assert without(options, OPTIONS_ALONE) == without(keywords, KEYWORDS_ALONE)


@pytest.mark.parametrize(("words", "command", "function"), list(pairs()))
def test_a_default_of_a_command_is_that_of_its_function(
    words: str, command: click.Command, function: Callable[..., Any]
) -> None:
    keywords = inspect.signature(function).parameters
    for parameter in command.params:
        default = parameter.to_info_dict().get("default")
        if default is not None and parameter.name in keywords and not parameter.multiple:
            assert default in (keywords[parameter.name].default, bool(keywords[parameter.name].default)), parameter.name
        told = getattr(parameter, "help", None) or ""
        expected = keywords[parameter.name].default if parameter.name in keywords else None
        if parameter.name in ("device", "precision", "batch_size") and expected is not None:
            assert f"Default: {expected}" in told


def test_no_exception_is_out_of_date() -> None:
    known = dict(commands())
    options = {(words, parameter.name) for words, command in known.items() for parameter in command.params}
    keywords = {
        (words, name)
        for words in known
        if words not in NO_FUNCTION
        for name in inspect.signature(getattr(i2i, FUNCTIONS.get(words, words))).parameters
    }
    for exceptions, there in ((OPTIONS_ALONE, options), (KEYWORDS_ALONE, keywords)):
        for words, name in exceptions:
            assert (words, name) in there or (words == ANY and name in {found for _, found in there}), (words, name)
    assert set(NO_FUNCTION) | set(FUNCTIONS) <= set(known)
