"""The page on a plugin in one file: its file keeps the contract, and its commands run."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from i2i.cli.main import main

PAGE = (Path(__file__).parents[2] / "docs" / "one-file-plugin.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r'^```\w+ title="(.+?)"\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL))
(BLOCK,) = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
QUICK = {
    "generator.name": "resnet",
    "generator.blocks": 1,
    "generator.base_channels": 4,
    "discriminator.base_channels": 4,
    "training.sample_images": 1,
    "training.evaluation_images": 1,
    "data.image_size": 64,
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the file of the page, which is the current one."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("command", [line for line in BLOCK.splitlines() if " run " not in line])
def test_each_command_runs(folder, command):
    result = CliRunner().invoke(main, shlex.split(command)[1:])

    assert result.exit_code == 0, result.output
    assert "slope" in result.output


def test_the_run_trains_records_the_file_and_says_how_to_resume(folder):
    (command,) = (line for line in BLOCK.splitlines() if " run " in line)
    short = command.replace("--steps 200", "--steps 1")
    settings = [f"--set={name}={value}" for name, value in QUICK.items()]
    result = CliRunner().invoke(main, [*shlex.split(short)[1:], "--out", "run", *settings])

    assert result.exit_code == 0, result.output
    assert f"i2i --plugin {folder / 'slope.py'} run --resume run" in result.output
    assert str(folder / "slope.py") in [
        entry.get("file") for entry in json.loads(Path("run/components.json").read_text())
    ]

    missing = CliRunner().invoke(main, ["run", "--resume", "run", "--steps", "2"])
    told = re.search(r"^Error: .*?(?=^```)", PAGE, re.MULTILINE | re.DOTALL)[0].splitlines()
    for shown, line in zip(told, missing.output.splitlines(), strict=True):
        shown = shown.replace("runs/NAME", "run").replace("/plugins/mine/slope.py", str(folder / "slope.py"))
        parts = map(re.escape, shown.split("..."))
        assert re.fullmatch(".*".join(parts), line), (shown, line)
