"""What the operators require of their arguments, and the messages that say so."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Real

import torch
from torch import Tensor

FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
REDUCED = (torch.float16, torch.bfloat16)
"""Dtypes whose weights may stay in float32, because the operators compute in float32 inside."""


def require_one_of(name: str, value: object, allowed: Collection[str]) -> None:
    """Check a named choice.

    Raises:
        ValueError: when ``value`` is none of ``allowed``.
    """
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}; got {value!r}")


def require_planes(name: str, x: Tensor) -> None:
    """Check that a tensor is ``[N, C, H, W]`` and real floating point.

    Raises:
        TypeError: when it is not a tensor or has another dtype.
        ValueError: when it does not have four dimensions.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} must be a tensor; got {type(x).__name__}")
    if x.dtype not in FLOATING:
        raise TypeError(f"{name} must be float16, bfloat16, float32 or float64; got {x.dtype}")
    if x.ndim != 4:
        raise ValueError(f"{name} must have shape [N, C, H, W]; got {list(x.shape)}")


def require_parameter(name: str, parameter: Tensor, shape: list[int], x: Tensor) -> None:
    """Check shape, dtype and device of a parameter against those of the input ``x``.

    Raises:
        TypeError: when the dtype is neither that of ``x`` nor float32 beside an ``x`` of less precision.
        ValueError: when the shape or the device is another.
    """
    if not isinstance(parameter, Tensor):
        raise TypeError(f"{name} must be a tensor; got {type(parameter).__name__}")
    if list(parameter.shape) != shape:
        raise ValueError(
            f"{name} must have shape {shape} for x with {x.shape[1]} channels; got {list(parameter.shape)}"
        )
    if parameter.dtype != x.dtype and not (x.dtype in REDUCED and parameter.dtype == torch.float32):
        wanted = f"{x.dtype}, the dtype of x{', or torch.float32' if x.dtype in REDUCED else ''}"
        raise TypeError(f"{name} must have dtype {wanted}; got {parameter.dtype}")
    if parameter.device != x.device:
        raise ValueError(f"{name} must be on {x.device}, the device of x; got {parameter.device}")


def require_affine(names: tuple[str, str], weight: Tensor | None, bias: Tensor | None, x: Tensor) -> None:
    """Check the scale and shift ``[C]`` of an instance norm, which come together or not at all.

    Raises:
        TypeError: see :func:`require_parameter`.
        ValueError: see :func:`require_parameter`; also when one is given without the other.
    """
    if (weight is None) != (bias is None):
        given, missing = names if bias is None else names[::-1]
        raise ValueError(f"{names[0]} and {names[1]} must be given together; got {given} without {missing}")
    if weight is not None and bias is not None:
        require_parameter(names[0], weight, [x.shape[1]], x)
        require_parameter(names[1], bias, [x.shape[1]], x)


def require_epsilon(eps: object) -> None:
    """Check what is added to a variance.

    Raises:
        TypeError: when it is not a real number.
        ValueError: when it is negative or NaN.
    """
    if isinstance(eps, bool) or not isinstance(eps, Real):
        raise TypeError(f"eps must be a number; got {eps!r}")
    if not float(eps) >= 0:
        raise ValueError(f"eps must be at least 0; got {eps}")


def require_many_values(x: Tensor) -> None:
    """Check that a plane has something to normalise, as ``torch.nn.functional.instance_norm`` does.

    Raises:
        ValueError: when the planes hold one value, whose norm is zero whatever it was.
    """
    if x.shape[2] == 1 and x.shape[3] == 1:
        raise ValueError(
            f"x must have more than one value a plane to be normalised; got {list(x.shape)}; "
            "use larger images, or no norm at this place"
        )


def require_padding(pad: int, x: Tensor) -> None:
    """Check that planes can be reflected by this many pixels.

    Raises:
        TypeError: when ``pad`` is not an integer.
        ValueError: when it is negative, or not less than height and width.
    """
    if not isinstance(pad, int) or isinstance(pad, bool):
        raise TypeError(f"pad must be an integer; got {pad!r}")
    if pad < 0:
        raise ValueError(f"pad must be at least 0; got {pad}")
    height, width = x.shape[2:]
    if pad > 0 and (pad >= height or pad >= width):
        raise ValueError(f"pad must be less than height and width of x to reflect it; got {pad} for {height}x{width}")
