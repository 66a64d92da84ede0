"""Which types of numbers weights may have. torch would convert any of them without a word."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from i2i.errors import CheckpointError

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
INTEGERS = (torch.int64, torch.int32, torch.uint8, torch.bool, torch.int8, torch.int16)


def require_types(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor], where: str) -> None:
    """Check the types of tensors that are to be loaded.

    Floats of 16 bits and more replace each other: they keep what a weight is. Those of 8 bits are stored with scales
    beside them, integers and booleans are quantised or something else, and of complex numbers half would be lost.

    Args:
        weights: by key.
        expected: what they are loaded into, by key; a key that is not there is somebody else's to find.
        where: the file and the network, for the message.

    Raises:
        CheckpointError: a tensor is of another type.
    """
    for key, tensor in weights.items():
        if key not in expected:
            continue
        wanted = _standing_in_for(expected[key].dtype)
        if tensor.dtype in wanted and tensor.layout == torch.strided and tensor.device.type != "meta":
            continue
        found = str(tensor.dtype).removeprefix("torch.")
        if tensor.layout != torch.strided:
            found = f"a {str(tensor.layout).removeprefix('torch.')} tensor of {found}"
        elif tensor.device.type == "meta":
            found = "without values (on torch's device meta)"
        kinds = " or ".join(str(kind).removeprefix("torch.") for kind in wanted[:4])
        raise CheckpointError(f"{where}: {key} is {found}; expected {kinds}: convert the weights where they were made")


def _standing_in_for(wanted: torch.dtype) -> tuple[torch.dtype, ...]:
    if wanted.is_complex:
        return (wanted,)
    return FLOATS if wanted.is_floating_point else INTEGERS
