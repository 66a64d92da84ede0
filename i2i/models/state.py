"""Nested training state as tensors plus JSON, so that nothing that is loaded can run code."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

TENSOR = "__tensor__"
KEYED = "__keyed__"


def pack(value: Any, prefix: str, tensors: dict[str, Tensor]) -> Any:
    """Move every tensor of a nested value into ``tensors`` and return the rest as plain JSON values.

    Args:
        value: dicts, lists and tuples of tensors, numpy arrays, numbers, strings, booleans and ``None``.
        prefix: the name under which its tensors are stored.
        tensors: receives them, by dotted name.

    Raises:
        TypeError: for a value or a key of another type, naming where it stands.
    """
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value.copy())
    if isinstance(value, Tensor):
        name = prefix
        while name in tensors:  # keys may hold dots, so two places can have one dotted name
            name += "~"
        # A copy of its own: safetensors refuses tensors that share memory.
        tensors[name] = value.detach().to("cpu", copy=True).contiguous()
        return {TENSOR: name}
    if isinstance(value, Mapping):
        for key in value:
            if not (key is None or isinstance(key, bool | int | float | str)):
                raise TypeError(f"{prefix}: the keys of a state may be strings and numbers; got {key!r}")
        if all(isinstance(key, str) for key in value) and not value.keys() & {TENSOR, KEYED}:
            return {key: pack(item, f"{prefix}.{key}", tensors) for key, item in value.items()}
        return {KEYED: [[key, pack(item, f"{prefix}.{key}", tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return [pack(item, f"{prefix}.{place}", tensors) for place, item in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(
        f"{prefix}: a state may hold tensors, numbers, strings, lists and dicts; got {type(value).__name__}"
    )


def unpack(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The inverse of :func:`pack`; tuples come back as lists, numpy arrays as tensors."""
    if isinstance(value, dict):
        if TENSOR in value:
            return tensors[value[TENSOR]]
        if KEYED in value:
            return {key: unpack(item, tensors) for key, item in value[KEYED]}
        return {key: unpack(item, tensors) for key, item in value.items()}
    if isinstance(value, list):
        return [unpack(item, tensors) for item in value]
    return value


def floats_to_device(value: Any, device: torch.device) -> Any:
    """Move the images of a nested state to the device; random states (bytes) stay on the CPU."""
    if isinstance(value, Tensor):
        return value.to(device) if value.is_floating_point() else value
    if isinstance(value, Mapping):
        return {key: floats_to_device(item, device) for key, item in value.items()}
    if isinstance(value, list):
        return [floats_to_device(item, device) for item in value]
    return value


def random_state() -> dict[str, Any]:
    """The state of every global random generator: torch (CPU and CUDA), numpy and Python."""
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": np.random.get_state(legacy=False),
        "python": random.getstate(),
    }


def set_random_state(state: Mapping[str, Any]) -> None:
    """Put back what :func:`random_state` returned, after :func:`pack` and :func:`unpack`."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
    numpy_state = {**state["numpy"], "state": dict(state["numpy"]["state"])}
    numpy_state["state"]["key"] = numpy_state["state"]["key"].numpy()
    np.random.set_state(numpy_state)
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))


def derive_seed(seed: int, stream: int, process: int) -> int:
    """A seed below 2**32 for one of several streams of random numbers in one process, each unlike the others."""
    return int(np.random.SeedSequence(seed, spawn_key=(stream, process)).generate_state(1)[0])


def seed_everything(seed: int) -> None:
    """Seed every global random generator."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)
