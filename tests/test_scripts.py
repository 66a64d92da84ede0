"""What a person types: ``scripts/i2i`` and what it sets up, tried on a small project with the real scripts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # it sets up virtual environments

ROOT = Path(__file__).parent.parent
BACKEND = '''
"""A build back end in one file, so that these tests need neither setuptools nor the network."""

import zipfile
from pathlib import Path


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "i2i-9.9-py3-none-any.whl"
    information = "i2i-9.9.dist-info/"
    files = {
        "i2i.pth": str(Path.cwd()),
        information + "METADATA": "Metadata-Version: 2.1\\nName: i2i\\nVersion: 9.9\\n",
        information + "WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        information + "entry_points.txt": "[console_scripts]\\ni2i = small:main\\n",
        information + "RECORD": "",
    }
    with zipfile.ZipFile(Path(wheel_directory, name), "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name
'''
MAIN = """
import os, sys

def main():
    print("i2i", *sys.argv[1:], "in", os.getcwd())
    return int(os.environ.get("ANSWER", "0"))
"""


def lay_out(folder: Path) -> Path:
    """A project with the real scripts and nothing to install but a package of one line."""
    folder.mkdir()
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    (folder / "requirements").mkdir()
    (folder / "requirements" / "run.txt").write_text("# nothing\n")
    (folder / "requirements" / "test.txt").write_text("-r run.txt\n")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "back"\nbackend-path = ["."]\n'
    )
    (folder / "back.py").write_text(BACKEND)
    (folder / "small.py").write_text(textwrap.dedent(MAIN))
    return folder


def call(
    project: Path, *arguments: str, script: str = "scripts/i2i", cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(project / script), *arguments],
        cwd=cwd,
        env={**os.environ, "I2I_PYTHON": sys.executable, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that is set up already; its path has a space in it."""
    project = lay_out(tmp_path_factory.mktemp("scripts") / "a project")
    first = call(project, "--help")
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("i2i --help in "), "standard output belongs to i2i alone"
    assert f"i2i set-up: making {project}/.venv with Python 3." in first.stderr
    assert "i2i set-up: installing requirements/run.txt" in first.stderr
    assert first.stderr.endswith("i2i set-up: done\n")
    return project


def test_a_second_call_is_quick_and_silent(project: Path) -> None:
    begin = time.monotonic()
    second = call(project, "run", "--generator", "resnet9", "two words")

    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout.startswith("i2i run --generator resnet9 two words in ")
    assert time.monotonic() - begin < 5  # a tenth of a second on an idle machine


def test_it_works_from_any_folder_and_through_a_link_and_stays_there(project: Path, tmp_path: Path) -> None:
    (tmp_path / "i2i").symlink_to(project / "scripts" / "i2i")

    through_link = subprocess.run([str(tmp_path / "i2i")], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert through_link.stdout == f"i2i in {tmp_path}\n"
    assert call(project, cwd=tmp_path).stdout == f"i2i in {tmp_path}\n"


def test_the_exit_code_is_that_of_i2i(project: Path) -> None:
    assert call(project, ANSWER="3").returncode == 3


def test_new_requirements_are_installed_once(project: Path) -> None:
    with (project / "requirements" / "run.txt").open("a") as requirements:
        requirements.write("# and nothing more\n")

    changed = call(project)
    after = call(project)

    assert "installing requirements/run.txt" in changed.stderr
    assert "making" not in changed.stderr, "the virtual environment itself is kept"
    assert after.stderr == ""


def test_requirements_that_cannot_be_had_leave_a_working_set_up_alone(project: Path) -> None:
    requirements = project / "requirements" / "run.txt"
    before = requirements.read_text()
    requirements.write_text("i2i-package-that-is-not-there==1\n")

    failed = call(project, PIP_NO_INDEX="1")
    requirements.write_text(before)
    again = call(project)

    assert failed.returncode == 1
    assert failed.stdout == ""
    assert "No matching distribution found for i2i-package-that-is-not-there==1" in failed.stderr
    assert failed.stderr.endswith("i2i set-up: pip could not install this; its message stands above\n")
    assert (again.returncode, again.stderr) == (0, "")


def test_the_test_set_up_serves_both(project: Path) -> None:
    tests = call(project, "test", script="scripts/setup")

    assert tests.returncode == 0, tests.stderr
    assert "installing requirements/test.txt" in tests.stderr
    assert tests.stdout == ""
    assert call(project, "test", script="scripts/setup").stderr == ""
    assert call(project).stderr == ""


def test_a_set_up_that_was_killed_is_made_anew_and_two_at_once_wait_for_each_other(tmp_path: Path) -> None:
    project = lay_out(tmp_path / "project")
    command = [str(project / "scripts" / "i2i")]
    environment = {**os.environ, "I2I_PYTHON": sys.executable}
    killed = subprocess.Popen(
        [str(project / "scripts" / "setup"), "run"], env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not (project / ".venv" / "bin").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(killed.pid, 9)
    killed.wait()
    assert (project / ".venv" / "i2i-unfinished").exists()

    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ended = [process.communicate(timeout=120) for process in both]

    assert [process.returncode for process in both] == [0, 0], ended
    said = "".join(error for _, error in ended)
    assert said.count("was cut short") == 1
    assert said.count("i2i set-up: waiting for another set-up to end") == 1
    assert said.count("i2i set-up: done") == 1
    assert not (project / ".venv" / "i2i-unfinished").exists()


def fake_python(folder: Path, answer: str) -> str:
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{answer}\nexec '{sys.executable}' \"$@\"\n")
    path.chmod(0o755)
    return str(path)


def test_a_python_that_is_missing_too_old_or_without_venv_is_named(tmp_path: Path) -> None:
    project = lay_out(tmp_path / "project")
    old = 'case "$*" in *version_info*) exit 1;; --version) echo Python 3.8.10; exit;; esac'

    missing = call(project, I2I_PYTHON="python-of-nowhere")
    too_old = call(project, I2I_PYTHON=fake_python(tmp_path, old))
    without_venv = call(project, I2I_PYTHON=fake_python(tmp_path, 'case "$*" in *ensurepip*) exit 1;; esac'))

    assert {missing.returncode, too_old.returncode, without_venv.returncode} == {1}
    assert "there is no 'python-of-nowhere'; install Python 3.10 or newer" in missing.stderr
    assert "is Python 3.8.10; i2i needs Python 3.10 or newer" in too_old.stderr
    assert "sudo apt install python3-venv" in without_venv.stderr
    assert not (project / ".venv").exists()


def pins(name: str) -> list[str]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    return [line for line in lines if not line.startswith(("#", "-r"))]


def test_requirements_are_exact_and_leave_the_build_of_torch_open() -> None:
    for line in [*pins("run.txt"), *pins("test.txt"), *pins("ci.txt")]:
        assert re.match(r"[a-z0-9._-]+==[0-9][0-9a-z.]*( ; .+)?$", line), line
        shows_machine_code = line.startswith(("nvidia-cuda-cuobjdump==", "nvidia-cuda-nvdisasm=="))
        assert shows_machine_code or not line.startswith(("nvidia-", "cuda-", "triton", "torchvision")), line
    assert any(line.startswith("torch==") for line in pins("run.txt"))


def test_requirements_pin_every_dependency_of_the_project() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    (needed,) = re.findall(r"^dependencies = \[(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    dev, bench, tiff = (
        re.findall(rf"^{extra} = \[(.*)\]$", text, re.MULTILINE)[0] for extra in ("dev", "bench", "tiff")
    )

    def names(listed: str) -> set[str]:
        return {name.lower() for name in re.findall(r'"([A-Za-z0-9._-]+)', listed)} - {"i2i"}  # its own extras

    run, test, ci = ({line.split("==")[0] for line in pins(f"{kind}.txt")} for kind in ("run", "test", "ci"))
    assert names(needed) <= run, "run scripts/pin"
    assert names(dev) <= run | test, "run scripts/pin"
    assert names(bench) | names(tiff) <= run | test | ci, "run scripts/pin"


def test_the_fast_tests_say_what_they_leave_out() -> None:
    told = subprocess.run([str(ROOT / "scripts/test"), "--help"], capture_output=True, text=True, check=True).stdout

    assert told.startswith("scripts/test [--fast] [pytest's arguments]: ")
    for left_out in ("types", "marked slow", "tests/cuda_on_host", "native tests", "plugins/", "examples"):
        assert left_out in told
    assert "workers" not in told, "no line of the script itself"
