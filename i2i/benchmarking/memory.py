"""What a forward pass keeps for the backward pass: the bytes of the saved tensors, each storage counted once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import torch
from torch import Tensor

from i2i.benchmarking.benchmarked_networks import make_generator, reason_against_fused_generator
from i2i.benchmarking.blocks import Shape, fused_block, make_blocks, make_images
from i2i.benchmarking.case import Setting, fused_or_reason
from i2i.ops import reason_against_fused, residual_block

Measured = tuple[Mapping[str, int], Mapping[str, str]]


def activation_bytes(forward: Callable[[Tensor], Tensor], x: Tensor, parameters: Iterable[Tensor]) -> int:
    """Return the bytes that autograd keeps until the backward pass of ``forward(x)``.

    Args:
        forward: the work.
        x: its input, which is always counted, and once: every candidate has to keep it.
        parameters: not counted; they are there anyway.
    """
    known = {parameter.untyped_storage().data_ptr() for parameter in parameters}
    images = x.detach().clone().requires_grad_()
    kept = {images.untyped_storage().data_ptr(): images.untyped_storage().nbytes()}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = forward(images)  # alive until all is counted, so that no storage is used twice
    total = sum(kept.values())
    del out
    return total


def measure_block(setting: Setting, *, shape: Shape) -> Measured:
    """One residual block: eager, fused, and fused with ``recompute``, which keeps the input alone."""
    (block,) = make_blocks(1, shape[1], setting.device)
    x = make_images(shape, setting.device)
    first, second = block.convolutions

    def recomputing(x: Tensor) -> Tensor:
        return residual_block(x, first.weight, first.bias, second.weight, second.bias, impl="fused", recompute=True)

    parameters = list(block.parameters())
    fused: dict[str, Callable[[Tensor], Tensor]]
    fused = {"fused": partial(fused_block, block), "fused, recompute": recomputing}
    own_kernels, missing = fused_or_reason(reason_against_fused("residual_block", x, "fused"), fused, fused.items)
    forwards: list[tuple[str, Callable[[Tensor], Tensor]]] = [("eager", block), *own_kernels]
    return {name: activation_bytes(forward, x, parameters) for name, forward in forwards}, missing


def measure_generator(setting: Setting, *, size: int) -> Measured:
    """The whole generator on one square image of ``size`` pixels."""
    x = make_images((1, 3, size, size), setting.device).clamp(-1, 1)
    own_kernels, missing = fused_or_reason(
        reason_against_fused_generator(setting),
        ("fused",),
        lambda: [("fused", make_generator("auto", setting.device))],
    )
    found = {}
    for name, network in [("eager", make_generator("reference", setting.device)), *own_kernels]:
        network.requires_grad_(True).train()
        found[name] = activation_bytes(network, x, network.parameters())
    return found, missing
