"""The command that resumes a run is one that a shell takes."""

import shlex
from pathlib import Path

import pytest

from i2i.training.records.run_result import resume_command


@pytest.mark.parametrize("folder", ["runs/1", "my run; rm -r x", "it's", "$HOME"])
def test_a_shell_finds_the_folder_again(folder):
    assert shlex.split(resume_command(Path(folder))) == ["i2i", "run", "--resume", folder]
