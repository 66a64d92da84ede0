"""The front door: quick, light, and errors that are one message."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from i2i import errors
from i2i._version import __version__
from i2i.cli import main as main_module
from i2i.cli.main import COMMANDS, main


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["plugins", "list"]])
def test_no_torch_is_imported(arguments):
    code = f"""
import sys
from i2i.cli.main import main
try:
    main({arguments!r})
except SystemExit as end:
    assert end.code in (0, None), end.code
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_help_imports_no_command_and_without_plugins_no_hooks():
    code = """
import importlib.metadata, sys
importlib.metadata.entry_points = lambda **_: ()
from i2i.cli.main import main
try:
    main(["--help"])
except SystemExit:
    pass
commands = {f"i2i.cli.{name}_command" for name in ("run", "plugins", "doctor")}
heavy = {"rich", "numpy", "i2i.builtin.plugin", "i2i.plugins", *commands} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="processor time of children needs the resource module")
def test_help_takes_less_than_two_fifths_of_a_second():
    """Processor time, and the best of three: what else the machine does must not count."""
    import resource

    def seconds():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "i2i", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 0.4


def test_version():
    assert CliRunner().invoke(main, ["--version"]).output == f"i2i {__version__}\n"


def test_module_is_the_same_command():
    done = subprocess.run([sys.executable, "-m", "i2i", "--version"], capture_output=True, text=True)

    assert done.stdout == f"i2i {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_lists_every_command_with_its_summary(name):
    result = CliRunner().invoke(main, ["--help"])

    assert name in result.output
    assert COMMANDS[name][1] in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_loads_and_has_help(name):
    result = CliRunner().invoke(main, [name, "--help"])

    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: i2i {name}")


def test_unknown_command_names_the_nearest():
    result = CliRunner().invoke(main, ["rum"])

    assert result.exit_code == 2
    assert "there is no command 'rum'; did you mean 'run'?" in result.stderr


@pytest.fixture
def failing(monkeypatch):
    """A function that installs a command ``fail`` which raises the given exception."""

    def install(error):
        @click.command()
        def fail():
            raise error

        monkeypatch.setitem(main_module.COMMANDS, "fail", (f"{__name__}:fail", "Fail."))
        monkeypatch.setattr(sys.modules[__name__], "fail", fail, raising=False)

    return install


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [(errors.DataError("no images"), 1), (errors.ConfigError("no images"), 2), (errors.I2IError("no images"), 1)],
)
def test_known_error_is_one_message_with_its_exit_code(failing, error, exit_code):
    failing(error)
    result = CliRunner().invoke(main, ["fail"])

    assert result.exit_code == exit_code
    assert result.stderr == "Error: no images\n"
    assert result.stdout == ""


@pytest.mark.parametrize("message", ["x" * 100_000, "\n".join(["line"] * 5000)])
def test_no_error_prints_more_than_a_screen(failing, message):
    failing(errors.DataError(message))
    result = CliRunner().invoke(main, ["fail"])

    assert len(result.stderr) < 3000
    assert len(result.stderr.splitlines()) <= 51
    assert result.stderr.endswith("(cut; I2I_TRACEBACK=1 shows all of it)\n")


def test_traceback_on_demand(failing):
    failing(errors.DataError("no images"))
    result = CliRunner().invoke(main, ["fail"], env={"I2I_TRACEBACK": "1"})

    assert "Traceback (most recent call last)" in result.stderr
    assert result.stderr.endswith("Error: no images\n")


def test_keyboard_interrupt_exits_130(failing):
    failing(KeyboardInterrupt())
    result = CliRunner().invoke(main, ["fail"])

    assert result.exit_code == 130
    assert result.stderr == "Interrupted.\n"


def test_missing_torch_points_to_the_doctor(failing):
    failing(ModuleNotFoundError("No module named 'torch'", name="torch"))
    result = CliRunner().invoke(main, ["fail"])

    assert result.exit_code == 1
    assert "torch cannot be imported" in result.stderr
    assert "i2i doctor" in result.stderr


def test_unexpected_error_keeps_its_traceback(failing):
    failing(ZeroDivisionError("a bug"))

    assert isinstance(CliRunner().invoke(main, ["fail"]).exception, ZeroDivisionError)
