"""Commands of plugins: in the help, loaded when they are called, and told apart from i2i's own when they fail."""

import os
import re
import subprocess
import sys
import textwrap
from importlib.metadata import entry_points

import click
import pytest
from click.testing import CliRunner

from i2i.cli.main import main
from i2i.plugins.manager import PluginManager

HOOK = """
    import click
    from i2i.plugins import CommandSpec, hookimpl

    {imports}

    @click.command()
    @click.option("--times", default=1, help="How often.")
    @click.pass_obj
    def bark(manager, times):
        "Bark."
        {body}

    def build(options):
        {build}

    @hookimpl
    def i2i_commands():
        return [CommandSpec(name="{name}", summary="Barks like a tree.", build=build)]
"""


@pytest.fixture
def file(tmp_path):
    def write(body='click.echo("woof " * times)', name="bark", build="return bark", imports=""):
        path = tmp_path / "trees.py"
        path.write_text(textwrap.dedent(HOOK).format(body=body, name=name, build=build, imports=imports))
        return str(path)

    return write


def call(path, *words):
    return CliRunner().invoke(main, ["--plugin", path, *words])


def test_it_is_in_the_help_without_being_built(file):
    shown = call(file(build="1 / 0"), "--help")
    assert shown.exit_code == 0, shown.output
    assert "Commands of plugins:\n" in shown.output
    assert re.search("bark +Barks like a tree", shown.output)
    assert "bark" not in CliRunner().invoke(main, ["--help"]).output


def test_it_runs_with_its_own_options_and_the_plugins(file):
    assert call(file(), "bark", "--times", "2").output == "woof woof \n"
    assert "Usage: i2i bark [OPTIONS]" in call(file(), "bark", "--help").output
    assert call(file(), "bark", "--tims", "2").exit_code == 2
    told = call(file('click.echo(manager.find("command", "bark").plugin.file)'), "bark")
    assert told.output.strip().endswith("trees.py")


def test_one_that_is_mistyped_is_answered_with_the_nearest(file):
    result = call(file(), "brak")
    assert result.exit_code == 2
    assert "there is no command 'brak'; did you mean 'bark'?" in result.output


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("1 / 0", 1, r"Error: i2i bark failed: command 'bark' of file trees.py (sha256:"),
        ("raise click.UsageError('no tree')", 2, "Error: no tree"),
        ("raise click.exceptions.Exit(7)", 7, ""),
        ("raise KeyboardInterrupt", 130, "Interrupted."),
        ("raise I2IError('rotten')", 1, "Error: rotten"),
    ],
)
def test_what_it_raises_names_the_file_or_package_it_is_of(file, body, code, said):
    result = call(file(body, imports="from i2i.errors import I2IError"), "bark")
    assert result.exit_code == code, result.output
    assert said in result.stderr


def test_one_that_cannot_be_built_is_named(file):
    assert "loading command bark failed: command 'bark' of file trees.py" in call(file(build="1 / 0"), "bark").stderr
    assert "build must return a click.Command; got int" in call(file(build="return 3"), "bark").stderr


def test_one_with_the_name_of_a_command_of_i2i_is_refused(file):
    result = call(file(name="run"), "--help")
    assert result.exit_code == 1
    assert "CommandSpec 'run': i2i has a command of this name" in result.stderr


def test_one_of_a_package_is_found_like_others(install):
    source = textwrap.dedent(HOOK).format(body="click.echo('woof')", name="bark", build="return bark", imports="")
    install("i2i-trees", source)

    assert CliRunner().invoke(main, ["bark"]).output == "woof\n"
    assert re.search("bark +Barks like a tree", CliRunner().invoke(main, ["--help"]).output)
    assert "Its options: i2i bark --help" in CliRunner().invoke(main, ["plugins", "show", "command", "bark"]).output
    assert isinstance(PluginManager({}).find("command", "bark").spec.build(None), click.Command)


def test_the_help_loads_none_of_i2is_own_components(file):
    code = f"""
import sys
from i2i.cli.main import main
try:
    main(["--plugin", {file()!r}, "--help"])
except SystemExit:
    pass
heavy = {{"torch", "numpy", "i2i.builtin.plugin"}} & set(sys.modules)
assert not heavy, heavy
"""
    environment = {**os.environ, "I2I_DISABLE_PLUGINS": ",".join(entry.name for entry in entry_points(group="i2i"))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)

    assert done.returncode == 0, done.stderr
    assert "Barks like a tree" in done.stdout
