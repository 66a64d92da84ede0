"""CycleGAN (Zhu et al. 2017), and its semi-paired form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from i2i.errors import ConfigError
from i2i.plugins.protocols import Batch, Parts, Update
from i2i.plugins.terms import add_terms, discriminator_term, frozen, generator_term

if TYPE_CHECKING:
    from i2i.builtin.methods import CycleGANOptions


class CycleGAN:
    """Two generators, ``G_A``: A -> B and ``G_B``: B -> A; ``D_A`` judges images of B and ``D_B`` images of A.

    The generators minimise (Zhu et al. 2017, sec. 3 and 5.2; weights as in the reference implementation)::

        adversarial(G_A) + adversarial(G_B)
        + lambda_A |G_B(G_A(a)) - a| + lambda_B |G_A(G_B(b)) - b|
        + lambda_identity (lambda_B |G_A(b) - b| + lambda_A |G_B(a) - a|)
        + lambda_paired (|G_A(a) - partner of a| + |G_B(b) - partner of b|)     where partners exist

    The last line is semi-paired training: each image that has a true partner is also pulled towards it.

    Raises:
        ConfigError: when the identity terms are on and A and B have different numbers of channels.
    """

    def __init__(self, options: CycleGANOptions, parts: Parts) -> None:
        channels = parts.channels
        if options.lambda_identity > 0 and channels["A"] != channels["B"]:
            raise ConfigError(
                f"method.lambda_identity must be 0 when A and B differ in channels; got {options.lambda_identity} with "
                f"{channels['A']} and {channels['B']} channels; add --set method.lambda_identity=0"
            )
        self.options = options
        self.adversarial = parts.adversarial
        self.pixel = parts.pixel
        self.generators = {
            "G_A": parts.make_generator(channels["A"], channels["B"]),
            "G_B": parts.make_generator(channels["B"], channels["A"]),
        }
        self.discriminators = {
            "D_A": parts.make_discriminator(channels["B"]),
            "D_B": parts.make_discriminator(channels["A"]),
        }
        self.augment = {
            "D_A": parts.make_augmentation([channels["B"]]),
            "D_B": parts.make_augmentation([channels["A"]]),
        }
        self.buffers = {"fake_A": parts.make_buffer(), "fake_B": parts.make_buffer()}
        self.directions = {"AtoB": "G_A", "BtoA": "G_B"}

    def step(self, batches: Sequence[Batch], update: Update) -> dict[str, Tensor]:
        """One step of both generators, then one of both discriminators on the fakes made before it."""
        share = 1 / len(batches)
        totals: dict[str, Tensor] = {}
        fakes = []
        with frozen(self.discriminators.values()):
            for batch in batches:
                fake_a, fake_b, terms = self._generator_terms(batch, update.random)
                update.backward(sum(terms.values(), start=terms["G_A"].new_zeros(())) * share)
                fakes.append((fake_a.detach(), fake_b.detach()))
                add_terms(totals, terms, share)
        update.apply("generators")

        for batch, (fake_a, fake_b) in zip(batches, fakes, strict=True):
            shown_a = self.buffers["fake_A"].exchange(fake_a)
            shown_b = self.buffers["fake_B"].exchange(fake_b)
            terms = {}
            for name, real, fake in (("D_A", batch["B"], shown_b), ("D_B", batch["A"], shown_a)):
                real, fake = (self.augment[name](images, update.random) for images in (real, fake))
                network = self.discriminators[name]
                terms[name] = discriminator_term(self.adversarial, network, real, fake, update.random)
                update.backward(terms[name] * share)
            add_terms(totals, terms, share)
        update.apply("discriminators")
        return totals

    def _generator_terms(self, batch: Batch, random: torch.Generator) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return fake A, fake B and the weighted terms of the generators."""
        options, pixel = self.options, self.pixel
        g_a, g_b = self.generators["G_A"], self.generators["G_B"]
        real_a, real_b = batch["A"], batch["B"]
        fake_b = g_a(real_a)
        back_a = g_b(fake_b)
        fake_a = g_b(real_b)
        back_b = g_a(fake_a)
        terms = {
            "G_A": generator_term(self.adversarial, self.discriminators["D_A"], self.augment["D_A"](fake_b, random)),
            "G_B": generator_term(self.adversarial, self.discriminators["D_B"], self.augment["D_B"](fake_a, random)),
            "cycle_A": pixel(back_a, real_a) * options.lambda_A,
            "cycle_B": pixel(back_b, real_b) * options.lambda_B,
        }
        if options.lambda_identity > 0:
            terms["identity_A"] = pixel(g_a(real_b), real_b) * options.lambda_B * options.lambda_identity
            terms["identity_B"] = pixel(g_b(real_a), real_a) * options.lambda_A * options.lambda_identity
        if options.lambda_paired > 0:
            for domain, fake in (("A", fake_b), ("B", fake_a)):
                known = batch[f"{domain}_has_partner"]  # [N]
                if known.any():
                    partner = batch[f"{domain}_partner"]
                    terms[f"paired_{domain}"] = pixel(fake[known], partner[known]) * options.lambda_paired
        return fake_a, fake_b, terms
