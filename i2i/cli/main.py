"""The command ``i2i``: commands that load when they are called, and errors that are one message.

Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 130 interrupted (Ctrl-C, SIGTERM). ``I2I_TRACEBACK=1`` shows
the traceback behind an error message. Imports no torch: ``i2i --help`` stays quick.
"""

from __future__ import annotations

import importlib
import os
import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from i2i._version import __version__
from i2i.cli.commands import CONTEXT_SETTINGS
from i2i.cli.output import PLUGIN_FILES, plugin_files, plugin_manager, say
from i2i.errors import I2IError, PluginError, cut, did_you_mean, printable, reason_of

COMMANDS = {
    "run": ("i2i.cli.run_command:run", "Train a translator."),
    "data": ("i2i.cli.data_command:data", "Look at data before training."),
    "translate": ("i2i.cli.translate_command:translate", "Translate images with a trained translator."),
    "serve": ("i2i.cli.serve_command:serve", "Try a trained translator in a browser, and over HTTP."),
    "convert": ("i2i.cli.convert_command:convert", "Take over generators of pytorch-CycleGAN-and-pix2pix."),
    "evaluate": ("i2i.cli.evaluate_command:evaluate", "Measure a trained translator."),
    "compare": ("i2i.cli.compare_command:compare", "Compare trained translators, side by side."),
    "export": ("i2i.cli.export_command:export", "Write a trained translator as one file that runs without i2i."),
    "bench": ("i2i.cli.bench_command:bench", "Check the fused kernels, then time them beside PyTorch."),
    "plugins": ("i2i.cli.plugins_command:plugins", "List, show, make and check plugins."),
    "doctor": ("i2i.cli.doctor_command:doctor", "Say what this installation can do, and what is missing."),
}
"""Each command: where it is, and the line that ``i2i --help`` shows without importing it."""

ADDED_COMMAND = "i2i.added_command"
"""Where click's context says which plugin's command was called."""
TRACEBACK_VARIABLE = "I2I_TRACEBACK"
INTERRUPTED = 130
MOST_LINES = 50
LONGEST_PRINTED_LINE = 2000
"""Lines, and characters of one, that are printed of a message: strangers' files may make it long."""


class LazyGroup(click.Group):
    """A group that imports a command when it is called and turns every :class:`I2IError` into one message."""

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """Read the options before the command's name."""
        try:
            return super().make_context(*args, **more)
        except click.ClickException as error:
            _make_safe_to_show(error)
            raise
        except I2IError as error:  # of a plugin file, whose commands are in the help
            raise click.exceptions.Exit(_tell(error)) from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of use, and then those of plugins."""
        return [*COMMANDS, *_added_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return _build_added(ctx, cmd_name) if cmd_name in _added_commands(ctx) else None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command for one that does not exist."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            known = self.list_commands(ctx)
            if name not in known:
                ctx.fail(f"there is no command {name!r}{did_you_mean(name, known)} (commands: {', '.join(known)})")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any; those of plugins under a heading of their own."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])
        if added := _added_commands(ctx):
            with formatter.section("Commands of plugins"):
                formatter.write_dl(list(added.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; print an :class:`I2IError` as one message and exit with its code."""
        try:
            with _terminated_as_interrupted(), _told_whose_it_is(ctx):
                return super().invoke(ctx)
        except I2IError as error:
            ctx.exit(_tell(error))
        except OSError as error:  # a name that is too long, a folder that may not be entered, a disk that is gone
            if error.filename is None or os.environ.get(TRACEBACK_VARIABLE):
                raise
            say(f"Error: {printable(str(error.filename))}: {error.strerror}", err=True)
            ctx.exit(1)
        except click.ClickException as error:
            _make_safe_to_show(error)
            raise
        except ImportError as error:
            from i2i.environment import packages

            name = packages.distribution(error.name or "")
            if name not in (*packages.required(), *packages.optional()) or os.environ.get(TRACEBACK_VARIABLE):
                raise
            reason = reason_of(error)
            say(f"Error: {name} cannot be imported ({reason}); i2i doctor says what is missing", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            say("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)


def _added_commands(ctx: click.Context) -> dict[str, str]:
    """The commands of plugins by name, with their summaries; where there is no plugin, nothing is loaded to say so."""
    from i2i.environment.packages import plugin_entry_points

    if ctx.obj is None:
        if not plugin_files() and not plugin_entry_points():
            return {}
        ctx.obj = plugin_manager(builtin=False)
    return {component.spec.name: component.spec.summary for component in ctx.obj.components("command")}


def _build_added(ctx: click.Context, name: str) -> click.Command:
    """The command of a plugin, which is loaded for it; ``ctx.obj`` is the manager that it is handed."""
    from i2i.plugins.calls import calling

    ctx.obj = plugin_manager(warn=False)
    component = ctx.obj.find("command", name)
    with calling(component.called, f"loading command {name}"):
        command = component.spec.build(component.spec.options())
    if not isinstance(command, click.Command):
        raise PluginError(f"{component.called}: build must return a click.Command; got {type(command).__name__}")
    ctx.meta[ADDED_COMMAND] = component.called
    return command


@contextmanager
def _told_whose_it_is(ctx: click.Context) -> Iterator[None]:
    """Turn what a plugin's command raises into a message that names it; what click and i2i raise stays."""
    try:
        yield
    except (I2IError, click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:
        if (called := ctx.meta.get(ADDED_COMMAND)) is None:
            raise
        from i2i.plugins.calls import explain

        raise explain(error, called, f"i2i {called.name}") from error


def _tell(error: I2IError) -> int:
    """Print an error as one message, and return what to exit with."""
    if os.environ.get(TRACEBACK_VARIABLE):
        traceback.print_exception(error)
    say(f"Error: {_on_a_screen(str(error))}", err=True, lines=True)
    return error.exit_code


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, so that nothing half-written is left; a command may handle it itself.

    Where the signal is handled or ignored already, or this is not the main thread, it stays as it is.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _on_a_screen(message: str) -> str:
    """The message, with its end left out where it is longer than a screen, and a line that says so."""
    lines = message.splitlines()
    kept = [cut(line, LONGEST_PRINTED_LINE) for line in lines[:MOST_LINES]]
    if kept == lines:
        return message
    return "\n".join([*kept, f"(cut; {TRACEBACK_VARIABLE}=1 shows all of it)"])


def _make_safe_to_show(error: click.ClickException) -> None:
    """Escape what was typed, which click's messages repeat."""
    vars(error).update(message=printable(error.message, lines=True))


def _keep_files(context: click.Context, _parameter: click.Parameter, files: tuple[Path, ...]) -> None:
    context.meta[PLUGIN_FILES] = files


@click.group(
    name="i2i",
    cls=LazyGroup,
    context_settings=CONTEXT_SETTINGS,
    epilog=f"Exit codes: 0 done, 1 failed, 2 wrong usage, {INTERRUPTED} interrupted. "
    f"{TRACEBACK_VARIABLE}=1 shows the traceback behind an error message.",
)
@click.option(
    "--plugin",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    multiple=True,
    is_eager=True,  # its commands are in the help
    expose_value=False,
    callback=_keep_files,
    help="Take the components of this Python file as well, which is no package; repeat for several.",
)
@click.version_option(__version__, package_name="i2i", prog_name="i2i", message="%(prog)s %(version)s")
def main() -> None:
    """Image-to-image translation with CycleGAN and pix2pix, made of plugins.

    Start with: i2i run --generator resnet9 --loss lsgan
    """
