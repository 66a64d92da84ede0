"""A whole training step of CycleGAN or CUT: forward, backward and optimisers of all networks."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from i2i.benchmarking.benchmarked_networks import Kernels, TrainingStep, reason_against_fused_generator
from i2i.benchmarking.case import Candidate, Deviation, Prepared, Setting, deviation, fused_or_reason
from i2i.benchmarking.work import count_flops

LOSS_LIMIT, GRADIENT_LIMIT = 1e-4, 1e-2
"""Gradients pass some thirty ReLUs on their way, each with activations whose sign rounding decides on."""
BFLOAT16_LOSS_LIMIT = 5e-2

Recorded = tuple[Mapping[str, Tensor], Mapping[str, Tensor]]


def prepare(setting: Setting, *, size: int, method: str = "cyclegan") -> Prepared:
    """One step on one pair of images of ``size`` pixels. The truth is eager's first step from the same weights."""
    eager = TrainingStep(setting, "reference", size, method=method)
    first: list[Recorded] = []
    flops = count_flops(lambda: first.append(eager.recorded()))
    terms, gradients = first[0]

    def candidate(name: str, kernels: Kernels, *, half: bool = False) -> Candidate:
        step = TrainingStep(setting, kernels, size, method=method, half=half)

        def check() -> list[Deviation]:
            own_terms, own_gradients = step.recorded()
            names = sorted(terms)
            own, true = (torch.stack([values[name].float() for name in names]) for values in (own_terms, terms))
            found = [deviation("losses", own, true, BFLOAT16_LOSS_LIMIT if half else LOSS_LIMIT)]
            if not half:
                found += [
                    deviation(f"gradients of the {group}", own_gradients[group], gradients[group], GRADIENT_LIMIT)
                    for group in sorted(gradients)
                ]
            return found

        return Candidate(name, step, check, "bf16" if half else "fp32")

    own_kernels, missing = fused_or_reason(
        reason_against_fused_generator(setting),
        ("fused", "fused bf16"),
        lambda: [candidate("fused", "auto"), candidate("fused bf16", "auto", half=True)],
    )
    mixed = candidate("bf16 autocast", "reference", half=True)
    candidates = [Candidate("eager", eager, check=list), *own_kernels, mixed]
    return Prepared(candidates, missing, flops)
