"""pix2pix (Isola et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from i2i.builtin.methods.feature_matching import feature_distance, matched_layers
from i2i.plugins.protocols import Batch, Parts, Update
from i2i.plugins.terms import add_terms, discriminator_term, frozen, generator_term

if TYPE_CHECKING:
    from i2i.builtin.methods import Pix2PixOptions


class Pix2Pix:
    """One generator ``G``: A -> B, and a discriminator ``D`` that judges A and B side by side in the channels.

    The generator minimises ``adversarial(G) + lambda_L1 |G(a) - b|`` (Isola et al. 2017, eq. 4), and with
    ``feature_matching`` also that times :func:`~i2i.builtin.methods.feature_matching.feature_distance` of ``G(a)`` to
    ``b`` beside ``a`` (Wang et al. 2018, eq. 4). The discriminator steps first, as in the reference implementation.

    Raises:
        ConfigError: with ``feature_matching``, a discriminator names no inner layers.
    """

    def __init__(self, options: Pix2PixOptions, parts: Parts) -> None:
        channels = parts.channels
        self.options = options
        self.adversarial = parts.adversarial
        self.pixel = parts.pixel
        self.generators = {"G": parts.make_generator(channels["A"], channels["B"])}
        self.discriminators = {"D": parts.make_discriminator(channels["A"] + channels["B"])}
        self.augment = parts.make_augmentation([channels["A"], channels["B"]])
        if options.feature_matching > 0:
            self.layers = matched_layers(self.discriminators["D"])
        self.buffers = {"fake_AB": parts.make_buffer()}
        self.directions = {"AtoB": "G"}

    def step(self, batches: Sequence[Batch], update: Update) -> dict[str, Tensor]:
        """One step of the discriminator, then one of the generator against it.

        With several micro-batches the generator runs again for its own step, so that only one graph is alive at a time.
        """
        generator, discriminator = self.generators["G"], self.discriminators["D"]
        share = 1 / len(batches)
        totals: dict[str, Tensor] = {}
        fake_b = None
        for batch in batches:
            with torch.set_grad_enabled(len(batches) == 1):
                fake_b = generator(batch["A"])
            real = torch.cat([batch["A"], batch["B"]], dim=1)  # [N, C_A + C_B, H, W]
            fake = self.buffers["fake_AB"].exchange(torch.cat([batch["A"], fake_b], dim=1))
            real, fake = (self.augment(images, update.random) for images in (real, fake))
            term = discriminator_term(self.adversarial, discriminator, real, fake, update.random)
            update.backward(term * share)
            add_terms(totals, {"D": term}, share)
        update.apply("discriminators")

        with frozen([discriminator]):
            for batch in batches:
                if fake_b is None or len(batches) > 1:
                    fake_b = generator(batch["A"])
                before = update.random.get_state()
                shown = self.augment(torch.cat([batch["A"], fake_b], dim=1), update.random)
                terms = {
                    "G": generator_term(self.adversarial, discriminator, shown),
                    "L1": self.pixel(fake_b, batch["B"]) * self.options.lambda_L1,
                }
                if self.options.feature_matching > 0:
                    same_draws = torch.Generator().set_state(before)  # else an augmentation would move the two apart
                    target = self.augment(torch.cat([batch["A"], batch["B"]], dim=1), same_draws)
                    terms["FM"] = feature_distance(self.layers, shown, target) * self.options.feature_matching
                update.backward(sum(terms.values(), start=terms["G"].new_zeros(())) * share)
                add_terms(totals, terms, share)
        update.apply("generators")
        return totals
