"""The steps of CUT and FastCUT against a straight-line transcript of the paper's and its code's recipe."""

from __future__ import annotations

import pytest
import torch

from i2i.errors import ConfigError

from .stepping import (
    SMALL_DISCRIMINATOR,
    PlainUpdate,
    assert_same_gradients,
    assert_same_terms,
    assert_same_weights,
    copies_of,
    make_images,
    make_method,
)

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = [
    "generator.name=resnet6",
    "generator.base_channels=4",
    "method.patches=16",
    "method.projection_channels=32",
    *SMALL_DISCRIMINATOR,
]
LAYERS = (0, 4, 7, 10, 14)
"""Module numbers of a ResNet without anti-aliasing: padded pixels, both halvings, the first and the fifth block."""


class Transcript:
    """The recipe with literal numbers: D first, least squares, half the D loss, T 0.07, Adam 2e-4 (0.5, 0.999)."""

    def __init__(self, method, update, *, weight, identity, flip):
        self.networks = n = copies_of(method)
        self.weight, self.identity, self.flip = weight, identity, flip
        self.optimizers = {
            name: torch.optim.Adam(getattr(n, name).parameters(), lr=2e-4, betas=(0.5, 0.999)) for name in "DGF"
        }
        self.random = torch.Generator()
        self.random.set_state(update.random.get_state())
        self.flipped = []

    def encode(self, images):
        features = []
        for number, layer in enumerate(self.networks.G.model[: LAYERS[-1] + 1]):
            images = layer(images)
            if number in LAYERS:
                features.append(images)
        return features

    def project(self, number, feature, places):
        """Features at places, through two linear layers, made unit vectors."""
        first, _, second = self.networks.F.layers[number]
        rows = feature.permute(0, 2, 3, 1).flatten(1, 2)[:, places, :].flatten(0, 1)
        rows = torch.relu(rows @ first.weight.T + first.bias) @ second.weight.T + second.bias
        return rows / (rows.norm(dim=1, keepdim=True) + 1e-7)

    def contrast(self, source, target, flipped):
        queries, keys, losses = self.encode(target), self.encode(source), []
        if flipped:
            queries = [torch.flip(query, [3]) for query in queries]
        all_places = [torch.randperm(key.shape[2] * key.shape[3], generator=self.random)[:16] for key in keys]
        for number, places in enumerate(all_places):
            query, key = self.project(number, queries[number], places), self.project(number, keys[number], places)
            key = key.detach()
            for image in torch.arange(len(query)).view(len(source), -1):
                similar = query[image] @ key[image].T / 0.07
                own = similar.diagonal()
                losses.append((similar.exp().sum(1).log() - own).mean() / len(source))
        return self.weight * sum(losses) / len(LAYERS)

    def step(self, batch):
        n, a, b = self.networks, batch["A"], batch["B"]
        flipped = self.flip and torch.rand((), generator=self.random).item() < 0.5
        self.flipped.append(flipped)
        real = torch.cat((a, b)) if self.identity else a  # both through the generator at once
        fakes = n.G(torch.flip(real, [3]) if flipped else real)
        fake = fakes[: len(a)]

        self.optimizers["D"].zero_grad()
        terms = {"D": ((n.D(fake.detach()) ** 2).mean() + ((n.D(b) - 1) ** 2).mean()) * 0.5}
        terms["D"].backward()
        self.optimizers["D"].step()

        n.D.requires_grad_(False)
        self.optimizers["G"].zero_grad()
        self.optimizers["F"].zero_grad()
        terms["G"] = ((n.D(fake) - 1) ** 2).mean()
        terms["NCE"] = self.contrast(a, fake, flipped)
        if self.identity:
            terms["NCE"] = terms["NCE"] * 0.5
            terms["NCE_identity"] = self.contrast(b, fakes[len(a) :], flipped) * 0.5
        sum(value for name, value in terms.items() if name != "D").backward()
        self.optimizers["G"].step()
        self.optimizers["F"].step()
        n.D.requires_grad_(True)
        return terms


RECIPES = {
    "cut": {"weight": 1.0, "identity": True, "flip": False},
    "fastcut": {"weight": 10.0, "identity": False, "flip": True},
}


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("batch_size", [1, 2])
def test_five_steps_equal_the_transcript(name, batch_size):
    method, config = make_method(f"method.name={name}", *SMALL)
    update = PlainUpdate(method, config)
    transcript = Transcript(method, update, **RECIPES[name])
    for batch in make_images(batch=batch_size):
        assert_same_terms(method.step([batch], update), transcript.step(batch))
        for group, letter in (("generators", "G"), ("discriminators", "D"), ("helpers", "F")):
            expected = [p.grad for p in transcript.optimizers[letter].param_groups[0]["params"]]
            assert_same_gradients(update.gradients[group], expected)

    assert_same_weights(method, transcript.networks, noise=1e-8)  # short vectors have steep gradients
    assert len(set(transcript.flipped)) == (2 if name == "fastcut" else 1), "both ways are compared"
    assert update.calls[:6] == ["backward", "discriminators", "backward", "generators", "helpers", "backward"]


def test_accumulating_steps_every_network_once_on_all_batches():
    """Places are drawn for each micro-batch, so that the sum of two is no batch of two; without contrast it is."""
    settings = ["method.name=cut", "method.lambda_NCE=0", *SMALL]
    whole, config = make_method(*settings)
    parts, _ = make_method(*settings)
    update_whole, update_parts = PlainUpdate(whole, config), PlainUpdate(parts, config)
    for batch in make_images(batch=2, steps=2, size=16):
        halves = [{key: value[row : row + 1] for key, value in batch.items()} for row in (0, 1)]
        assert_same_terms(parts.step(halves, update_parts), whole.step([batch], update_whole))
    assert_same_weights(parts, copies_of(whole))


def test_the_keys_are_of_the_images_as_they_are():
    """An equivariant network, which a generator is not, would let a mirrored key pass unseen."""
    method, _ = make_method("method.name=fastcut", *SMALL)
    real = make_images(steps=1)[0]["A"]
    straight, mirrored = (method._translate(real, mirror) for mirror in (False, True))

    for one, other in zip(straight[1], mirrored[1], strict=True):
        assert torch.equal(one, other)
        assert not one.requires_grad
    assert not torch.allclose(mirrored[0].flip(3), straight[0])


@pytest.mark.parametrize(
    ("settings", "taps"),
    [
        ([], ["pixels", "down1", "down2", "block1", "block5"]),
        (["method.taps=block1, pixels"], ["block1", "pixels"]),
    ],
)
def test_it_contrasts_the_papers_layers_or_those_asked_for(settings, taps):
    method, _ = make_method("method.name=cut", *SMALL, *settings)
    assert list(method.encoder.taps) == taps
    widths = {"pixels": 3, "down1": 8}
    projected = [layer[0].in_features for layer in method.helpers["F"].layers]
    assert projected == [widths.get(tap, 16) for tap in taps]


@pytest.mark.parametrize(
    ("generator", "taps"),
    [
        (["generator.name=resnet", "generator.blocks=2"], ["pixels", "down1", "down2", "block1", "block2"]),
        (["generator.name=unet", "generator.downs=4"], ["down1", "down2", "down3"]),
        (
            ["generator.name=resnet", "generator.blocks=1", "generator.antialias=true", "generator.upsample=bilinear"],
            ["pixels", "down1", "down2", "block1"],
        ),
    ],
)
def test_any_generator_that_names_layers_will_do(generator, taps):
    small = [setting for setting in SMALL if setting != "generator.name=resnet6"]
    method, config = make_method("method.name=cut", *generator, *small)
    terms = method.step(make_images(steps=1), PlainUpdate(method, config))
    assert list(method.encoder.taps) == taps
    assert all(term.isfinite() for term in terms.values())


def test_layers_that_the_generator_has_not_are_named():
    with pytest.raises(ConfigError, match=r"method.taps must be among the taps .*\(pixels, .*\); got 'block9', 'up'"):
        make_method("method.name=cut", *SMALL, "method.taps=block9,pixels,up")


def test_domains_of_different_channels_are_refused():
    with pytest.raises(ConfigError, match="A and B must have as many channels; got 1 and 3; use --method cyclegan"):
        make_method("method.name=fastcut", *SMALL, channels={"A": 1, "B": 3})


def test_making_it_draws_nothing_and_leaves_no_trace_on_the_generator():
    method, _ = make_method("method.name=cut", *SMALL, "generator.norm=batch")
    statistics = dict(method.generators["G"].named_buffers())
    assert statistics
    assert all(not value.any() for name, value in statistics.items() if name.endswith(("mean", "tracked")))
