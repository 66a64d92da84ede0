"""The normalisations outside and inside the blocks: with activation and padding, and with the skip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from i2i.benchmarking.blocks import Shape, make_images
from i2i.benchmarking.case import Candidate, Deviation, Prepared, Setting, deviation, fused_or_reason
from i2i.benchmarking.rivals import LEFT_OUT, compiled
from i2i.ops import instance_norm_act, instance_norm_add, reason_against_fused

FORWARD_LIMIT, GRADIENT_LIMIT = 1e-5, 2e-5
BFLOAT16_LIMIT = 1e-2


def prepare_act(setting: Setting, *, shape: Shape, pad: int = 0, training: bool = False) -> Prepared:
    """Instance norm, ReLU and a reflection pad."""
    x = make_images(shape, setting.device)
    grad = make_images((*shape[:2], shape[2] + 2 * pad, shape[3] + 2 * pad), setting.device, seed=1)

    def eager(x: Tensor) -> Tensor:
        out = F.relu(F.instance_norm(x))
        return F.pad(out, (pad,) * 4, mode="reflect") if pad else out

    def truth(x: Tensor, out: Tensor) -> Tensor:
        inner = out[:, :, pad : pad + shape[2], pad : pad + shape[3]]
        kept = F.instance_norm(x) * (inner > 0)  # each candidate's own mask: see Float64Block.gradients
        return F.pad(kept, (pad,) * 4, mode="reflect") if pad else kept

    fused = partial(instance_norm_act, act="relu", pad=pad, impl="fused")
    return _prepare(setting, "instance_norm_act", (x,), grad, eager, fused, truth, training)


def prepare_add(setting: Setting, *, shape: Shape, training: bool = False) -> Prepared:
    """Instance norm and the addition of the skip."""
    x, skip, grad = (make_images(shape, setting.device, seed) for seed in range(3))

    def eager(x: Tensor, skip: Tensor) -> Tensor:
        return skip + F.instance_norm(x)

    def truth(x: Tensor, skip: Tensor, _: Tensor) -> Tensor:
        return skip + F.instance_norm(x)

    fused = partial(instance_norm_add, impl="fused")
    return _prepare(setting, "instance_norm_add", (x, skip), grad, eager, fused, truth, training)


def _prepare(
    setting: Setting,
    operator: str,
    inputs: Sequence[Tensor],
    grad: Tensor,
    eager: Callable[..., Tensor],
    fused: Callable[..., Tensor],
    truth: Callable[..., Tensor],
    training: bool,
) -> Prepared:
    def candidate(name: str, function: Callable[..., Tensor], *, half: bool = False, rival: bool = False) -> Candidate:
        own = [(tensor.bfloat16() if half else tensor.clone()).requires_grad_(training) for tensor in inputs]
        limits = (BFLOAT16_LIMIT,) * 2 if half else (FORWARD_LIMIT, GRADIENT_LIMIT)
        own_grad = grad.bfloat16() if half else grad

        def call() -> tuple[Tensor, ...]:
            if not training:
                with torch.inference_mode():
                    return (function(*own),)
            out = function(*own)
            return out, *torch.autograd.grad(out, own, own_grad)

        def check() -> list[Deviation]:
            out, *gradients = call()
            exact = [tensor.detach().double().requires_grad_(training) for tensor in own]
            expected = truth(*exact, out.detach())
            found = [deviation("output", out, expected.detach(), limits[0])]
            if training:
                wanted = torch.autograd.grad(expected, exact, own_grad.double())
                found += [
                    deviation(f"gradient of {name}", gradient, right, limits[1])
                    for name, gradient, right in zip(("x", "skip"), gradients, wanted, strict=False)
                ]
            return found

        return Candidate(name, call, check, "bf16" if half else "fp32", rival=rival)

    own_kernels, missing = fused_or_reason(
        reason_against_fused(operator, inputs[0], "fused"),
        ("fused", "fused bf16"),
        lambda: [candidate("fused", fused), candidate("fused bf16", fused, half=True)],
    )
    candidates = [candidate("eager", eager), *own_kernels, candidate("eager bf16", eager, half=True)]
    if setting.rivals:
        candidates.append(candidate("torch.compile", compiled(eager), rival=True))
    else:
        missing["torch.compile"] = LEFT_OUT
    return Prepared(candidates, missing)
