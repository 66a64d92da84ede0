"""The private names of Accelerate are there, do what they did, and are reported by name where they are gone."""

import importlib
import os
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from i2i.training import accelerate_private
from i2i.training.accelerate_private import (
    DEVICE_VARIABLE,
    NAMES,
    READ_IN,
    device_chosen,
    forget_device_and_precision,
    set_collective_timeout,
)


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_there(name):
    package = name.partition(".")[0]
    module = ".".join(part for part in name.split(".")[:-1] if part.islower())
    found = importlib.import_module(module)
    for part in name.removeprefix(f"{module}.").split("."):
        assert hasattr(found, part), f"{name} is gone; it was read in {package} {READ_IN[package]}"
        found = getattr(found, part)


def test_the_next_accelerator_chooses_its_own_precision():
    forget_device_and_precision()
    assert Accelerator(cpu=True, mixed_precision="bf16").mixed_precision == "bf16"
    forget_device_and_precision()
    assert Accelerator(cpu=True, mixed_precision="no").mixed_precision == "no"


def test_a_name_that_is_gone_is_an_error_with_the_release_that_had_it(monkeypatch):
    monkeypatch.delattr(AcceleratorState, "_reset_state")
    with pytest.raises(RuntimeError, match=r"accelerate .* has no .*_reset_state, .* as it was in accelerate \d"):
        forget_device_and_precision()
    monkeypatch.delattr("torch.distributed.distributed_c10d._set_pg_timeout")
    with pytest.raises(RuntimeError, match=r"torch .* has no .*_set_pg_timeout, which i2i uses as it was in torch 2"):
        set_collective_timeout(timedelta(days=1))


def test_accelerate_asks_for_the_variable_that_names_its_device():
    source = Path(importlib.import_module("accelerate.state").__file__).read_text(encoding="utf-8")
    assert DEVICE_VARIABLE in source, f"it was read in accelerate {READ_IN['accelerate']}"


@pytest.mark.parametrize("before", [None, "cuda:0"])
def test_the_choice_of_a_gpu_leaves_the_environment_as_it_was(monkeypatch, before):
    chosen = []
    monkeypatch.setattr(accelerate_private.torch.cuda, "set_device", chosen.append)
    if before is None:
        monkeypatch.delenv(DEVICE_VARIABLE, raising=False)
    else:
        monkeypatch.setenv(DEVICE_VARIABLE, before)
    with device_chosen(torch.device("cuda:1")):
        assert os.environ[DEVICE_VARIABLE] == "cuda:1"
    assert chosen == [torch.device("cuda:1")]
    assert os.environ.get(DEVICE_VARIABLE) == before
