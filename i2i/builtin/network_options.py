"""The options that the built-in generators and discriminators share. Imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from i2i.plugins import Options

Norm = Literal["instance", "batch", "none"]
Init = Literal["normal", "xavier", "kaiming", "orthogonal"]
Upsample = Literal["deconv", "resize", "bilinear"]
Kernels = Literal["auto", "reference"]


class NetworkOptions(Options):
    """Width, normalisation and initial weights of a network."""

    base_channels: int = Field(
        64, ge=1, le=1024, description="channels after the first convolution; deeper layers have a multiple of it"
    )
    norm: Norm = Field(
        "instance",
        description="normalisation after the inner convolutions; with 'batch' they have no bias, "
        "with 'instance' and 'none' they have one",
    )
    init: Init = Field("normal", description="how the convolution weights are drawn; biases start at zero")
    init_gain: float = Field(
        0.02,
        gt=0,
        le=10,
        allow_inf_nan=False,
        description="standard deviation of 'normal' weights and of batch-norm scales (around 1), "
        "factor of 'xavier' and 'orthogonal'; 'kaiming' draws its convolution weights without it",
    )
    kernels: Kernels = Field(
        "auto",
        description="'auto' runs instance norms and residual blocks through i2i's fused kernels where they are faster, "
        "'reference' takes PyTorch's own operators alone; the results differ by rounding",
    )
