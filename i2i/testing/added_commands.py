"""What every command of a plugin must do: be click's, say what it does, and refuse what it does not have."""

from __future__ import annotations

import click
from click.testing import CliRunner

from i2i.plugins import CommandSpec, Options
from i2i.plugins.manager import PluginManager
from i2i.testing.results import Checklist, expect

NO_OPTION = "--no-such-option-of-any-command"


def command_checks(checks: Checklist, spec: CommandSpec, options: Options) -> None:
    """Check one command, without having it do anything."""

    def builds() -> None:
        command = spec.build(options)
        expect(
            isinstance(command, click.Command),
            f"build must return a click.Command, which @click.command() makes; got {type(command).__name__}",
        )

    def tells() -> None:
        code, output = _call(spec, options, "--help")
        expect(code == 0, f"i2i {spec.name} --help must exit with 0; got {code}: {_last_line(output)}")
        help_text = spec.build(options).help
        expect(bool(help_text and help_text.strip()), "its function needs a docstring, which --help shows")

    def refuses() -> None:
        code, output = _call(spec, options, NO_OPTION)
        expect(code == 2, f"an option that it does not have must exit with 2; got {code}: {_last_line(output)}")

    if checks.run("builds a command", builds):
        checks.run("help", tells)
        checks.run("wrong usage", refuses)


def _call(spec: CommandSpec, options: Options, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(spec.build(options), words, obj=PluginManager())
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def _last_line(output: str) -> str:
    return (output.strip().splitlines() or ["no message"])[-1]
