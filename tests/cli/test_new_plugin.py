"""``i2i plugins new`` writes packages that install, pass their own tests and survive a linter."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from i2i.cli.main import main
from i2i.cli.new_plugin import write_plugin
from i2i.environment.packages import distribution
from i2i.errors import ConfigError
from i2i.plugins.specs import SPECS
from i2i.testing.declared_imports import imports_of

from ..helpers.forking import PYTORCH, run_forked

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it

MADE = [*((kind, f"my-{kind}", "pixel") for kind in SPECS), ("loss", "soft", "adversarial")]


BUILD = """
import os, sys
from setuptools import build_meta

wheels, *folders = sys.argv[1:]
for folder in folders:
    os.chdir(folder)
    build_meta.build_wheel(wheels)
"""
"""What pip does for each folder, in three processes of its own: it is let do so for one of them."""


def new(*arguments):
    return CliRunner().invoke(main, ["plugins", "new", *map(str, arguments)])


@pytest.mark.parametrize(("kind", "name", "family"), MADE)
def test_package_is_complete_python(tmp_path, kind, name, family):
    files = write_plugin(kind, name, tmp_path / "package", family)
    names = {str(path.relative_to(tmp_path / "package")) for path in files}
    module = f"i2i_{name.replace('-', '_')}"

    assert {"README.md", "LICENSE", "pyproject.toml", f"src/{module}/plugin.py", f"src/{module}/{kind}.py"} <= names
    for path in files:
        text = path.read_text()
        assert "{{" not in text
        assert "{%" not in text
        assert not any(line != line.rstrip() for line in text.splitlines())
        if path.suffix == ".py":
            compile(text, str(path), "exec")


@pytest.mark.parametrize(("kind", "name", "family"), MADE)
def test_package_declares_what_it_imports_and_its_tests_no_more(tmp_path, monkeypatch, kind, name, family):
    write_plugin(kind, name, tmp_path, family)
    module = f"i2i_{name.replace('-', '_')}"
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    monkeypatch.syspath_prepend(str(tmp_path / "tests"))
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    declared = {re.match(r"[\w.-]+", line)[0].lower() for line in project["dependencies"]}
    assert project["license"] == "MIT"

    def packages(imported):
        return {distribution(name) for name in imported}

    assert packages(imports_of(module)) | {"i2i"} == declared
    assert packages(imports_of(f"test_{name.replace('-', '_')}")) <= declared | {"pytest", module}


@pytest.mark.skipif(shutil.which("ruff", path=os.path.dirname(sys.executable)) is None, reason="ruff is not installed")  # noqa: PTH120
@pytest.mark.parametrize(("kind", "name", "family"), MADE)
def test_package_is_clean(tmp_path, kind, name, family):
    write_plugin(kind, name, tmp_path, family)
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check", "--no-cache", "--select", "E,F,W,I,UP,B,RUF,SIM"], ["format", "--no-cache", "--diff"]):
        done = subprocess.run([*ruff, *command, "."], cwd=tmp_path, capture_output=True, text=True)

        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_packages_install_pass_their_tests_and_their_checks(tmp_path):
    folders = []
    for kind, name, family in MADE:
        folders.append(tmp_path / f"i2i-{name}")
        write_plugin(kind, name, folders[-1], family)
    site, wheels = tmp_path / "site", tmp_path / "wheels"
    wheels.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    install = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(site)]
    tests = ["pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "--import-mode=importlib"]
    build = [sys.executable, "-c", BUILD, *map(str, [wheels, *folders[1:]])]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert len(list(wheels.glob("*.whl"))) == len(folders) - 1
    command = [sys.executable, "-m", *install, str(folders[0]), *map(str, wheels.glob("*.whl"))]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    for words in (
        [*tests, *(str(folder / "tests") for folder in folders)],
        ["i2i", "plugins", "check", "i2i-my-generator"],
        ["i2i", "plugins", "check", "my-dataset"],
    ):
        done = run_forked(["-m", *words], modules=PYTORCH, cwd=tmp_path, env=environment)

        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"


def test_files_and_next_steps_are_printed(tmp_path):
    result = new("loss", "soft-edge", "--out", tmp_path / "here")

    assert result.exit_code == 0, result.output
    assert f"wrote {tmp_path / 'here' / 'src' / 'i2i_soft_edge' / 'loss.py'}" in result.stdout
    assert "i2i plugins check soft-edge" in result.stdout
    assert "class SoftEdgeLoss" in (tmp_path / "here/src/i2i_soft_edge/loss.py").read_text()


def test_folder_that_is_not_empty_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    result = new("loss", "soft", "--out", tmp_path)

    assert result.exit_code == 2
    assert "must be empty or not there yet" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_force_writes_over_its_own_files_and_leaves_the_others(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    (tmp_path / "README.md").write_text("replaced")

    result = new("loss", "soft", "--out", tmp_path, "--force")

    assert result.exit_code == 0, result.output
    assert (tmp_path / "mine.txt").read_text() == "precious"
    assert "i2i-soft" in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize("name", ["Soft", "soft edge", "2soft", "soft--edge", "-soft", "söft", "", "lambda", "a" * 41])
def test_name_that_is_not_allowed_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="NAME must be lower-case"):
        write_plugin("loss", name, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_refusal_suggests_a_name(tmp_path):
    with pytest.raises(ConfigError, match="for example 'soft-edge'"):
        write_plugin("loss", "Soft_Edge", tmp_path / "out")


@given(st.text(max_size=50))
def test_suggested_names_are_allowed(tmp_path_factory, name):
    try:
        write_plugin("buffer", name, tmp_path_factory.mktemp("new"))
    except ConfigError as error:
        _, found, suggestion = str(error).partition("for example ")
        if found:
            write_plugin("buffer", suggestion.strip("'"), tmp_path_factory.mktemp("new"))


@pytest.mark.parametrize(("kind", "name"), [("generator", "resnet9"), ("command", "run")])
def test_name_that_is_taken_is_refused(tmp_path, kind, name):
    result = new(kind, name, "--out", tmp_path / "out")

    assert result.exit_code == 2
    assert f"there is already a {kind} called {name!r}, in i2i" in result.stderr


def test_family_is_for_losses(tmp_path):
    assert new("buffer", "pool", "--family", "pixel", "--out", tmp_path / "out").exit_code == 2
