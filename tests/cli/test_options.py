"""What several commands have is spelled and worded once."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from i2i.cli import options
from i2i.cli.commands import Command, GroupedCommand
from i2i.cli.main import COMMANDS, main
from i2i.cli.plugins_command import plugins


def commands():
    """Every command with the words that call it."""
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        yield from (
            ((f"plugins {sub}", found) for sub, found in plugins.commands.items())
            if command is plugins
            else ((name, command),)
        )


def declared(name):
    """The option of this name in each command that has it."""
    for words, command in commands():
        yield from ((words, parameter) for parameter in command.params if name in parameter.opts)


@pytest.mark.parametrize(
    ("name", "called", "at_least"),
    [
        ("--direction", "direction", 5),
        ("--checkpoint", "checkpoint", 5),
        ("--inference", "inference", 4),
        ("--device", "device", 4),
        ("--precision", "precision", 4),
        ("--out", "out", 5),
        ("--json", "as_json", 4),
        ("--force", "force", 2),
    ],
)
def test_an_option_of_several_commands_is_one_option(name, called, at_least):
    found = list(declared(name))
    assert len(found) >= at_least
    for words, parameter in found:
        assert parameter.name == called, words
        assert parameter.opts == (["-o", "--out"] if name == "--out" else [name]), words
        assert parameter.is_flag == (name in ("--json", "--force")), words
        default = parameter.to_info_dict()["default"]
        assert default in (None, False), f"{words}: the default is told; the API has it"
    told = {parameter.help.split("Default:")[0] for _, parameter in found}
    assert len(told) == 1 or name in ("--out", "--json", "--force"), told
    assert len({type(parameter.type) for _, parameter in found}) == 1
    if isinstance(found[0][1].type, click.Choice):
        assert len({tuple(parameter.type.choices) for _, parameter in found}) == 1


def test_every_command_that_takes_a_model_says_what_that_is():
    taking = {
        words: command.get_help(click.Context(command, terminal_width=200, max_content_width=200))
        for words, command in commands()
        if any(isinstance(parameter.type, options.ModelType) for parameter in command.params)
    }

    assert set(taking) == {"translate", "serve", "convert", "evaluate", "compare", "export"}
    for words, text in taking.items():
        assert text.count("MODEL is a run folder, a checkpoint or a converted folder,") == 1, words
        assert ("an exported file" in text) == (words not in ("convert", "export")), words


def test_long_helps_are_grouped():
    for words in ("run", "translate"):
        text = CliRunner().invoke(main, [words, "--help"]).output
        assert "\nOptions:" not in text
        assert "\nMachine:" in text
        assert text.rstrip().count("\nOther:") == 1, "--help alone stands under no heading"


def made(*declarations, cls=Command):
    @click.command(cls=cls)
    def command(**given):
        """Do."""
        click.echo(sorted(options.given(given).items()))

    for declare in declarations:
        command = declare(command)
    return command


def test_what_is_not_given_is_not_passed():
    command = made(options.device(), options.batch_size(), options.force("it"), cls=GroupedCommand)

    assert CliRunner().invoke(command, []).output == "[('force', False)]\n"
    assert CliRunner().invoke(command, ["--batch-size", "3"]).output == "[('batch_size', 3), ('force', False)]\n"


@pytest.mark.parametrize("words", [["--old", "x"], ["--old=x"]])
def test_an_earlier_spelling_works_and_names_the_new_one(words):
    command = made(options.option("--new", earlier=("--old",)))

    result = CliRunner().invoke(command, words)

    assert result.stdout == "[('new', 'x')]\n"
    assert "Note: --old is now --new" in result.stderr
    assert "--old" not in CliRunner().invoke(command, ["--help"]).output
    assert "--new is given 2 times" in CliRunner().invoke(command, [*words, "--new", "y"]).stderr


def test_an_earlier_spelling_after_two_dashes_is_a_word():
    command = made(options.option("--new", earlier=("--old",)), click.argument("word"))

    assert CliRunner().invoke(command, ["--", "--old"]).stdout == "[('word', '--old')]\n"
