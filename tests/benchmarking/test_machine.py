"""A result says what it belongs to."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import torch

from i2i.benchmarking import machine
from i2i.ops.native import cuda

ROOT = Path(__file__).parents[2]
commit = machine.commit  # before conftest.py puts another in its place


def test_the_commit_is_that_of_the_checkout():
    if not (ROOT / ".git").exists():
        assert commit() is None
        return
    head = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout

    found = re.fullmatch(r"([0-9a-f]{12,})(-dirty)?", commit())

    assert found
    assert head.startswith(found[1])


def test_without_git_there_is_no_commit(monkeypatch):
    monkeypatch.setenv("PATH", "")

    assert commit() is None


def test_the_processor_has_a_name_and_cores():
    device = machine.describe_device(torch.device("cpu"))

    assert device["type"] == "cpu"
    assert device["name"].strip()
    assert device["cores"] == os.cpu_count()


def test_a_report_of_a_gpu_names_its_own_kernels_or_the_reason_why_there_are_none(monkeypatch):
    lacking = cuda.CudaKernels(reason="there is no nvcc")
    for loaded, rung, variant in ((lacking, "reference", None), (cuda.CudaKernels(ROOT), "cache", "cuda")):
        monkeypatch.setattr(cuda, "load", lambda loaded=loaded: loaded)
        described = machine.describe_kernels(torch.device("cuda"))
        assert (described["rung"], described["variant"]) == (rung, variant)
    assert machine.describe_kernels(torch.device("cpu"))["variant"] != "cuda"
