"""CUT and FastCUT (Park, Efros, Zhang and Zhu, ECCV 2020)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from i2i.builtin.methods.patch_nce import PatchProjections, draw_places, patch_nce
from i2i.errors import ConfigError
from i2i.plugins.features import Tapped, tapped
from i2i.plugins.protocols import Batch, Parts, Update
from i2i.plugins.terms import add_terms, discriminator_term, frozen, generator_term
from i2i.tensors.inference import leaving_no_trace

if TYPE_CHECKING:
    from i2i.builtin.methods import ContrastOptions

PAPERS_TAPS = ("pixels", "down1", "down2", "block1", "block5")
"""The places of the paper in a ResNet, as generators name them."""


class CUT:
    """One generator ``G``: A -> B, whose own first layers say what patches of input and output have in common.

    ``G`` and the projections ``F`` minimise, with ``NCE(x)`` the contrast of ``G(x)`` to ``x``, a mean over the taps::

        adversarial(G) + lambda_NCE NCE(a)                          without nce_identity (FastCUT)
        adversarial(G) + lambda_NCE (NCE(a) + NCE(b)) / 2           with it (CUT)

    With ``flip_equivariance``, half of the steps translate mirrored images; ``D`` sees their fakes as they are, and the
    contrast mirrors their features back. As in the reference implementation ``D`` steps first, then ``G`` and ``F``.

    Args:
        options: of the contrast.
        parts: what it is made of.
        flip_equivariance: whether half of the steps translate mirrored images.

    Raises:
        ConfigError: A and B have different numbers of channels, or the generator lacks the taps.
    """

    def __init__(self, options: ContrastOptions, parts: Parts, *, flip_equivariance: bool = False) -> None:
        channels = parts.channels
        if channels["A"] != channels["B"]:
            raise ConfigError(
                "methods cut, fastcut and asp look at translations through the generator's own first layers, so A and "
                f"B must have as many channels; got {channels['A']} and {channels['B']}; use --method cyclegan "
                "--set method.lambda_identity=0, or --method pix2pix for pairs"
            )
        self.options, self.flip_equivariance = options, flip_equivariance
        self.adversarial = parts.adversarial
        self.generators = {"G": parts.make_generator(channels["A"], channels["B"])}
        self.discriminators = {"D": parts.make_discriminator(channels["B"])}
        self.augment = parts.make_augmentation([channels["B"]])
        self.buffers = {"fake_B": parts.make_buffer()}
        self.directions = {"AtoB": "G"}
        self.encoder = tapped(self.generators["G"], _chosen_taps(options.taps, parts.taps["generator"]))
        widths = _channels_of(self.encoder, channels["A"], parts.smallest_size)
        self.helpers = {"F": PatchProjections(widths, options.projection_channels)}

    def step(self, batches: Sequence[Batch], update: Update) -> dict[str, Tensor]:
        """One step of the discriminator, then one of the generator and the projections.

        With several micro-batches the generator runs again for its own step, so that only one graph is alive at a time.
        """
        discriminator = self.discriminators["D"]
        share = 1 / len(batches)
        totals: dict[str, Tensor] = {}
        mirrored = [self._draws_mirrored(update.random) for _ in batches]
        translated = None
        for batch, mirror in zip(batches, mirrored, strict=True):
            with torch.set_grad_enabled(len(batches) == 1):
                translated = self._translate(batch["A"], mirror)
            shown = self.buffers["fake_B"].exchange(translated[0].detach())
            real, fake = (self.augment(images, update.random) for images in (batch["B"], shown))
            term = discriminator_term(self.adversarial, discriminator, real, fake, update.random)
            update.backward(term * share)
            add_terms(totals, {"D": term}, share)
        update.apply("discriminators")

        with frozen([discriminator]):
            for batch, mirror in zip(batches, mirrored, strict=True):
                if translated is None or len(batches) > 1:
                    translated = self._translate(batch["A"], mirror)
                terms = self._generator_terms(batch, translated, mirror, update)
                update.backward(torch.stack(list(terms.values())).sum() * share)
                add_terms(totals, terms, share)
        update.apply("generators")
        update.apply("helpers")
        return totals

    def _generator_terms(
        self, batch: Batch, translated: tuple[Tensor, list[Tensor]], mirror: bool, update: Update
    ) -> dict[str, Tensor]:
        """The weighted terms of the generator and the projections, of what :meth:`_translate` made of A."""
        fake, keys = translated
        weight, random = self.options.lambda_NCE, update.random
        terms = {"G": generator_term(self.adversarial, self.discriminators["D"], self.augment(fake, random))}
        queries = self._queries(fake, mirror)
        terms["NCE"] = self._contrast(queries, keys, random) * weight
        if self.options.nce_identity:
            same, keys = self._translate(batch["B"], mirror)
            identity = self._contrast(self._queries(same, mirror), keys, random) * weight
            terms = {**terms, "NCE": terms["NCE"] / 2, "NCE_identity": identity / 2}
        return {**terms, **self._terms_of_pairs(batch, fake, queries, update)}

    def _terms_of_pairs(
        self, batch: Batch, fake: Tensor, queries: Sequence[Tensor], update: Update
    ) -> dict[str, Tensor]:
        """What a method for pairs adds: weighted terms of the translation and its features."""
        del batch, fake, queries, update
        return {}

    def _draws_mirrored(self, random: torch.Generator) -> bool:
        """Whether a micro-batch is translated mirrored."""
        return self.flip_equivariance and bool(torch.rand((), generator=random) < 0.5)

    def _translate(self, real: Tensor, mirror: bool) -> tuple[Tensor, list[Tensor]]:
        """Return the translation, mirrored if so, and the features of the images as they are: the keys."""
        if mirror:
            with torch.no_grad():
                keys = self.encoder.encode(real)
            fake: Tensor = self.generators["G"](real.flip(3))
        else:
            fake, keys = self.encoder(real)  # no gradient reaches keys, so one pass will do for both
        return fake, [key.detach() for key in keys.values()]

    def _queries(self, fake: Tensor, mirror: bool) -> list[Tensor]:
        """The features of a translation, mirrored back if it is mirrored."""
        features = self.encoder.encode(fake).values()
        return [feature.flip(3) for feature in features] if mirror else list(features)

    def _contrast(
        self,
        query_features: Sequence[Tensor],
        key_features: Sequence[Tensor],
        random: torch.Generator,
        loss: Callable[[Tensor, Tensor, float], Tensor] = patch_nce,
    ) -> Tensor:
        """The mean over the taps of the contrast of a translation's features to others."""
        places = draw_places(key_features, self.options.patches, random)
        projections = self.helpers["F"]
        with torch.no_grad():
            keys = projections(key_features, places)
        queries = projections(query_features, places)
        each = [loss(query, key, self.options.temperature) for query, key in zip(queries, keys, strict=True)]
        return torch.stack(each).mean()


def _chosen_taps(asked: str, known: Sequence[str]) -> list[str]:
    """The taps that were asked for; the paper's where there are all of them, else all that there are."""
    if not known:
        raise ConfigError(
            "methods cut, fastcut and asp look at inner layers of their generator, and this one names none (taps); "
            "choose a --generator that does: i2i plugins show generator NAME tells"
        )
    names = [name.strip() for name in asked.split(",")] if asked else []
    if wrong := [name for name in names if name not in known]:
        raise ConfigError(
            f"method.taps must be among the taps of the generator ({', '.join(known)}); "
            f"got {', '.join(map(repr, wrong))}"
        )
    return names or list(PAPERS_TAPS if set(PAPERS_TAPS) <= set(known) else known)


def _channels_of(encoder: Tapped, in_channels: int, side: int) -> list[int]:
    """The channels of each tap, by a look at the smallest image that the generator takes."""
    with leaving_no_trace([encoder.network], paper=False):
        features = encoder.encode(torch.zeros(1, in_channels, side, side))
    return [feature.shape[1] for feature in features.values()]
