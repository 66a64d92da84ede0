"""What all commands share in reading a command line: nothing is silently overruled, habits lead to the right option."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from i2i.cli.habits import USE_HABITS
from i2i.cli.output import say

CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""Of every command: one that is called on its own, as tests do, keeps the names of ``--help`` that it had then."""


class Option(click.Option):
    """An option, with the heading under which the help lists it and the names that it had before.

    Args:
        names: as click takes them.
        group: the heading in the help of a :class:`GroupedCommand`.
        earlier: names of an earlier version; they still work, and using one shows the current name.
        settings: as click takes them.
    """

    def __init__(self, *names: Any, group: str | None = None, earlier: Sequence[str] = (), **settings: Any) -> None:
        super().__init__(*names, **settings)
        self.group, self.earlier = group, tuple(earlier)


class Command(click.Command):
    """A command whose options, unless they may be repeated, can be given once only."""

    habits: Mapping[str, str] = USE_HABITS

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **{"context_settings": CONTEXT_SETTINGS, **settings})
        self.help = "\n\n".join(self._paragraphs(inspect.cleandoc(self.help or "")))

    def _paragraphs(self, text: str) -> Iterator[str]:
        """The help: its first paragraph, what the types of its arguments say about themselves, and the rest."""
        first, *rest = text.split("\n\n")
        yield first
        for argument in self._arguments():
            if told := getattr(argument.type, "help", ""):
                yield told
        yield from rest

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as usual; refuse an option that is given twice, and say what a habit is called here."""
        args = self.todays_words(list(args))
        try:
            _, _, given = self.make_parser(ctx).parse_args(list(args))
        except click.NoSuchOption as error:
            raise self._explained(error, ctx) from None
        self._require_once(given, ctx)
        return super().parse_args(ctx, args)

    def todays_words(self, words: list[str]) -> list[str]:
        """The words with the current names of options in place of earlier ones, each of which is noted once."""
        today = {
            earlier: parameter.opts[-1]
            for parameter in self.params
            if isinstance(parameter, Option)
            for earlier in parameter.earlier
        }
        end = words.index("--") if "--" in words else len(words)
        for place, word in enumerate(words[:end]):
            name, equals, value = word.partition("=")
            if name in today:
                tell_new_spelling(name, today[name])
                words[place] = f"{today[name]}{equals}{value}"
        return words

    def _require_once(self, given: Sequence[click.Parameter], ctx: click.Context) -> None:
        for parameter, times in Counter(given).items():
            if times == 1 or not isinstance(parameter, click.Option) or parameter.is_eager:
                continue
            says_the_same = parameter.is_flag and not parameter.secondary_opts
            if not parameter.multiple and not parameter.count and not says_the_same:
                names = " or ".join((*parameter.opts, *parameter.secondary_opts))
                raise click.UsageError(f"{names} is given {times} times, and one is taken; leave the others out", ctx)

    def _explained(self, error: click.NoSuchOption, ctx: click.Context) -> click.NoSuchOption:
        """The error with what the option is called here, where that is known."""
        name = error.option_name.lstrip("-").lower().replace("_", "-")
        known = {option.lstrip("-"): option for option in self._options(ctx)}
        meant = known.get(name) or self._habit(name, known) or self.setting(name)
        if meant is None:
            return error
        return click.NoSuchOption(
            error.option_name, f"No such option {error.option_name!r}; what it does here: {meant}", ctx=ctx
        )

    def _habit(self, name: str, known: Mapping[str, str]) -> str | None:
        """What is meant by a name, if this command has it; an argument it names must be one of the command's."""
        meant = self.habits.get(name)
        if meant is None:
            return None
        if meant.startswith("--"):
            return meant if meant.split()[0].lstrip("-") in known else None
        arguments = {parameter.make_metavar(click.Context(self)) for parameter in self._arguments()}
        named = [word for word in ("MODEL", "INPUT") if word in meant]
        return meant if all(any(word in argument for argument in arguments) for word in named) else None

    def setting(self, name: str) -> str | None:
        """The setting of that name in some part of the configuration, where the command has such; here: none."""
        del name
        return None

    def _options(self, ctx: click.Context) -> Iterator[str]:
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option):
                yield from (option for option in parameter.opts if option.startswith("--"))

    def _arguments(self) -> Iterator[click.Argument]:
        yield from (parameter for parameter in self.params if isinstance(parameter, click.Argument))


class GroupedCommand(Command):
    """A command whose help lists options under headings, in the order in which they are declared."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section for each heading."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                heading = getattr(parameter, "group", None) or "Other"
                sections.setdefault(heading, []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def tell_new_spelling(earlier: str, today: str) -> None:
    """Say on standard error how to write now what was written in the way of an earlier version."""
    say(f"Note: {earlier} is now {today}; the earlier spelling works in this version still", err=True)
