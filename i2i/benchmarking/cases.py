"""Everything that ``i2i bench`` measures, in the order of the report."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import partial

from i2i.benchmarking import blocks, generators, memory, norms, training_step
from i2i.benchmarking.case import Case, MemoryCase, TimedCase
from i2i.errors import ConfigError, did_you_mean

SMALL, LARGE, FOUR = (1, 256, 64, 64), (1, 256, 128, 128), (4, 256, 64, 64)
"""The inputs of a residual block for one image of 256 pixels, one of 512, and four of 256."""

CASES: tuple[Case, ...] = (
    TimedCase(
        "block-64",
        "Residual block, 1x256x64x64",
        partial(blocks.prepare_forward, shape=SMALL, variants=("avx2", "portable")),
        quick=True,
        headline=True,
    ),
    TimedCase(
        "block-128",
        "Residual block, 1x256x128x128",
        partial(blocks.prepare_forward, shape=LARGE, variants=("avx2",)),
        headline=True,
    ),
    TimedCase("block-64-batch-4", "Residual block, 4x256x64x64", partial(blocks.prepare_forward, shape=FOUR)),
    TimedCase(
        "block-64-channels-last",
        "Residual block, 1x256x64x64, channels_last input",
        partial(blocks.prepare_forward, shape=SMALL, channels_last=True),
    ),
    TimedCase(
        "chain-64",
        "Nine residual blocks, 1x256x64x64",
        partial(blocks.prepare_forward, shape=SMALL, blocks=9),
        headline=True,
    ),
    TimedCase(
        "block-training-64",
        "Residual block forward and backward, 1x256x64x64",
        partial(blocks.prepare_training, shape=SMALL),
        quick=True,
        headline=True,
    ),
    TimedCase(
        "block-training-128",
        "Residual block forward and backward, 1x256x128x128",
        partial(blocks.prepare_training, shape=LARGE),
        headline=True,
    ),
    TimedCase(
        "norm-act",
        "Instance norm, ReLU and pad of 3, 1x64x256x256",
        partial(norms.prepare_act, shape=(1, 64, 256, 256), pad=3),
        quick=True,
    ),
    TimedCase(
        "norm-act-training",
        "Instance norm and ReLU forward and backward, 1x128x128x128",
        partial(norms.prepare_act, shape=(1, 128, 128, 128), training=True),
    ),
    TimedCase("norm-add", "Instance norm and skip, 1x256x64x64", partial(norms.prepare_add, shape=SMALL)),
    TimedCase(
        "norm-add-training",
        "Instance norm and skip forward and backward, 1x256x64x64",
        partial(norms.prepare_add, shape=SMALL, training=True),
    ),
    TimedCase(
        "generator-256",
        "ResNet-9 generator, 1x3x256x256",
        partial(generators.prepare, size=256, batch=1),
        quick=True,
        headline=True,
    ),
    TimedCase(
        "generator-256-batch-4", "ResNet-9 generator, 4x3x256x256", partial(generators.prepare, size=256, batch=4)
    ),
    TimedCase("generator-512", "ResNet-9 generator, 1x3x512x512", partial(generators.prepare, size=512, batch=1)),
    TimedCase(
        "step-256",
        "CycleGAN training step, ResNet-9 and patch70, 1x3x256x256",
        partial(training_step.prepare, size=256),
        headline=True,
    ),
    TimedCase(
        "cut-step-256",
        "CUT training step, ResNet-9 and patch70, 1x3x256x256",
        partial(training_step.prepare, size=256, method="cut"),
    ),
    TimedCase(
        "fastcut-step-256",
        "FastCUT training step, ResNet-9 and patch70, 1x3x256x256",
        partial(training_step.prepare, size=256, method="fastcut"),
    ),
    MemoryCase(
        "memory-block-64",
        "Kept for the backward pass of a residual block, 1x256x64x64",
        partial(memory.measure_block, shape=SMALL),
        quick=True,
    ),
    MemoryCase(
        "memory-generator-256",
        "Kept for the backward pass of a ResNet-9 generator, 1x3x256x256",
        partial(memory.measure_generator, size=256),
    ),
)


def choose(patterns: Sequence[str], *, quick: bool) -> list[Case]:
    """Return the cases that were asked for, in the order of the report.

    Args:
        patterns: names, or patterns such as ``block-*``; none means all, or with ``quick`` the quick ones.
        quick: whether a few short cases are enough.

    Raises:
        ConfigError: a pattern fits no case.
    """
    if not patterns:
        return [case for case in CASES if case.quick or not quick]
    names = [case.name for case in CASES]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ConfigError(f"there is no case {pattern!r}{did_you_mean(pattern, names)} (cases: {', '.join(names)})")
    return [case for case in CASES if any(fnmatchcase(case.name, pattern) for pattern in patterns)]
