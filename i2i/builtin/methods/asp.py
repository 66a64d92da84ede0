"""Adaptive supervised PatchNCE (Li, Hu, Chen and Kak, MICCAI 2023), for pairs that do not lie on each other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from i2i.builtin.methods.cut import CUT
from i2i.builtin.methods.patch_nce import adaptive_patch_nce
from i2i.plugins.protocols import Batch, Parts, Update

if TYPE_CHECKING:
    from i2i.builtin.methods import ASPOptions


class ASP(CUT):
    """CUT with two more terms, which compare ``G(a)`` with its misaligned target ``b``.

    ``G`` and the projections ``F`` minimise, with ``ASP`` a mean over the taps of
    :func:`~i2i.builtin.methods.patch_nce.adaptive_patch_nce`::

        adversarial(G) + lambda_NCE NCE(a) + lambda_ASP ASP(G(a), b) + lambda_pixel |G(a) - b|

    All places count alike until the share ``adapt_from`` of the run's budget is used, and then more and more by how
    alike translation and target are there. The discriminator judges images of B alone, as in CUT.
    """

    def __init__(self, options: ASPOptions, parts: Parts) -> None:
        super().__init__(options, parts)
        self.pixel, self.asp = parts.pixel, options

    def _terms_of_pairs(
        self, batch: Batch, fake: Tensor, queries: Sequence[Tensor], update: Update
    ) -> dict[str, Tensor]:
        options, terms = self.asp, {}
        if options.lambda_ASP > 0:
            with torch.no_grad():
                keys = list(self.encoder.encode(batch["B"]).values())
            loss = partial(adaptive_patch_nce, evenness=evenness(update.fraction, options.adapt_from))
            terms["ASP"] = self._contrast(queries, keys, update.random, loss) * options.lambda_ASP
        if options.lambda_pixel > 0:
            terms["pixel"] = self.pixel(fake, batch["B"]) * options.lambda_pixel
        return terms


def evenness(fraction: float, adapt_from: float) -> float:
    """How evenly places count when a share of the budget is used: 1 up to ``adapt_from``, then linearly down to 0."""
    return 1.0 if fraction <= adapt_from else (1 - fraction) / (1 - adapt_from)
