"""The check of commands lets good ones pass, and names what a bad one does."""

import click
import pytest

from i2i.plugins import CommandSpec
from i2i.testing import check_command


@click.command()
def good():
    """Do well."""


@click.command()
def silent():
    pass


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1)
def takes_all(words):
    """Take anything."""


@click.command(add_help_option=False)
def helpless():
    """Have no help."""


def broken():
    raise RuntimeError("no bark")


def spec_of(build):
    return CommandSpec(name="bark", summary="barks", build=lambda _: build())


def test_a_good_one_passes():
    check_command(spec_of(lambda: good))


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: silent, "help: its function needs a docstring"),
        (lambda: takes_all, "wrong usage: an option that it does not have must exit with 2; got 0"),
        (lambda: helpless, "help: i2i bark --help must exit with 0; got 2"),
        (lambda: print, "builds a command: build must return a click.Command"),
        (broken, "builds a command: raised RuntimeError: no bark"),
    ],
)
def test_a_broken_promise_is_named(build, said):
    with pytest.raises(AssertionError, match=said):
        check_command(spec_of(build))
