"""One process is one process unless a launcher started several, and said where they meet."""

import os
import socket

import pytest

from i2i.environment.launchers import ignored_settings, launched, require_possible, shown_to_accelerate, wants_cpu
from i2i.errors import ConfigError

from ..helpers.forking import PYTORCH, run_forked
from ..helpers.running import UNPAIRED

MEET = {"MASTER_ADDR": "node1", "MASTER_PORT": "29500"}
OPEN_MPI = {
    "OMPI_COMM_WORLD_RANK": "3",
    "OMPI_COMM_WORLD_SIZE": "4",
    "OMPI_COMM_WORLD_LOCAL_RANK": "1",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}, (1, 2, 1, 2)),
        ({"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}, (5, 8, 1, 0)),
        ({"RANK": "1", "WORLD_SIZE": "2"}, (1, 2, 1, 0)),
        (OPEN_MPI, (3, 4, 1, 2)),
        ({"PMI_RANK": "0", "PMI_SIZE": "2", "MPI_LOCALRANKID": "0", "MPI_LOCALNRANKS": "2"}, (0, 2, 0, 2)),
        ({"MV2_COMM_WORLD_RANK": "1", "MV2_COMM_WORLD_SIZE": "2", "MV2_COMM_WORLD_LOCAL_RANK": "0"}, (1, 2, 0, 0)),
        ({**OPEN_MPI, "RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}, (0, 2, 0, 0)),
    ],
)
def test_a_launcher_that_says_where_to_meet_starts_several(environ, expected):
    found = launched({**environ, **MEET})
    assert (found.rank, found.size, found.local_rank, found.local_size) == expected
    assert (found.several, found.place, found.notes) == (True, "node1:29500", ())


@pytest.mark.parametrize(
    ("environ", "note"),
    [
        ({}, None),
        ({"WORLD_SIZE": "", "RANK": " ", "PMI_SIZE": ""}, None),
        ({"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0", **MEET}, None),
        ({"OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0"}, None),
        ({"LOCAL_RANK": "0"}, None),
        ({"SLURM_NTASKS": "4", "SLURM_NPROCS": "4"}, None),
        (MEET, None),
        ({"RANK": "1"}, "RANK=1 in the environment has no effect: no WORLD_SIZE"),
        ({"RANK": "1", "WORLD_SIZE": "1"}, "RANK=1 in the environment has no effect"),
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE=2 in the environment has no effect: no RANK"),
        (
            {"WORLD_SIZE": "two", "RANK": "0", **MEET},
            "WORLD_SIZE=two in the environment has no effect: it is not a number",
        ),
        ({"RANK": "-1", "WORLD_SIZE": "2", **MEET}, "RANK=-1 in the environment has no effect: it is not a number"),
        ({"RANK": "0", "WORLD_SIZE": "2"}, "torchrun says process 0 of 2 (WORLD_SIZE=2), without MASTER_ADDR and"),
        ({"RANK": "0", "WORLD_SIZE": "2", **MEET, "MASTER_PORT": "http"}, "without a port in MASTER_PORT"),
        (
            {"PMI_SIZE": "2", "PMI_RANK": "1"},
            "MPI says process 1 of 2 (PMI_SIZE=2), without MASTER_ADDR and MASTER_PORT",
        ),
        (OPEN_MPI, "Open MPI says process 3 of 4 (OMPI_COMM_WORLD_SIZE=4)"),
        ({"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "4"}, "Slurm says process 1 of 4 (SLURM_STEP_NUM_TASKS=4)"),
    ],
)
def test_otherwise_one_process_is_one_process(environ, note):
    found = launched(environ)
    assert (found.rank, found.size, found.several) == (0, 1, False)
    assert len(found.notes) == (note is not None)
    assert note is None or note in found.notes[0]


def test_a_rank_beyond_the_size_is_refused():
    with pytest.raises(ConfigError, match="RANK must be below WORLD_SIZE; the launcher says rank 2 of 2"):
        require_possible(launched({"RANK": "2", "WORLD_SIZE": "2", **MEET}), {})


@pytest.mark.parametrize(
    ("environ", "note"),
    [
        ({}, None),
        ({"ACCELERATE_MIXED_PRECISION": "no", "ACCELERATE_DYNAMO_BACKEND": "NO", "ACCELERATE_USE_CPU": "False"}, None),
        ({"ACCELERATE_MIXED_PRECISION": "bf16"}, "--mixed_precision bf16 has no effect .* fp32: --precision bf16"),
        ({"ACCELERATE_MIXED_PRECISION": "fp16"}, "--mixed_precision fp16 has no effect .* --precision fp32 or bf16"),
        ({"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4"}, "_steps 4 has no effect .* 2 batches a step: --accumulate N"),
        ({"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "2"}, None),
        ({"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "auto"}, "_steps auto has no effect"),
        ({"ACCELERATE_DYNAMO_BACKEND": "INDUCTOR"}, "--dynamo_backend inductor has no effect"),
        ({"ACCELERATE_TORCH_DEVICE": "cuda:1"}, "ACCELERATE_TORCH_DEVICE=cuda:1 has no effect .* --device is auto"),
    ],
)
def test_what_a_launcher_sets_and_a_run_does_not_take_over_is_named(environ, note):
    import re

    notes = ignored_settings("fp32", 2, "auto", environ)
    assert len(notes) == (note is not None)
    assert note is None or re.search(note, notes[0])
    assert ignored_settings("bf16", 1, "auto", {"ACCELERATE_MIXED_PRECISION": "bf16"}) == []


def test_the_cpu_of_a_launcher_counts_until_a_device_is_named():
    environ = {"ACCELERATE_USE_CPU": "True"}
    assert wants_cpu(environ)
    assert not wants_cpu({"ACCELERATE_USE_CPU": "False"})
    assert ignored_settings("fp32", 1, "auto", environ) == []
    assert "--cpu has no effect on a run of i2i with --device cuda" in ignored_settings("fp32", 1, "cuda", environ)[0]


def test_accelerate_sees_what_was_found_and_the_environment_comes_back(monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "fp8")
    monkeypatch.setenv("RANK", "7")
    monkeypatch.delenv("GLOO_SOCKET_IFNAME", raising=False)
    before = dict(os.environ)
    with shown_to_accelerate(launched({})):
        assert not {"PMI_SIZE", "RANK", "WORLD_SIZE", "LOCAL_RANK", "ACCELERATE_MIXED_PRECISION"} & set(os.environ)
    assert dict(os.environ) == before
    with shown_to_accelerate(launched({**OPEN_MPI, **MEET})):
        seen = [os.environ[name] for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")]
        assert seen == ["3", "4", "1", "2"]
        assert "GLOO_SOCKET_IFNAME" not in os.environ, "of two machines"
    assert dict(os.environ) == before


def test_an_empty_rank_does_not_end_a_measurement():
    """torchmetrics reads LOCAL_RANK while it is imported."""
    code = "import i2i; i2i.evaluate('nosuch')"
    done = run_forked(["-c", code], modules=PYTORCH, env={**os.environ, "LOCAL_RANK": ""})
    assert "CheckpointError: nosuch is not a trained model" in done.stderr, done.stderr


def test_processes_of_one_machine_meet_without_a_name_service(monkeypatch):
    monkeypatch.delenv("GLOO_SOCKET_IFNAME", raising=False)
    names = [name for _, name in socket.if_nameindex()]
    found = launched({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2", **MEET})
    with shown_to_accelerate(found):
        assert os.environ.get("GLOO_SOCKET_IFNAME") == next((name for name in ("lo", "lo0") if name in names), None)
    assert "GLOO_SOCKET_IFNAME" not in os.environ
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "eth7")
    with shown_to_accelerate(found):
        assert os.environ["GLOO_SOCKET_IFNAME"] == "eth7", "a person's choice counts"
    assert os.environ["GLOO_SOCKET_IFNAME"] == "eth7"


def test_a_run_with_the_variables_of_others_trains_and_says_so(images, tmp_path):
    settings = [f"--set={name}={str(value).lower()}" for name, value in UNPAIRED.items()]
    words = ["run", f"--data={images}", f"--out={tmp_path / 'run'}", "--device=cpu", "--steps=1", *settings]
    leftovers = {
        "RANK": "one",
        "WORLD_SIZE": "",
        "PMI_SIZE": "2",
        "PMI_RANK": "0",
        "LOCAL_RANK": "",
        "ACCELERATE_MIXED_PRECISION": "bf16",
    }
    done = run_forked(["-m", "i2i", *words], modules=PYTORCH, env={**os.environ, **leftovers})
    assert done.returncode == 0, done.stderr
    assert f"run folder: {tmp_path / 'run'} (step 1)" in done.stdout
    for part in ("RANK=one in the environment", "MPI says process 0 of 2", "--precision bf16 trains in bf16"):
        assert part in done.stderr
