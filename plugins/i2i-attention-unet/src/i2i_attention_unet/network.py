"""The attention U-Net, from torch alone.

Source: O. Oktay et al., "Attention U-Net: Learning Where to Look for the Pancreas", arXiv 1804.03999 (2018), section 2.
The paper segments volumes; here the gates sit in the strided U-Net that pix2pix translates images with
(P. Isola et al., arXiv 1611.07004, appendix 6.1).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHANNEL_CAP = 8
"""No level has more than this many times the base channels."""

LEVELS_WITH_DROPOUT = 3
"""How many decoder levels, from the coarsest on, get dropout when it is asked for, as in pix2pix."""


class AttentionGate(nn.Module):
    """Says, pixel by pixel, how much of a skip connection the coarser level asks for.

    With ``x`` the skip and ``g`` the gating signal, ``a = sigmoid(psi(relu(W_x x + W_g g + b_g)) + b_psi)``, the
    additive attention of the paper's section 2; the network goes on with ``a * x``. ``W_x`` also halves the
    resolution, so that ``x`` and ``g`` meet at the size of ``g``; ``a``, one channel wide, is interpolated back to
    the size of ``x``.

    Args:
        skip_channels: channels of ``x``.
        gate_channels: channels of ``g``.
    """

    def __init__(self, skip_channels: int, gate_channels: int) -> None:
        super().__init__()
        hidden_channels = max(1, skip_channels // 2)
        self.skip_projection = nn.Conv2d(skip_channels, hidden_channels, kernel_size=2, stride=2, bias=False)
        self.gate_projection = nn.Conv2d(gate_channels, hidden_channels, kernel_size=1)
        self.score = nn.Conv2d(hidden_channels, 1, kernel_size=1)

    def forward(self, skip: Tensor, gate: Tensor) -> Tensor:
        """Return the attention map ``[N, 1, H, W]``, values in (0, 1).

        Args:
            skip: ``[N, skip_channels, H, W]`` from the encoder, H and W even.
            gate: ``[N, gate_channels, H / 2, W / 2]`` from the decoder, one level coarser.
        """
        hidden = F.relu(self.skip_projection(skip) + self.gate_projection(gate))
        coarse = torch.sigmoid(self.score(hidden))
        return F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)


class AttentionUNet(nn.Module):
    """A U-Net generator with gated skip connections.

    Level 1 is the encoder's finest, at half the image's resolution; level ``downs`` is the bottleneck.

    Args:
        in_channels: channels of the input image.
        out_channels: channels of the output image.
        base_channels: channels of level 1; each further level has twice as many, at most 8 times ``base_channels``.
        downs: number of levels; H and W must be multiples of ``2 ** downs``.
        norm: ``"instance"`` (without affine parameters), ``"batch"`` or ``"none"``.
        dropout: dropout of 0.5 in the decoder's three coarsest levels.
        upsample: ``"deconv"`` (4x4 transposed convolution) or ``"resize"`` (nearest, then a 3x3 convolution).
        gate_first_skip: whether level 1's skip is gated too.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        base_channels: int = 64,
        downs: int = 5,
        norm: str = "instance",
        dropout: bool = False,
        upsample: str = "deconv",
        gate_first_skip: bool = True,
    ) -> None:
        super().__init__()
        self.size_multiple = 2**downs
        widths = [base_channels * min(2**level, CHANNEL_CAP) for level in range(downs)]

        # The bottleneck may be one pixel, of which no norm can take statistics; level 1 sees the image as it is.
        self.encoder = nn.ModuleList([_down(in_channels, widths[0], norm="none")])
        for level, (fine, coarse) in enumerate(pairwise(widths), start=2):
            self.encoder.append(_down(fine, coarse, norm="none" if level == downs else norm))

        # From coarse to fine, as the decoder goes. A level holds the gated skip beside what came up from below it.
        self.gates = nn.ModuleList()
        self.decoder = nn.ModuleList()
        below = widths[-1]
        for index, width in enumerate(reversed(widths[:-1])):
            if gate_first_skip or index < downs - 2:
                self.gates.append(AttentionGate(width, below))
            self.decoder.append(_up(below, width, upsample, norm, dropout=dropout and index < LEVELS_WITH_DROPOUT))
            below = 2 * width
        self.output = nn.Sequential(nn.ReLU(), *_upsampling(below, out_channels, upsample, bias=True), nn.Tanh())
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Translate ``[N, in_channels, H, W]`` in [-1, 1] to ``[N, out_channels, H, W]`` in [-1, 1].

        Raises:
            ValueError: when H or W is not a multiple of ``2 ** downs``.
        """
        return self._translate(images)[0]

    def attention_maps(self, images: Tensor) -> list[Tensor]:
        """Return where each gate looks, from coarse to fine: ``[N, 1, h, w]`` in (0, 1) at the size of its skip."""
        return self._translate(images)[1]

    def _translate(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        skips = self._encode(images)
        features = skips.pop()
        maps: list[Tensor] = []
        for index, up in enumerate(self.decoder):
            skip = skips.pop()
            if index < len(self.gates):
                maps.append(self.gates[index](skip, features))
                skip = skip * maps[-1]
            features = torch.cat([skip, up(features)], dim=1)
        return self.output(features), maps

    def _encode(self, images: Tensor) -> list[Tensor]:
        height, width = images.shape[-2:]
        if height % self.size_multiple or width % self.size_multiple:
            raise ValueError(
                f"attention-unet: height and width must be multiples of {self.size_multiple} (2 ** downs); "
                f"got {height} x {width}; resize or pad the images, or lower downs"
            )
        levels = [images]
        for down in self.encoder:
            levels.append(down(levels[-1]))
        return levels[1:]


def _down(in_channels: int, out_channels: int, norm: str) -> nn.Sequential:
    """Halve the resolution: convolution, norm, LeakyReLU."""
    convolution = nn.Conv2d(in_channels, out_channels, kernel_size=4, stride=2, padding=1, bias=norm == "none")
    return nn.Sequential(convolution, *_norm(norm, out_channels), nn.LeakyReLU(0.2))


def _up(in_channels: int, out_channels: int, upsample: str, norm: str, *, dropout: bool) -> nn.Sequential:
    """Double the resolution: ReLU, upsampling, norm, dropout."""
    layers: list[nn.Module] = [nn.ReLU()]
    layers += _upsampling(in_channels, out_channels, upsample, bias=norm == "none")
    layers += _norm(norm, out_channels)
    if dropout:
        layers.append(nn.Dropout(0.5))
    return nn.Sequential(*layers)


def _upsampling(in_channels: int, out_channels: int, upsample: str, *, bias: bool) -> list[nn.Module]:
    if upsample == "deconv":
        return [nn.ConvTranspose2d(in_channels, out_channels, kernel_size=4, stride=2, padding=1, bias=bias)]
    if upsample == "resize":
        return [
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=bias),
        ]
    raise ValueError(f"attention-unet: upsample must be 'deconv' or 'resize'; got {upsample!r}")


def _norm(norm: str, channels: int) -> list[nn.Module]:
    if norm == "instance":
        return [nn.InstanceNorm2d(channels)]
    if norm == "batch":
        return [nn.BatchNorm2d(channels)]
    if norm == "none":
        return []
    raise ValueError(f"attention-unet: norm must be 'instance', 'batch' or 'none'; got {norm!r}")


def _initialise(module: nn.Module) -> None:
    """Draw weights from N(0, 0.02), batch-norm scales from N(1, 0.02); biases start at zero."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
