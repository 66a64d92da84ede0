"""Each check of methods fails for one that breaks just that promise, and passes for one that keeps it."""

import itertools

import pytest
import torch

from i2i.builtin.methods import SPECS
from i2i.plugins import MethodSpec
from i2i.plugins.protocols import PenalisedLoss
from i2i.plugins.terms import frozen, mean_over_logits
from i2i.testing import check_component, check_method

from .examples import failed_names


class GoodMethod:
    """pix2pix without its conditional input: the least that trains a generator and a discriminator."""

    def __init__(self, parts):
        self.parts = parts
        self.generators = {"G": parts.make_generator(parts.channels["A"], parts.channels["B"])}
        self.discriminators = {"D": parts.make_discriminator(parts.channels["B"])}
        self.buffers = {"fakes": parts.make_buffer()}
        self.directions = {"AtoB": "G"}

    def judge(self, image):
        return self.discriminators["D"](image)

    def discriminators_loss(self, real, fake, random):
        loss = mean_over_logits(self.parts.adversarial.discriminator, self.judge(real), self.judge(fake))
        if isinstance(self.parts.adversarial, PenalisedLoss):
            loss = loss + self.parts.adversarial.penalty(self.discriminators["D"], real, fake, random)
        return loss

    def step(self, batches, update):
        total = {}
        for batch in batches:
            fake = self.generators["G"](batch["A"])
            with frozen(self.discriminators.values()):
                total["G"] = mean_over_logits(self.parts.adversarial.generator, self.judge(fake))
                update.backward((total["G"] + self.parts.pixel(fake, batch["B"])) / len(batches))
        update.apply("generators")
        for batch in batches:
            with torch.no_grad():
                fake = self.generators["G"](batch["A"])
            total["D"] = self.discriminators_loss(batch["B"], fake, update.random)
            update.backward(total["D"] / len(batches))
        update.apply("discriminators")
        return {name: value.detach() for name, value in total.items()}


class UnnamedNetworks(GoodMethod):
    def __init__(self, parts):
        super().__init__(parts)
        self.generators = list(self.generators.values())


class UnknownDirection(GoodMethod):
    def __init__(self, parts):
        super().__init__(parts)
        self.directions = {"AtoB": "G_A"}


class ThreeChannels(GoodMethod):
    def __init__(self, parts):
        super().__init__(parts)
        self.generators = {"G": parts.make_generator(3, 3)}


class FirstBatchOnly(GoodMethod):
    def step(self, batches, update):
        (batch,) = batches
        return super().step([batch], update)


class NeverAppliesDiscriminators(GoodMethod):
    def step(self, batches, update):
        class Update:
            backward = update.backward

            def apply(self, group):
                if group == "generators":
                    update.apply(group)

        return super().step(batches, Update())


class InfiniteTerm(GoodMethod):
    def step(self, batches, update):
        return {**super().step(batches, update), "extra": torch.tensor(torch.inf)}


class StaysFrozen(GoodMethod):
    def step(self, batches, update):
        terms = super().step(batches, update)
        self.discriminators["D"].requires_grad_(False)
        return terms


class OneDiscriminatorOnly(GoodMethod):
    def judge(self, image):
        return torch.cat([super().judge(image)])


class FlatLogitsOnly(GoodMethod):
    def judge(self, image):
        logits = super().judge(image)
        return logits if isinstance(logits, torch.Tensor) else torch.cat([each.flatten() for each in logits])


class NoPenalty(GoodMethod):
    def discriminators_loss(self, real, fake, random):
        return mean_over_logits(self.parts.adversarial.discriminator, self.judge(real), self.judge(fake))


class PenaltyForNothing(GoodMethod):
    def discriminators_loss(self, real, fake, random):
        loss = super().discriminators_loss(real, fake, random)
        plain = mean_over_logits(self.parts.adversarial.discriminator, self.judge(real), self.judge(fake))
        return plain + (loss - plain).detach()


class PenaltyOnAttachedFakes(GoodMethod):
    def discriminators_loss(self, real, fake, random):
        return super().discriminators_loss(real, fake.requires_grad_(), random)


class OwnAdversary(GoodMethod):
    """It needs no adversarial loss, and so no penalty."""

    def discriminators_loss(self, real, fake, random):
        return mean_over_logits(lambda first, second: (second - first).mean(), self.judge(real), self.judge(fake))


class GlobalNoise(GoodMethod):
    seeds = itertools.count()

    def step(self, batches, update):
        with torch.no_grad():
            next(self.generators["G"].parameters()).mul_(1 + 0.01 * next(self.seeds))
        return super().step(batches, update)


class Helped(GoodMethod):
    """A helper shifts what the pixel loss sees, and the method counts its own steps."""

    def __init__(self, parts):
        super().__init__(parts)
        self.helpers = {"F": torch.nn.Conv2d(3, 3, 1)}
        self.steps = 0

    def step(self, batches, update):
        terms = super().step(batches, update)
        assert (update.step, update.fraction) == (self.steps, self.steps / 4)
        update.backward(self.helpers["F"](batches[0]["A"]).mean() * (self.steps + 1))
        update.apply("helpers")
        self.steps += 1
        return terms

    def state_dict(self):
        return {"steps": self.steps}

    def load_state_dict(self, state):
        self.steps = state["steps"]


class ForgetsItsState(Helped):
    def state_dict(self):
        return {"steps": 0}

    def step(self, batches, update):
        update.step = self.steps
        update.fraction = self.steps / 4
        return super().step(batches, update)


class HelperIsNotApplied(Helped):
    def step(self, batches, update):
        return GoodMethod.step(self, batches, update)


class HelperIsAGenerator(Helped):
    def __init__(self, parts):
        super().__init__(parts)
        self.helpers = {"G": torch.nn.Conv2d(3, 3, 1)}


def method_spec(method, pairing="paired"):
    return MethodSpec(
        name="example",
        summary="a method",
        build=lambda options, *, parts: method(parts),
        pairing=lambda options: pairing,
    )


def test_good_method_passes_every_check():
    check_method(method_spec(GoodMethod))


@pytest.mark.parametrize(("name", "options"), [("pix2pix", {"feature_matching": 10.0}), ("cut", {"taps": "layer1"})])
def test_a_method_finds_the_layers_that_it_looks_at(name, options):
    (spec,) = [each for each in SPECS if each.name == name]
    check_method(spec, options)


def test_a_method_with_helpers_and_a_state_passes_every_check():
    check_method(method_spec(Helped))


def test_a_method_with_an_adversary_of_its_own_needs_no_penalty():
    (result,) = [each for each in check_component(method_spec(OwnAdversary)) if each.name == "penalised loss"]

    assert result.ok
    assert "asks the adversarial loss for no discriminator's loss" in result.message


@pytest.mark.parametrize(
    ("method", "check"),
    [
        (UnnamedNetworks, "builds a method"),
        (UnknownDirection, "directions"),
        (ThreeChannels, "other channels"),
        (FirstBatchOnly, "gradient accumulation"),
        (NeverAppliesDiscriminators, "one step"),
        (InfiniteTerm, "one step"),
        (StaysFrozen, "one step"),
        (OneDiscriminatorOnly, "several discriminators"),
        (FlatLogitsOnly, "nested logits"),
        (NoPenalty, "penalised loss"),
        (PenaltyForNothing, "penalised loss"),
        (PenaltyOnAttachedFakes, "penalised loss"),
        (GlobalNoise, "determinism"),
        (ForgetsItsState, "exact resume"),
        (HelperIsNotApplied, "one step"),
        (HelperIsAGenerator, "builds a method"),
    ],
)
def test_broken_method_fails_its_check(method, check):
    assert check in failed_names(method_spec(method))


def test_unknown_pairing_is_named():
    assert failed_names(method_spec(GoodMethod, pairing="twins")) == ["pairing"]
