"""Generators in the layout of the reference implementation of CycleGAN and pix2pix, known from keys and shapes alone.

The layout is that of github.com/junyanz/pytorch-CycleGAN-and-pix2pix, ``models/networks.py``: a ResNet is one list of
layers, ``model.1.weight`` the first convolution; a U-Net is a nest of levels, ``model.model.1.model.3.model. ...``.
Layers without weights count in the numbers, and so reveal dropout in a ResNet. What follows a convolution shows the
norm: that code gives a convolution a bias with instance norm, and none with batch norm or without norm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor

Norm = Literal["instance", "batch", "none"]
Shapes = dict[str, tuple[int, ...]]

KNOWN = (
    "resnet_6blocks, resnet_9blocks (and any other number of blocks), unet_128, unet_256 (and any other depth); norm "
    "instance (with or without scale and shift), batch or none; with or without dropout; any width and channels"
)
"""What :func:`recognise` recognises, for messages."""

RESNET_FIRST, UNET_FIRST = "model.1.weight", "model.model.0.weight"
RESNET_BLOCKS_BEGIN = 10
"""The number of a ResNet's first block: three convolutions, each with padding or stride, norm and ReLU, come before."""

RESIZE_KERNEL = 3
"""The kernel of i2i's own upsampling, ``resize``, in either network."""

_BLOCK = re.compile(r"model\.(\d+)\.conv_block\.")
_STATISTICS = ("running_mean", "running_var")
_COUNTER = "num_batches_tracked"


@dataclass(frozen=True)
class _Layer:
    """A layer with weights: its key, and for convolutions the side of the kernel; ``up`` doubles the size."""

    key: str
    kind: Literal["convolution", "up", "norm"]
    inputs: int
    outputs: int
    kernel: int = 0


class UnknownLayoutError(Exception):
    """Tensors that are not such a generator. The message is the reason alone."""


@dataclass(frozen=True)
class OfficialGenerator:
    """A generator of the reference implementation.

    Attributes:
        network: ``"resnet"`` or ``"unet"``.
        depth: residual blocks of a ResNet, or how often a U-Net halves the size.
        in_channels: channels of the images that go in.
        out_channels: channels of the images that come out.
        base_channels: channels after the first convolution (``--ngf``).
        norm: ``--norm``.
        affine: whether instance norm has a scale and a shift; batch norm always has.
        dropout: whether there is dropout in training. A U-Net's keys do not tell: batch norm, which pix2pix trains
            with, is taken for yes, anything else for no, as those are that code's defaults.
        upsample: ``"deconv"``, or i2i's own ``"resize"``.
    """

    network: Literal["resnet", "unet"]
    depth: int
    in_channels: int
    out_channels: int
    base_channels: int
    norm: Norm
    affine: bool
    dropout: bool
    upsample: Literal["deconv", "resize"]

    @property
    def official_name(self) -> str:
        """What ``--netG`` calls it there, such as ``resnet_9blocks`` or ``unet_256``."""
        return f"resnet_{self.depth}blocks" if self.network == "resnet" else f"unet_{2**self.depth}"

    @property
    def component(self) -> dict[str, Any]:
        """The same as a component of i2i: name and options."""
        named = {("resnet", 6): "resnet6", ("resnet", 9): "resnet9", ("unet", 7): "unet128", ("unet", 8): "unet256"}
        name = named.get((self.network, self.depth), self.network)
        depth = {} if name != self.network else {"blocks" if self.network == "resnet" else "downs": self.depth}
        options = {
            "base_channels": self.base_channels,
            "norm": self.norm,
            "affine": self.affine,
            "dropout": self.dropout,
            "upsample": self.upsample,
        }
        return {"name": name, **depth, **options}

    def shapes(self) -> Shapes:
        """Every parameter and buffer that a file of it holds, with its shape; without counters of batch norm."""
        shapes: Shapes = {}
        for layer in self._layers():
            if layer.kind == "norm":
                names = [*(("weight", "bias") if self.norm == "batch" or self.affine else ())]
                names += _STATISTICS if self.norm == "batch" else ()
                shapes |= {f"{layer.key}.{name}": (layer.outputs,) for name in names}
                continue
            transposed = layer.kind == "up" and self.upsample == "deconv"
            side = RESIZE_KERNEL if layer.kind == "up" and not transposed else layer.kernel
            ends = (layer.inputs, layer.outputs) if transposed else (layer.outputs, layer.inputs)
            shapes[f"{layer.key}.weight"] = (*ends, side, side)
            if self.norm == "instance" or layer.key == self._last:
                shapes[f"{layer.key}.bias"] = (layer.outputs,)
        return shapes

    def expected(self) -> dict[str, Tensor]:
        """Tensors without values of the types that a file holds, by key; the counters of batch norm too."""
        floats = {key: torch.empty(0, dtype=torch.float32) for key in self.shapes()}
        counters = [f"{layer.key}.{_COUNTER}" for layer in self._layers() if layer.kind == "norm"]
        return {**floats, **{key: torch.empty(0, dtype=torch.int64) for key in counters}}

    def own_weights(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Bring the tensors that this was recognised in to the state dict of :attr:`component`, in float32.

        Running statistics of instance norm, which torch before 0.4 stored and that code never used, are left out.
        Convolutions without a norm get a bias of zero, which i2i has there; batch norms that lack a counter get one.
        """
        weights = {key: tensors[key].detach().to(torch.float32).clone() for key in self.shapes()}
        for layer in self._layers():
            if layer.kind != "norm" and self.norm == "none":
                weights.setdefault(f"{layer.key}.bias", torch.zeros(layer.outputs, dtype=torch.float32))
            elif layer.kind == "norm" and self.norm == "batch":
                counter = f"{layer.key}.{_COUNTER}"
                weights[counter] = tensors.get(counter, torch.tensor(0)).clone()
        return weights

    @property
    def _last(self) -> str:
        """The convolution that gives the image, which always has a bias."""
        return f"model.{RESNET_BLOCKS_BEGIN + self.depth + 7}" if self.network == "resnet" else "model.model.3"

    def _layers(self) -> Iterator[_Layer]:
        return self._resnet() if self.network == "resnet" else self._unet()

    def _resnet(self) -> Iterator[_Layer]:
        c1, c2, c4 = (self.base_channels * factor for factor in (1, 2, 4))
        yield from _convolution_and_norm("model.1", "model.2", self.in_channels, c1, 7)
        yield from _convolution_and_norm("model.4", "model.5", c1, c2, 3)
        yield from _convolution_and_norm("model.7", "model.8", c2, c4, 3)
        after = RESNET_BLOCKS_BEGIN + self.depth
        second = 6 if self.dropout else 5
        for number in range(RESNET_BLOCKS_BEGIN, after):
            block = f"model.{number}.conv_block"
            yield from _convolution_and_norm(f"{block}.1", f"{block}.2", c4, c4, 3)
            yield from _convolution_and_norm(f"{block}.{second}", f"{block}.{second + 1}", c4, c4, 3)
        yield from _convolution_and_norm(f"model.{after}", f"model.{after + 1}", c4, c2, 3, kind="up")
        yield from _convolution_and_norm(f"model.{after + 3}", f"model.{after + 4}", c2, c1, 3, kind="up")
        yield _Layer(self._last, "convolution", c1, self.out_channels, 7)

    def _unet(self) -> Iterator[_Layer]:
        widths = [self.base_channels * min(2**level, 8) for level in range(self.depth)]
        yield _Layer("model.model.0", "convolution", self.in_channels, widths[0], 4)
        level = "model.model.1.model"
        for outer, inner in pairwise(widths[:-1]):
            yield from _convolution_and_norm(f"{level}.1", f"{level}.2", outer, inner, 4)
            yield from _convolution_and_norm(f"{level}.5", f"{level}.6", 2 * inner, outer, 4, kind="up")
            level += ".3.model"
        outer, inner = widths[-2:]
        yield _Layer(f"{level}.1", "convolution", outer, inner, 4)
        yield from _convolution_and_norm(f"{level}.3", f"{level}.4", inner, outer, 4, kind="up")
        yield _Layer(self._last, "up", 2 * widths[0], self.out_channels, 4)


def _convolution_and_norm(
    key: str, norm: str, inputs: int, outputs: int, kernel: int, *, kind: Literal["convolution", "up"] = "convolution"
) -> Iterator[_Layer]:
    yield _Layer(key, kind, inputs, outputs, kernel)
    yield _Layer(norm, "norm", outputs, outputs)


def recognise(tensors: Mapping[str, Tensor]) -> OfficialGenerator:
    """Find out which generator these tensors are, and that they are all of it and nothing else.

    Args:
        tensors: by key, without the prefixes ``module.`` and ``_orig_mod.``.

    Raises:
        UnknownLayoutError: they are not such a generator, with the reason.
    """
    if UNET_FIRST in tensors:
        found = _recognise_unet(tensors)
    elif RESNET_FIRST in tensors and any(_BLOCK.match(key) for key in tensors):
        found = _recognise_resnet(tensors)
    else:
        raise UnknownLayoutError(_what_else(tensors))
    expected = found.shapes()
    given = {key: tuple(value.shape) for key, value in tensors.items() if not _is_needless(key, found)}
    problems = [
        *(f"{key} is missing" for key in expected if key not in given),
        *(f"{key} is not known there" for key in given if key not in expected),
        *(
            f"{key} has shape {list(given[key])} instead of {list(shape)}"
            for key, shape in expected.items()
            if given.get(key, shape) != shape
        ),
    ]
    if problems:
        more = f", and {len(problems) - 3} more differences" if len(problems) > 3 else ""
        raise UnknownLayoutError(f"it looks like {found.official_name}, but {', '.join(problems[:3])}{more}")
    return found


def _recognise_resnet(tensors: Mapping[str, Tensor]) -> OfficialGenerator:
    blocks = sorted({int(match[1]) for key in tensors if (match := _BLOCK.match(key))})
    if blocks[0] != RESNET_BLOCKS_BEGIN or blocks[-1] - blocks[0] + 1 != len(blocks):
        raise UnknownLayoutError(
            f"it has residual blocks, but at model.{', '.join(map(str, blocks))} instead of from "
            f"model.{RESNET_BLOCKS_BEGIN} on"
        )
    if f"model.{blocks[0]}.conv_block.0.weight" in tensors:
        raise UnknownLayoutError("it has residual blocks padded with zeros; reflected padding is known")
    after = blocks[-1] + 1
    first, up = _shape(tensors, RESNET_FIRST), _shape(tensors, f"model.{after}.weight")
    norm, affine = _recognise_norm(tensors, "model.1", "model.2")
    return OfficialGenerator(
        network="resnet",
        depth=len(blocks),
        in_channels=first[1],
        out_channels=_shape(tensors, f"model.{after + 7}.weight")[0],
        base_channels=first[0],
        norm=norm,
        affine=affine,
        dropout=f"model.{blocks[0]}.conv_block.6.weight" in tensors
        and f"model.{blocks[0]}.conv_block.5.weight" not in tensors,
        upsample="resize" if up[:2] == (2 * first[0], 4 * first[0]) else "deconv",
    )


def _recognise_unet(tensors: Mapping[str, Tensor]) -> OfficialGenerator:
    level, downs = "model.model.1.model", 2
    while any(key.startswith(f"{level}.3.model.") for key in tensors):
        level, downs = f"{level}.3.model", downs + 1
    first, last = _shape(tensors, UNET_FIRST), _shape(tensors, "model.model.3.weight")
    norm, affine = _recognise_norm(tensors, f"{level}.1", f"{level}.4")
    resize = last[2:] == (RESIZE_KERNEL, RESIZE_KERNEL)
    return OfficialGenerator(
        network="unet",
        depth=downs,
        in_channels=first[1],
        out_channels=last[0] if resize else last[1],
        base_channels=first[0],
        norm=norm,
        affine=affine,
        dropout=norm == "batch",
        upsample="resize" if resize else "deconv",
    )


def _recognise_norm(tensors: Mapping[str, Tensor], convolution: str, norm: str) -> tuple[Norm, bool]:
    """The norm, and whether instance norm is affine, from one convolution and the norm after it."""
    scaled = f"{norm}.weight" in tensors
    if f"{convolution}.bias" in tensors:
        return "instance", scaled
    if not scaled:
        return "none", False
    if all(f"{norm}.{name}" in tensors for name in _STATISTICS):
        return "batch", False
    raise UnknownLayoutError(
        f"its norms, such as {norm}, have a scale and a shift, but neither running statistics, as batch norm has, nor "
        "a bias in the convolution before, as instance norm has"
    )


def _shape(tensors: Mapping[str, Tensor], key: str) -> tuple[int, ...]:
    if key not in tensors:
        raise UnknownLayoutError(f"it looks like a {'U-Net' if UNET_FIRST in tensors else 'ResNet'}, but lacks {key}")
    if tensors[key].ndim != 4:
        raise UnknownLayoutError(f"{key} has shape {list(tensors[key].shape)}; a convolution has four dimensions")
    return tuple(tensors[key].shape)


def _is_needless(key: str, found: OfficialGenerator) -> bool:
    name = key.rpartition(".")[2]
    return name == _COUNTER or (found.norm == "instance" and name in _STATISTICS)


def _what_else(tensors: Mapping[str, Tensor]) -> str:
    """Name what the keys look like, where that is known, else show some of them."""
    first = {key: tuple(tensors[key].shape) for key in ("model.0.weight", "net.0.weight") if key in tensors}
    if first.get("net.0.weight", ())[2:] == (1, 1):
        return "it is a discriminator (pixel); a translator is a generator, whose file is called ..._net_G....pth"
    if first.get("model.0.weight", ())[2:] == (4, 4):
        layers = sum(key.endswith(".weight") and tensors[key].ndim == 4 for key in tensors) - 2
        return (
            f"it is a discriminator (PatchGAN of {layers} layers); a translator is a generator, whose file is called "
            "..._net_G....pth"
        )
    if any(key.endswith(".filt") for key in tensors):
        return "it has low-pass filters between its layers, as CUT's generators have, which are not known"
    some = ", ".join(f"{key} {list(value.shape)}" for key, value in list(tensors.items())[:4])
    return f"its {len(tensors)} tensors are {some}{', ...' if len(tensors) > 4 else ''}"
