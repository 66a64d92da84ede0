"""The process with the model: it is ended when it hangs, and comes back when it died."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from i2i.errors import CheckpointError, I2IError
from i2i.serving.messages import ModelOptions, Refusal, Translation, TranslationJob
from i2i.serving.worker import Worker

from .serving import MODEL

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

STUB = f"""
import os, pathlib, time
from i2i.errors import CheckpointError
from i2i.serving.messages import ModelInfo, Translation

def main(connection, model):
    if not pathlib.Path(model.model).exists():
        connection.send(CheckpointError("there is no such model"))
        return
    connection.send(ModelInfo.model_validate({MODEL.model_dump()!r}))
    while True:
        job = connection.recv()
        if job.content == b"hang":
            time.sleep(1000)
        if job.content == b"die":
            os._exit(3)
        connection.send(Translation(job.content))

def die_at_once(connection, model):
    os._exit(7)
"""
"""Translates nothing, and does what the job says."""


@pytest.fixture
def stub(tmp_path, monkeypatch):
    (tmp_path / "stub_translator.py").write_text(STUB)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "stub_translator", raising=False)
    return importlib.import_module("stub_translator")


@pytest.fixture
def worker(stub, tmp_path):
    (tmp_path / "model").touch()
    worker = Worker(ModelOptions(tmp_path / "model", {}), stub.main)
    assert worker.start() == MODEL
    yield worker
    worker.stop()


def job(content=b"picture"):
    return TranslationJob(content, "AtoB", "PNG", 100_000)


def is_running(process_id):
    status = Path(f"/proc/{process_id}/stat")
    if status.exists():
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return sys.platform != "linux"


def test_a_model_that_cannot_be_loaded_raises_what_load_raised(stub, tmp_path):
    worker = Worker(ModelOptions(tmp_path / "nothing", {}), stub.main)
    with pytest.raises(CheckpointError, match="there is no such model"):
        worker.start()
    assert worker.process_id is None


def test_a_process_that_dies_while_it_loads_is_an_error(stub, tmp_path):
    with pytest.raises(I2IError, match="ended with exit code 7 before it was ready"):
        Worker(ModelOptions(tmp_path, {}), stub.die_at_once).start()


def test_large_jobs_pass(worker):
    content = os.urandom(5_000_000)
    assert worker.translate(job(content), 60) == Translation(content)


def test_a_job_that_takes_too_long_is_ended_and_the_next_is_done(worker):
    before = worker.process_id
    begin = time.monotonic()
    answer = worker.translate(job(b"hang"), 0.5)

    assert answer == Refusal(504, "the translation took longer than 0.5 s; send a smaller image")
    assert time.monotonic() - begin < 10
    assert not is_running(before)
    assert worker.translate(job(), 0.5) == Translation(b"picture"), "starting again is not its own time"
    assert worker.process_id != before


def test_a_crash_costs_one_answer(worker):
    answer = worker.translate(job(b"die"), 60)
    assert isinstance(answer, Refusal)
    assert answer.status == 500
    assert "exit code 3" in answer.reason
    assert worker.translate(job(), 60) == Translation(b"picture")


def test_a_crash_between_two_jobs_costs_none(worker):
    os.kill(worker.process_id, signal.SIGKILL)
    time.sleep(0.3)
    assert worker.translate(job(), 60) == Translation(b"picture")


def test_a_model_that_went_missing_is_a_refusal_until_it_is_back(worker, tmp_path, caplog):
    (tmp_path / "model").rename(tmp_path / "elsewhere")
    worker.translate(job(b"die"), 60)
    answer = worker.translate(job(), 60)
    assert isinstance(answer, Refusal)
    assert answer.status == 503
    assert "there is no such model" in caplog.text

    (tmp_path / "elsewhere").rename(tmp_path / "model")
    assert worker.translate(job(), 60) == Translation(b"picture")


def test_stopping_ends_a_running_job_and_no_other_is_begun(worker):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(worker.translate(job(b"hang"), 60)))
    thread.start()
    time.sleep(0.3)
    worker.stop()
    thread.join(20)

    assert answers == [Refusal(503, "the server is shutting down")]
    assert worker.process_id is None
    assert worker.translate(job(), 60) == answers[0]


def test_the_process_ends_when_the_server_is_killed(stub, tmp_path):
    (tmp_path / "server.py").write_text(
        "import time, stub_translator\n"
        "from i2i.serving.messages import ModelOptions\n"
        "from i2i.serving.worker import Worker\n"
        "if __name__ == '__main__':\n"
        "    worker = Worker(ModelOptions('.', {}), stub_translator.main)\n"
        "    worker.start()\n"
        "    print(worker.process_id, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "server.py"], cwd=tmp_path, stdout=subprocess.PIPE) as server:
        process_id = int(server.stdout.readline())
        server.kill()
    until = time.monotonic() + 20
    while is_running(process_id):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_server_itself_needs_no_torch():
    code = "import sys, i2i.serving, i2i.serving.app, i2i.cli.serve_command; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
