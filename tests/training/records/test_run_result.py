"""The command that resumes a run is one that a shell takes."""

import json
import shlex
from pathlib import Path

import pytest

from i2i.training.records.run_result import resume_command


@pytest.mark.parametrize("folder", ["runs/1", "my run; rm -r x", "it's", "$HOME"])
def test_a_shell_finds_the_folder_again(folder):
    assert shlex.split(resume_command(Path(folder))) == ["i2i", "run", "--resume", folder]


def test_it_gives_each_plugin_file_of_the_run_once(tmp_path):
    files = [{"kind": "loss", "name": "a", "package": "a.py", "version": "sha256:01", "file": "/x/it's a.py"}] * 2
    package = {"kind": "loss", "name": "b", "package": "i2i-b", "version": "1"}
    (tmp_path / "components.json").write_text(json.dumps([*files, package]))

    words = shlex.split(resume_command(tmp_path))
    assert words == ["i2i", "--plugin", "/x/it's a.py", "run", "--resume", str(tmp_path)]
