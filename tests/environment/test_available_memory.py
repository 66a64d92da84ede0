"""How much memory is available, within the limit of a container."""

import psutil
import pytest
import torch

from i2i.environment import available_memory

CPU = torch.device("cpu")


@pytest.fixture
def groups(tmp_path, monkeypatch):
    (tmp_path / "memory").mkdir()
    monkeypatch.setattr(available_memory, "_CONTROL_GROUP", tmp_path)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 8000}))
    return tmp_path


def test_without_a_limit_it_is_what_the_system_says(groups):
    assert available_memory.available_memory(CPU) == 8000
    (groups / "memory.max").write_text("max\n")
    (groups / "memory.current").write_text("100\n")
    assert available_memory.available_memory(CPU) == 8000


@pytest.mark.parametrize(
    ("limit", "used"),
    [("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")],
)
def test_the_limit_of_a_container_counts_but_not_files_that_may_go(groups, limit, used):
    (groups / limit).write_text("5000\n")
    (groups / used).write_text("3000\n")
    assert available_memory.available_memory(CPU) == 2000
    (groups / limit).with_name("memory.stat").write_text("active_file 5\ninactive_file 700\n")
    assert available_memory.available_memory(CPU) == 2700
