"""Instance norm by PyTorch's own operator, with right gradients for every memory format."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def plain_instance_norm(x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    """Return ``torch.nn.functional.instance_norm`` of ``[N, C, H, W]``, contiguous.

    For a batch of one and a gradient that arrives in channels_last, PyTorch 2.13 on the CPU reads the gradient as if it
    were contiguous and returns a wrong one without a word. Flattening makes the gradient contiguous on its way back.
    """
    out = F.instance_norm(x, weight=weight, bias=bias, eps=eps)
    if torch.is_grad_enabled() and out.requires_grad:
        return out.flatten().view(x.shape)
    return out
