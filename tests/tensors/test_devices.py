import pytest
import torch

from i2i.errors import ConfigError
from i2i.tensors.devices import check_device


def test_the_cpu_is_always_there():
    assert check_device("cpu") == torch.device("cpu")
    assert check_device("auto").type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "", "meta", "xla:99x"])
def test_other_words_are_refused(name):
    with pytest.raises(ConfigError, match=f"--device must be auto, cpu, cuda, cuda:N or mps; got '{name}'"):
        check_device(name)


def test_a_device_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ConfigError, match=r"--device cuda:1: torch .* sees 0 CUDA devices; use --device cpu"):
        check_device("cuda:1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert check_device("cuda:1") == torch.device("cuda:1")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="--device mps: torch sees no Apple GPU"):
        check_device("mps")
