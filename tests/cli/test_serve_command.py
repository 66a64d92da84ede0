"""``i2i serve``: a real process, from its first line to Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys

import httpx2
import pytest
from click.testing import CliRunner

from i2i.cli.main import main
from i2i.serving import server

from ..helpers.images import write_noise
from ..helpers.trained import write_sample_run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The run folder of a tiny CycleGAN on the built-in sample."""
    return write_sample_run(tmp_path_factory.mktemp("model") / "a run")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_real_process(model, ending, tmp_path):
    picture = write_noise(tmp_path / "picture.png")
    process = subprocess.Popen(
        [sys.executable, "-m", "i2i", "serve", str(model), "--port", "0", "--device", "cpu", "--max-upload", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
    )
    try:
        line = process.stdout.readline()
        address = re.fullmatch(r"Open (http://127\.0\.0\.1:\d+) \(API: \1/docs\)\. Ctrl-C ends it\.\n", line)
        assert address, line + process.stderr.read()
        url = address[1]
        assert httpx2.get(f"{url}/info").json()["limits"]["max_bytes"] == 2**20
        answer = httpx2.post(f"{url}/translate", content=picture.read_bytes(), timeout=60)
        assert answer.status_code == 200, answer.text
        process.send_signal(ending)
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()

    assert (
        "flat to 3d, 3d to flat: resnet, step 1 (the latest, and the best by the held-out score) of a run, on cpu"
        in stderr
    )
    assert "Traceback" not in stderr
    if ending == signal.SIGINT:
        assert process.returncode == 0
        assert stderr.endswith("Stopped.\n")
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{url}/health")


def test_a_taken_port():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = CliRunner().invoke(main, ["serve", "nothing", "--port", str(port)])
    assert result.exit_code == 2
    assert f"Error: port {port} of 127.0.0.1 is taken by another program" in result.stderr


def test_what_is_no_model():
    result = CliRunner().invoke(main, ["serve", "nothing", "--port", "0"])
    assert result.exit_code == 1
    assert "Error: nothing is not a trained model" in result.stderr


def test_a_missing_extra(monkeypatch):
    monkeypatch.setattr(server, "NEEDED", ("fastapi", "no_such_server"))
    result = CliRunner().invoke(main, ["serve", "nothing"])
    assert result.exit_code == 2
    assert "i2i serve needs a package that is not usable: no_such_server cannot be imported" in result.stderr


@pytest.mark.parametrize(
    "words",
    [["--port", "70000"], ["--queue", "-1"], ["--timeout", "0"], ["--max-pixels", "0"], ["--max-connections", "1"]],
)
def test_limits_that_make_no_sense(words):
    result = CliRunner().invoke(main, ["serve", "nothing", *words])
    assert result.exit_code == 2
    assert "Invalid value for" in result.stderr


@pytest.mark.parametrize("option", ["--allowed-host", "--allow-host"])
def test_a_name_that_is_none_cannot_be_allowed(option):
    result = CliRunner().invoke(main, ["serve", "nothing", "--port", "0", option, "https://i2i.example.org"])
    assert result.exit_code == 2
    assert "Error: --allowed-host: NAME must be a host alone, such as i2i.example.org" in result.stderr
    assert "got 'https://i2i.example.org'" in result.stderr
