"""What the built-in networks are made of: the choice of norm, upsampling and initial weights, and the input check."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from i2i.builtin.network_options import Init, Kernels, Norm, Upsample
from i2i.ops import InstanceNormAct, TransposedConvolution


def make_norm(norm: Norm, channels: int, *, affine: bool = False, kernels: Kernels = "auto") -> nn.Module:
    """Return the normalisation of ``[N, channels, H, W]``.

    Args:
        norm: ``"instance"`` keeps no running statistics, so it does the same in training and evaluation; ``"none"``
            is an identity, so that the layers after it keep their place in the state dict.
        channels: channels of the input.
        affine: whether instance norm has a learnt scale and shift. Batch norm always has them.
        kernels: what instance norm runs on, see :class:`~i2i.ops.modules.InstanceNormAct`.

    Raises:
        ValueError: for ``affine`` without instance norm.
    """
    if affine and norm != "instance":
        raise ValueError(f"affine is for norm 'instance' only; got norm {norm!r}; leave affine out")
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "instance":
        return InstanceNormAct(channels, affine=affine, act="none", impl=kernels)
    return nn.Identity()


def make_norm_act(
    norm: Norm,
    channels: int,
    *,
    affine: bool = False,
    act: Literal["relu", "leaky_relu"] = "relu",
    pad: int = 0,
    halve: bool = False,
    kernels: Kernels = "auto",
) -> list[nn.Module]:
    """Return normalisation, activation and, for ``pad`` above 0, reflection padding, one after the other.

    Instance norm does all of it in one pass; identities keep the places of the others in the state dict.

    Args:
        norm: see :func:`make_norm`.
        channels: channels of the input.
        affine: see :func:`make_norm`.
        act: ``"relu"``, or ``"leaky_relu"`` of slope 0.2.
        pad: pixels reflected at each side.
        halve: whether a :class:`Blur` behind the activation halves the size; it takes no place of its own.
        kernels: see :func:`make_norm`.
    """
    if norm == "instance":
        fused_pad = 1 if halve else pad  # the blur's own padding, where there is one
        fused = InstanceNormAct(channels, affine=affine, act=act, negative_slope=0.2, pad=fused_pad, impl=kernels)
        behind: nn.Module = Blur(channels, stride=2, pad=0) if halve else nn.Identity()
        return [fused, behind, *([nn.Identity()] if pad else [])]
    inplace = norm != "none"  # a norm's own output; without one it would be the convolution's, which taps look at
    activation: nn.Module = nn.ReLU(inplace) if act == "relu" else nn.LeakyReLU(0.2, inplace)
    if halve:
        activation = nn.Sequential(activation, Blur(channels, stride=2))
    return [make_norm(norm, channels, affine=affine), activation, *([nn.ReflectionPad2d(pad)] if pad else [])]


def needs_bias(norm: Norm) -> bool:
    """Whether a convolution that this norm follows has a bias.

    Batch norm has a shift of its own. With instance norm the bias has no effect, but the reference implementation of
    CycleGAN stores one, so the keys of a checkpoint need it. That implementation also drops the bias when there is no
    norm at all, which leaves a layer without any shift; here ``"none"`` keeps it.
    """
    return norm != "batch"


class Blur(nn.Module):
    """Blur each channel by the outer product of ``[1, 2, 1] / 4`` with itself, edges reflected, and take every n-th.

    Without it, what is finer than the pixels that are left appears in them as something coarser (Zhang, "Making
    Convolutional Networks Shift-Invariant Again", ICML 2019). It has no parameters, and nothing in the state dict.

    Args:
        channels: C of the input ``[N, C, H, W]``.
        stride: n.
        pad: pixels reflected at each side; 0 for an input that has one more at each side already.
    """

    def __init__(self, channels: int, *, stride: int = 1, pad: int = 1) -> None:
        super().__init__()
        self.stride, self.pad = stride, pad
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.kernel: Tensor
        self.register_buffer("kernel", row.outer(row).repeat(channels, 1, 1, 1), persistent=False)  # [C, 1, 3, 3]

    def forward(self, features: Tensor) -> Tensor:
        """Map ``[N, C, H, W]`` to ``[N, C, ceil(H / stride), ceil(W / stride)]``; H and W of at least 2."""
        if self.pad:
            features = F.pad(features, [self.pad] * 4, mode="reflect")
        return F.conv2d(features, self.kernel, stride=self.stride, groups=len(self.kernel))

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"{len(self.kernel)}, stride={self.stride}, pad={self.pad}"


def before_halving(channels: int, *, antialias: bool) -> nn.Module:
    """Return what comes before a convolution that halves the size: leaky ReLU of slope 0.2, and perhaps a blur.

    A blur in front of a convolution without activation in between is one behind it, which the stride then thins out,
    but for the edges; it costs a fraction of that.
    """
    activation = nn.LeakyReLU(0.2)
    return nn.Sequential(activation, Blur(channels)) if antialias else activation


class ResizeConv2d(nn.Conv2d):
    """Double the size by repeating pixels or between them, then a zero-padded 3x3 convolution.

    ``[N, in_channels, H, W]`` to ``[N, out_channels, 2H, 2W]``. Every output pixel is made of equally many weights,
    which a strided transposed convolution does not give; that unevenness shows as a checkerboard (Odena, Dumoulin and
    Olah, "Deconvolution and Checkerboard Artifacts", Distill 2016). Its parameters have the names of the transposed
    convolution it stands for.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        mode: ``"nearest"`` repeats pixels; ``"bilinear"`` mixes 3 parts of the nearest with 1 of the next along rows
            and columns, which is the blur ``[1, 3, 3, 1] / 4`` of the input with zeros between its pixels.
        bias: whether there is one.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        mode: Literal["nearest", "bilinear"] = "nearest",
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size=3, padding=1, bias=bias)
        self.mode = mode

    def forward(self, images: Tensor) -> Tensor:
        """Map ``[N, in_channels, H, W]`` to ``[N, out_channels, 2H, 2W]``."""
        return super().forward(F.interpolate(images, scale_factor=2.0, mode=self.mode))


def make_upsample(
    upsample: Upsample, in_channels: int, out_channels: int, *, kernel_size: int, bias: bool
) -> nn.Module:
    """Return a layer from ``[N, in_channels, H, W]`` to ``[N, out_channels, 2H, 2W]``.

    Args:
        upsample: ``"deconv"`` for a transposed convolution of stride 2, ``"resize"`` for :class:`ResizeConv2d` of mode
            ``"nearest"``, ``"bilinear"`` for that mode.
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: 3 or 4, of the transposed convolution.
        bias: whether the layer has a bias.
    """
    if upsample != "deconv":
        mode: Literal["nearest", "bilinear"] = "nearest" if upsample == "resize" else "bilinear"
        return ResizeConv2d(in_channels, out_channels, mode=mode, bias=bias)
    # An odd kernel leaves one row and one column short of twice the size; output_padding adds them.
    return TransposedConvolution(
        in_channels, out_channels, kernel_size, stride=2, padding=1, output_padding=kernel_size % 2, bias=bias
    )


SKIPPED_AT_MOST = 0.98
"""Largest absolute value of a pixel that :class:`InputSkip` passes on: beyond it, white and black could not change."""


class InputSkip(nn.Module):
    """A network's change added to its input: ``tanh(atanh(images) + gain * change)``, images clamped to 0.98.

    The sum is taken before the tanh that gives the image, so that the result stays in [-1, 1] and gradients do not
    vanish where a clamped sum's would (DeblurGAN, Kupyn et al., CVPR 2018, clamps ``images + tanh(change)``).

    Args:
        gain: what the change is multiplied by.
    """

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, images: Tensor, change: Tensor) -> Tensor:
        """Map two tensors ``[N, C, H, W]``, images in [-1, 1] and any change, to ``[N, C, H, W]`` in [-1, 1]."""
        shown = images.clamp(-SKIPPED_AT_MOST, SKIPPED_AT_MOST)
        before = 0.5 * torch.log((1 + shown) / (1 - shown))  # atanh, of operators that every exported file's reader has
        return torch.tanh(before + self.gain * change)

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"gain={self.gain:g}"


def start_unchanged(network: nn.Module) -> None:
    """Set the convolution that makes the image to zero, in place: with :class:`InputSkip` the output is the input."""
    last = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)][-1]
    nn.init.zeros_(last.weight)
    if last.bias is not None:
        nn.init.zeros_(last.bias)


def initialise(network: nn.Module, init: Init = "normal", gain: float = 0.02) -> None:
    """Draw the initial weights of a network, in place, as the reference implementation of CycleGAN does.

    Convolutions and linear layers get weights by ``init`` and zero biases. Batch norm gets scales from N(1, gain) and
    zero shifts. The scale and shift of instance norm stay at one and zero.

    Args:
        network: any module.
        init: ``"normal"`` draws from N(0, gain); ``"xavier"`` and ``"orthogonal"`` multiply by ``gain``;
            ``"kaiming"`` (for ReLU, by fan-in) takes no gain.
        gain: see ``init``.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            if init == "normal":
                nn.init.normal_(module.weight, 0.0, gain)
            elif init == "xavier":
                nn.init.xavier_normal_(module.weight, gain)
            elif init == "kaiming":
                nn.init.kaiming_normal_(module.weight)
            else:
                nn.init.orthogonal_(module.weight, gain)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, gain)
            nn.init.zeros_(module.bias)


def add_spectral_norm(network: nn.Module) -> None:
    """Divide the weight of every convolution by its largest singular value (Miyato et al., ICLR 2018), in place.

    Call it after :func:`initialise`: the estimate of the singular value starts from the weights it finds, and the
    weights it wraps can no longer be drawn in place. In training mode each forward pass refines the estimate, which
    changes buffers.
    """
    for module in list(network.modules()):
        if isinstance(module, nn.Conv2d):
            spectral_norm(module)


def require_images(images: Tensor, *, channels: int, smallest: int, multiple: int = 1) -> None:
    """Check that a network can take these images.

    Args:
        images: expected to be ``[N, channels, H, W]``.
        channels: what the network was made for.
        smallest: least H and W.
        multiple: what H and W must be multiples of.

    Raises:
        ValueError: when the shape is another; the message says which sizes would do.
    """
    if images.ndim != 4 or images.shape[1] != channels:
        raise ValueError(f"images must have shape [N, {channels}, H, W]; got {list(images.shape)}")
    height, width = images.shape[2:]
    if height % multiple or width % multiple:
        fitting = "x".join(str(max(smallest, multiple * round(size / multiple))) for size in (height, width))
        raise ValueError(
            f"images must have height and width that are multiples of {multiple}; got {height}x{width}; "
            f"resize, crop or pad them, for example to {fitting}"
        )
    if min(height, width) < smallest:
        raise ValueError(
            f"images must have height and width of at least {smallest}; got {height}x{width}; "
            "use larger images or a network with fewer layers"
        )
