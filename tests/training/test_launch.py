import socket
from datetime import timedelta

import pytest
import torch

from i2i.config.run_config import TrainingOptions
from i2i.errors import ConfigError
from i2i.training import launch
from i2i.training.accelerate_private import forget_device_and_precision
from i2i.training.launch import Launch


@pytest.mark.parametrize("name", ["FSDP", "DEEPSPEED", "MEGATRON_LM", "PARALLELISM_CONFIG"])
def test_a_launcher_that_splits_networks_is_refused(monkeypatch, name):
    monkeypatch.setenv(f"ACCELERATE_USE_{name}", "true")
    with pytest.raises(ConfigError, match=rf"accelerate launch --use_{name.lower()} .*trains whole networks"):
        Launch(TrainingOptions(device="cpu"), progress=False)


def test_processes_that_do_not_meet_say_where_they_waited(monkeypatch):
    """The first of two processes that a launcher promised; the other one never comes."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    started = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    for name, value in started.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(launch, "RENDEZVOUS_TIMEOUT", timedelta(seconds=1))
    try:
        with pytest.raises(
            ConfigError, match=rf"process 0 of 2 did not meet the others at 127\.0\.0\.1:{port} .*torchrun"
        ):
            Launch(TrainingOptions(device="cpu"), progress=False)
    finally:
        forget_device_and_precision()


def test_a_launcher_for_the_cpu_is_obeyed_unless_a_device_is_named(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")
    monkeypatch.setattr(launch, "check_device", lambda name: torch.device({"auto": "mps"}.get(name, name)))
    assert Launch(TrainingOptions(device="auto"), progress=False).accelerator.device == torch.device("cpu")


def test_one_gpu_for_several_processes_is_refused(monkeypatch):
    started = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
    for name, value in started.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match=r"--device cuda:1: several processes take one GPU each"):
        Launch(TrainingOptions(device="cuda:1"), progress=False)
