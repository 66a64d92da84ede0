"""The residual block of the ResNet generators: alone, in a chain, forward, and with its gradients."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial, reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i.benchmarking.case import Candidate, Deviation, Prepared, Setting, deviation, fused_or_reason
from i2i.benchmarking.rivals import LEFT_OUT, compiled
from i2i.benchmarking.work import block_direct_flops, block_winograd_flops
from i2i.ops import reason_against_fused, residual_block
from i2i.ops.native import cpu

Shape = tuple[int, int, int, int]

FORWARD_LIMIT, GRADIENT_LIMIT = 1e-5, 2e-5
BFLOAT16_LIMIT = 3e-2
UNKNOWN_MASK_LIMIT = 1e-2
"""For gradients whose ReLU mask cannot be seen: one activation that rounds to the other side moves them by 1e-3."""


class EagerBlock(nn.Module):
    """The block in PyTorch's modules, as the ResNet generator of CycleGAN is written (Zhu et al., ICCV 2017)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, kernel_size=3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, kernel_size=3),
            nn.InstanceNorm2d(channels),
        )

    @property
    def convolutions(self) -> tuple[nn.Conv2d, nn.Conv2d]:
        """The two convolutions, in order."""
        first, second = self.body[1], self.body[5]
        assert isinstance(first, nn.Conv2d)
        assert isinstance(second, nn.Conv2d)
        return first, second

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, C, H, W]`` to the same shape."""
        out: Tensor = x + self.body(x)
        return out


def fused_block(block: EagerBlock, x: Tensor) -> Tensor:
    """Compute a block by the fused operator, with the same weights."""
    first, second = block.convolutions
    return residual_block(x, first.weight, first.bias, second.weight, second.bias, impl="fused")


@dataclass(frozen=True)
class Float64Block:
    """The block in float64: the truth that every candidate is compared with. Weights are copied when it is made."""

    weights: tuple[Tensor, Tensor]

    @classmethod
    def of(cls, block: EagerBlock) -> Float64Block:
        """Take the weights of a block."""
        first, second = block.convolutions
        return cls((first.weight.detach().double(), second.weight.detach().double()))

    def output(self, x: Tensor) -> Tensor:
        """Return the output for ``[N, C, H, W]``."""
        with torch.no_grad():
            return self._forward(x.double(), *self.weights, mask=None)

    def gradients(self, x: Tensor, grad: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """Return the gradients of x and of both weights, with the ReLU open where ``mask`` says so.

        Of a million activations some are so near to zero that rounding decides on their sign. One of them moves the
        gradients by a thousandth, which says nothing about the kernels; so each candidate is judged by its own mask.
        """
        inputs = [tensor.detach().double().requires_grad_() for tensor in (x, *self.weights)]
        out = self._forward(inputs[0], inputs[1], inputs[2], mask)
        return torch.autograd.grad(out, inputs, grad.double())

    @staticmethod
    def _forward(x: Tensor, weight1: Tensor, weight2: Tensor, mask: Tensor | None) -> Tensor:
        y = F.instance_norm(F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weight1))
        y = y.relu() if mask is None else y * mask
        return x + F.instance_norm(F.conv2d(F.pad(y, (1, 1, 1, 1), mode="reflect"), weight2))


def make_blocks(count: int, channels: int, device: torch.device) -> list[EagerBlock]:
    """Return blocks with CycleGAN's initial weights, the same on every run."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        blocks = [EagerBlock(channels) for _ in range(count)]
        for block in blocks:
            for convolution in block.convolutions:
                nn.init.normal_(convolution.weight, 0.0, 0.02)
    return [block.to(device) for block in blocks]


def make_images(shape: Shape, device: torch.device, seed: int = 0) -> Tensor:
    """Return normally distributed values, the same on every run."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(device)


def in_channels_last(network: nn.Module) -> nn.Module:
    """Return a copy of a network whose filters lie in memory with the channels last."""
    copied: nn.Module = copy.deepcopy(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return copied


def bfloat16(device: torch.device) -> AbstractContextManager[object]:
    """Return PyTorch's automatic mixed precision in bfloat16."""
    return torch.autocast(device.type, dtype=torch.bfloat16)


def to_channels_last(x: Tensor) -> Tensor:
    """Lay images out with the channels last."""
    return x.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class _Inference:
    """Images through a chain of blocks, with what should come out."""

    chain: Sequence[EagerBlock]
    x: Tensor
    truth: Tensor

    def candidate(
        self,
        name: str,
        through: Sequence[Callable[[Tensor], Tensor]],
        images: Tensor | None = None,
        surroundings: Callable[[], AbstractContextManager[object]] = nullcontext,
        *,
        half: bool = False,
        flops: int | None = None,
        rival: bool = False,
    ) -> Candidate:
        """A candidate that takes ``images`` through these callables, one after the other."""
        limit = len(self.chain) * (BFLOAT16_LIMIT if half else FORWARD_LIMIT)
        given = self.x if images is None else images

        def call() -> Tensor:
            with torch.inference_mode(), surroundings():
                out = given
                for block in through:
                    out = block(out)
                return out

        def check() -> list[Deviation]:
            return [deviation("output", call(), self.truth, limit)]

        return Candidate(name, call, check, "bf16" if half else "fp32", flops, rival)

    def fused(self, flops: int) -> list[Candidate]:
        """The fused block, as the ResNet generator runs it."""
        through: list[Callable[[Tensor], Tensor]] = self._fused()
        half = self.candidate("fused bf16", through, self.x.bfloat16(), half=True, flops=flops)
        return [self.candidate("fused", through, flops=flops), half]

    def fused_variant(self, variant: str, flops: int) -> list[Candidate]:
        """The fused block on another variant of the CPU kernels."""
        using = partial(cpu.using_variant, variant)
        return [self.candidate(f"fused {variant}", self._fused(), None, using, flops=flops)]

    def _fused(self) -> list[Callable[[Tensor], Tensor]]:
        fused: list[Callable[[Tensor], Tensor]] = [partial(fused_block, block) for block in self.chain]
        in_chain = len(fused) > 1 and self.x.device.type == "cpu"
        return [to_channels_last, *fused, Tensor.contiguous] if in_chain else fused


def prepare_forward(
    setting: Setting,
    *,
    shape: Shape,
    blocks: int = 1,
    channels_last: bool = False,
    variants: Sequence[str] = (),
) -> Prepared:
    """Inference through one block or a chain of them.

    A chain runs fused as the ResNet generator runs it, in channels_last, whose making and undoing is timed with it.

    Args:
        setting: where to run.
        shape: ``[N, C, H, W]`` of the input.
        blocks: how many blocks follow each other.
        channels_last: whether the input is given in channels_last.
        variants: variants of the CPU kernels that are measured beside the one in use.
    """
    device = setting.device
    chain = make_blocks(blocks, shape[1], device)
    x = make_images(shape, device)
    if channels_last:
        x = to_channels_last(x)
    case = _Inference(chain, x, reduce(lambda y, block: Float64Block.of(block).output(y), chain, x.double()))
    direct = blocks * block_direct_flops(shape)
    winograd = blocks * block_winograd_flops(shape) if device.type == "cpu" else direct

    candidates = [case.candidate("eager", chain, flops=direct)]
    reason = reason_against_fused("residual_block", x, "fused")
    made, missing = fused_or_reason(reason, ("fused", "fused bf16"), partial(case.fused, winograd))
    candidates += made
    for name in variants:
        against = reason or reason_against_variant(name, device)
        made, lacking = fused_or_reason(against, (f"fused {name}",), partial(case.fused_variant, name, winograd))
        candidates += made
        missing.update(lacking)
    if not channels_last:
        last = in_channels_last(nn.Sequential(*chain))
        candidates.append(case.candidate("channels_last", [last], to_channels_last(x), flops=direct))
    mixed = partial(bfloat16, device)
    candidates.append(case.candidate("bf16 autocast", chain, None, mixed, half=True, flops=direct))
    if setting.rivals:
        whole = compiled(nn.Sequential(*chain))
        candidates.append(case.candidate("torch.compile", [whole], flops=direct, rival=True))
    else:
        missing["torch.compile"] = LEFT_OUT
    return Prepared(candidates, missing, direct)


def reason_against_variant(name: str, device: torch.device) -> str | None:
    """Say why a variant of the CPU kernels is not measured beside the one in use, or return None."""
    kernels = cpu.load()
    if device.type != "cpu":
        return "a variant of the CPU kernels"
    if name == kernels.variant:
        return "the one in use"
    supported = kernels.facts.get("supported", "").split()
    return None if name in supported else f"this processor runs {', '.join(supported)}"


@dataclass(frozen=True)
class _Training:
    """Forward and backward through a block, with the output that should come out; gradients depend on the mask."""

    block: EagerBlock
    x: Tensor
    grad: Tensor
    truth: Float64Block
    output: Tensor

    def candidate(
        self,
        name: str,
        through: Callable[[Tensor], Tensor],
        mask: Callable[[], Tensor],
        surroundings: Callable[[], AbstractContextManager[object]] = nullcontext,
        *,
        half: bool = False,
        half_input: bool = False,
        flops: int | None = None,
        rival: bool = False,
    ) -> Candidate:
        """A candidate whose forward pass is ``through``; ``mask`` says where its ReLU is open."""
        output_limit, gradient_limit = (BFLOAT16_LIMIT,) * 2 if half else (FORWARD_LIMIT, GRADIENT_LIMIT)
        if rival:
            gradient_limit = UNKNOWN_MASK_LIMIT
        images = (self.x.bfloat16() if half_input else self.x.clone()).requires_grad_()
        own_grad = self.grad.to(images.dtype)
        first, second = self.block.convolutions
        assert first.bias is not None
        assert second.bias is not None
        inputs = [images, first.weight, second.weight, first.bias, second.bias]

        def call() -> tuple[Tensor, ...]:
            with surroundings():
                out = through(images)
            return out, *torch.autograd.grad(out, inputs, own_grad)

        def check() -> list[Deviation]:
            out, *gradients = call()
            expected = self.truth.gradients(self.x, self.grad, mask())
            names = ("gradient of x", "gradient of the first filters", "gradient of the second filters")
            return [
                deviation("output", out, self.output, output_limit),
                *(
                    deviation(what, gradient, wanted, gradient_limit)
                    for what, gradient, wanted in zip(names, gradients, expected, strict=False)
                ),
            ]

        return Candidate(name, call, check, "bf16" if half else "fp32", flops, rival)

    def fused(self, flops: int) -> list[Candidate]:
        """The fused block, in float32 and in bfloat16."""
        through, mask_of = partial(fused_block, self.block), partial(_mask_of_fused, self.block)
        halved = self.x.bfloat16()
        return [
            self.candidate("fused", through, partial(mask_of, self.x), flops=flops),
            self.candidate("fused bf16", through, partial(mask_of, halved), half=True, half_input=True, flops=flops),
        ]


def prepare_training(setting: Setting, *, shape: Shape) -> Prepared:
    """Forward and backward through one block: gradients of its input and of all its parameters."""
    device = setting.device
    (block,) = make_blocks(1, shape[1], device)
    x, grad = make_images(shape, device), make_images(shape, device, seed=1)
    truth = Float64Block.of(block)
    case = _Training(block, x, grad, truth, truth.output(x))
    direct = block_direct_flops(shape, training=True)
    winograd = block_winograd_flops(shape, training=True) if device.type == "cpu" else direct

    own_kernels, missing = fused_or_reason(
        reason_against_fused("residual_block", x, "fused"), ("fused", "fused bf16"), partial(case.fused, winograd)
    )
    eager_mask, mixed = partial(_mask_of_eager, block, x), partial(bfloat16, device)
    mixed_mask = partial(_mask_of_eager, block, x, mixed)
    candidates = [
        case.candidate("eager", block, eager_mask, flops=direct),
        *own_kernels,
        case.candidate("bf16 autocast", block, mixed_mask, mixed, half=True, flops=direct),
    ]
    if setting.rivals:
        candidates.append(case.candidate("torch.compile", compiled(block), eager_mask, flops=direct, rival=True))
    else:
        missing["torch.compile"] = LEFT_OUT
    return Prepared(candidates, missing, direct)


def _mask_of_eager(
    block: EagerBlock, x: Tensor, surroundings: Callable[[], AbstractContextManager[object]] = nullcontext
) -> Tensor:
    """Where the block's ReLU is open."""
    masks: list[Tensor] = []
    hook = block.body[3].register_forward_hook(lambda _module, _inputs, output: masks.append(output > 0))
    try:
        with torch.no_grad(), surroundings():
            block(x)
    finally:
        hook.remove()
    return masks[0]


def _mask_of_fused(block: EagerBlock, x: Tensor) -> Tensor:
    """The same of the fused operator, from the first convolution's raw output and its statistics."""
    first, second = block.convolutions
    with torch.no_grad():
        _, y1, _, statistics = torch.ops.i2i.residual_block_forward(
            x, first.weight, second.weight, None, None, None, None, 1e-5
        )
    if not x.is_cuda:  # [N, H, W, C], the channels rounded up
        y1 = y1.permute(0, 3, 1, 2)[:, : x.shape[1]]
    mean = statistics[0, :, : x.shape[1], None, None]
    mask: Tensor = y1.float() > mean
    return mask
