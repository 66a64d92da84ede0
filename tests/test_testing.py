"""Each contract check fails for a component that breaks just that promise, and passes for one that keeps it."""

import itertools
import random

import pytest
import torch
from pydantic import Field
from torch import nn
from torch.nn import functional as F

from i2i.plugins import (
    BufferSpec,
    DatasetSpec,
    DiscriminatorSpec,
    GeneratorSpec,
    LossSpec,
    MethodSpec,
    Options,
)
from i2i.testing import (
    check_buffer,
    check_component,
    check_dataset,
    check_discriminator,
    check_generator,
    check_loss,
    check_method,
)


def failed_names(spec, **arguments):
    return [result.name for result in check_component(spec, **arguments) if not result.ok]


# --- options


class UndocumentedOptions(Options):
    depth: int = 1


class RequiredOptions(Options):
    depth: int = Field(description="has no default")


class WideOptions(Options):
    base_channels: int = Field(64, ge=1, description="width")


class StubbornOptions(Options):
    base_channels: int = Field(64, ge=32, description="width, not below 32")


def test_option_without_description_is_named():
    results = check_component(generator_spec(GoodGenerator, options=UndocumentedOptions))

    assert [(result.name, "'depth'" in result.message) for result in results if not result.ok] == [
        ("options documented", True)
    ]


def test_option_without_default_ends_the_checks():
    results = check_component(generator_spec(GoodGenerator, options=RequiredOptions))

    assert [result.name for result in results if not result.ok] == ["options valid"]
    assert results[-1].name == "options valid"


def test_base_channels_are_lowered_and_that_is_said():
    widths = []
    spec = GeneratorSpec(
        name="wide",
        summary="a generator",
        options=WideOptions,
        build=lambda options, *, in_channels, out_channels: (
            widths.append(options.base_channels) or GoodGenerator(in_channels, out_channels)
        ),
    )
    results = check_component(spec)

    assert set(widths) == {8}
    assert any("base_channels=8 (default 64)" in result.message for result in results)


def test_base_channels_stay_when_the_bounds_say_so():
    assert failed_names(generator_spec(GoodGenerator, options=StubbornOptions)) == []


def test_given_options_are_used_and_validated():
    spec = generator_spec(GoodGenerator, options=WideOptions)

    assert failed_names(spec, options={"base_channels": 16}) == []
    assert failed_names(spec, options=WideOptions(base_channels=16)) == []
    assert failed_names(spec, options={"base_chanels": 16}) == ["options valid"]
    assert failed_names(spec, options=UndocumentedOptions()) == ["options valid"]


# --- generators


class GoodGenerator(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.first = nn.Conv2d(in_channels, 4, 3, padding=1)
        self.last = nn.Conv2d(4, out_channels, 3, padding=1)

    def forward(self, image):
        return torch.tanh(self.last(torch.relu(self.first(image))))


class WrongShape(GoodGenerator):
    def forward(self, image):
        return super().forward(image)[:, :, 1:]


class FixedChannels(GoodGenerator):
    def __init__(self, in_channels, out_channels):
        super().__init__(3, 3)


class EvenSizesOnly(GoodGenerator):
    def forward(self, image):
        small = F.avg_pool2d(super().forward(image), 2)
        return F.interpolate(small, scale_factor=2.0)


class NoTanh(GoodGenerator):
    def forward(self, image):
        return self.last(torch.relu(self.first(image)))


class NotFinite(GoodGenerator):
    def forward(self, image):
        output = super().forward(image)
        return torch.where(output.abs() > 0.9999, torch.nan, output)


class UnusedLayer(GoodGenerator):
    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        self.unused = nn.Conv2d(4, 4, 3)


class CutOff(GoodGenerator):
    def forward(self, image):
        return torch.tanh(self.last(torch.relu(self.first(image)).detach()))


class HiddenState(GoodGenerator):
    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        self.shift = torch.rand(1)

    def forward(self, image):
        return super().forward(image) * self.shift


class AlwaysDropsOut(GoodGenerator):
    def forward(self, image):
        return F.dropout(super().forward(image), 0.5, training=True) * 0.5


class CountingInit(GoodGenerator):
    count = itertools.count()

    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        nn.init.constant_(self.last.bias, 0.1 * (next(self.count) % 7))


class MixesTheBatch(GoodGenerator):
    def forward(self, image):
        return super().forward(image - image.mean(dim=0, keepdim=True))


class RefusesBfloat16(GoodGenerator):
    def forward(self, image):
        features = self.first(image)
        if features.dtype != torch.float32:
            raise TypeError("float32 only")
        return torch.tanh(self.last(torch.relu(features)))


def generator_spec(network, **more):
    return GeneratorSpec(
        name="example",
        summary="a generator",
        build=lambda options, *, in_channels, out_channels: network(in_channels, out_channels),
        **more,
    )


def test_good_generator_passes_every_check():
    check_generator(generator_spec(GoodGenerator))


class GeneratorOfThirtyTwo(GoodGenerator):
    def forward(self, image):
        if min(image.shape[-2:]) < 32:
            raise ValueError("too small")
        return super().forward(image)


def test_smallest_size_of_a_generator_is_tried_and_respected():
    assert failed_names(generator_spec(GeneratorOfThirtyTwo, smallest_size=lambda _: 16)) != []
    assert (
        failed_names(generator_spec(GeneratorOfThirtyTwo, smallest_size=lambda _: 30, size_multiple=lambda _: 4)) == []
    )
    assert "builds a module" in failed_names(generator_spec(GoodGenerator, smallest_size=lambda _: 0))


@pytest.mark.parametrize(
    ("network", "check"),
    [
        (lambda i, o: "no module", "builds a module"),
        (WrongShape, "output shape"),
        (FixedChannels, "other channels"),
        (EvenSizesOnly, "odd sizes"),
        (NoTanh, "value range"),
        (NotFinite, "value range"),
        (UnusedLayer, "gradients"),
        (CutOff, "gradients"),
        (HiddenState, "state-dict round trip"),
        (AlwaysDropsOut, "determinism"),
        (CountingInit, "determinism"),
        (MixesTheBatch, "batch independence"),
        (RefusesBfloat16, "half precision"),
    ],
)
def test_broken_generator_fails_its_check(network, check):
    assert check in failed_names(generator_spec(network))


def test_declared_size_multiple_is_respected():
    assert failed_names(generator_spec(EvenSizesOnly, size_multiple=lambda _: 2)) == []


def test_size_multiple_must_be_a_positive_number():
    assert failed_names(generator_spec(GoodGenerator, size_multiple=lambda _: 0)) == ["builds a module"]


def test_a_gate_that_starts_at_zero_is_allowed():
    class Gated(GoodGenerator):
        def __init__(self, in_channels, out_channels):
            super().__init__(in_channels, out_channels)
            self.extra = nn.Conv2d(4, 4, 1)
            self.gate = nn.Parameter(torch.zeros(1))

        def forward(self, image):
            features = torch.relu(self.first(image))
            return torch.tanh(self.last(features + self.gate * self.extra(features)))

    assert failed_names(generator_spec(Gated)) == []


def test_assertion_lists_every_broken_promise():
    class Several(FixedChannels, NoTanh):
        pass

    with pytest.raises(AssertionError, match="generator 'example' breaks its contract") as raised:
        check_generator(generator_spec(Several))
    assert "other channels: raised RuntimeError" in str(raised.value)
    assert "value range: must stay in [-1, 1]" in str(raised.value)


# --- discriminators


class GoodDiscriminator(nn.Module):
    def __init__(self, in_channels):
        super().__init__()
        self.first = nn.Conv2d(in_channels, 4, 4, stride=2, padding=1)
        self.last = nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, image):
        return self.last(F.leaky_relu(self.first(image), 0.2))


class TwoScales(GoodDiscriminator):
    def forward(self, image):
        return [super().forward(image), super().forward(F.avg_pool2d(image, 2))]


class WithSigmoid(GoodDiscriminator):
    def forward(self, image):
        return torch.sigmoid(super().forward(image))


class FlatLogits(GoodDiscriminator):
    def forward(self, image):
        return super().forward(image).flatten(1)


class NeedsThirtyTwo(GoodDiscriminator):
    def forward(self, image):
        if min(image.shape[-2:]) < 32:
            raise ValueError("too small")
        return super().forward(image)


class DeafDiscriminator(GoodDiscriminator):
    def forward(self, image):
        return super().forward(image.detach())


def discriminator_spec(network, **more):
    return DiscriminatorSpec(
        name="example",
        summary="a discriminator",
        build=lambda options, *, in_channels: network(in_channels),
        smallest_size=more.pop("smallest_size", lambda _: 4),
        **more,
    )


@pytest.mark.parametrize("network", [GoodDiscriminator, TwoScales])
def test_good_discriminator_passes_every_check(network):
    check_discriminator(discriminator_spec(network))


@pytest.mark.parametrize(
    ("network", "check"),
    [
        (lambda i: None, "builds a module"),
        (FlatLogits, "logits shape"),
        (NeedsThirtyTwo, "smallest size"),
        (lambda i: GoodDiscriminator(3), "other channels"),
        (WithSigmoid, "no sigmoid"),
        (DeafDiscriminator, "gradients"),
    ],
)
def test_broken_discriminator_fails_its_check(network, check):
    assert check in failed_names(discriminator_spec(network))


def test_declared_smallest_size_is_respected():
    assert failed_names(discriminator_spec(NeedsThirtyTwo, smallest_size=lambda _: 32)) == []


# --- losses


class LeastSquares:
    def discriminator(self, real, fake):
        return 0.5 * ((real - 1).square().mean() + fake.square().mean())

    def generator(self, fake):
        return (fake - 1).square().mean()


class NoGeneratorSide:
    discriminator = LeastSquares.discriminator


class NotAScalar(LeastSquares):
    def generator(self, fake):
        return (fake - 1).square()


class WrongWay(LeastSquares):
    def generator(self, fake):
        return fake.square().mean()


class BothTheSame(LeastSquares):
    def discriminator(self, real, fake):
        return (real - 1).square().mean() + (fake - 1).square().mean()


class CutLogits(LeastSquares):
    def generator(self, fake):
        return (fake.detach() - 1).square().mean()


class IgnoresFakes(LeastSquares):
    def discriminator(self, real, fake):
        return (real - 1).square().mean()


class RandomLabels(LeastSquares):
    def generator(self, fake):
        return (fake - 0.9 - 0.1 * torch.rand(())).square().mean()


class Float32Only(LeastSquares):
    def generator(self, fake):
        return F.linear(fake.flatten()[None], torch.ones(1, fake.numel())).square().mean()


class Penalised(LeastSquares):
    def penalty(self, discriminator, real, fake, generator):
        weight = torch.rand(len(real), 1, 1, 1, generator=generator)
        mixed = torch.lerp(real, fake, weight).requires_grad_()
        logits = discriminator(mixed)
        logits = [logits] if isinstance(logits, torch.Tensor) else logits
        total = torch.stack([one.sum() for one in logits]).sum()
        (gradient,) = torch.autograd.grad(total, mixed, create_graph=self.create_graph)
        return (gradient.flatten(1).norm(dim=1) - 1).square().mean()

    create_graph = True


class FirstOrderPenalty(Penalised):
    create_graph = False


class GlobalRandomPenalty(Penalised):
    def penalty(self, discriminator, real, fake, generator):
        return super().penalty(discriminator, real, fake, torch.Generator().manual_seed(next(self.seeds)))

    seeds = itertools.count()


def loss_spec(build, family="adversarial"):
    return LossSpec(name="example", family=family, summary="a loss", build=lambda options: build())


@pytest.mark.parametrize("build", [LeastSquares, Penalised])
def test_good_adversarial_loss_passes_every_check(build):
    check_loss(loss_spec(build))


@pytest.mark.parametrize(
    ("build", "check"),
    [
        (NoGeneratorSide, "builds a loss"),
        (NotAScalar, "finite scalars"),
        (WrongWay, "direction"),
        (BothTheSame, "direction"),
        (CutLogits, "gradients"),
        (IgnoresFakes, "gradients"),
        (RandomLabels, "determinism"),
        (Float32Only, "half precision"),
        (FirstOrderPenalty, "penalty"),
        (GlobalRandomPenalty, "penalty"),
    ],
)
def test_broken_adversarial_loss_fails_its_check(build, check):
    assert check in failed_names(loss_spec(build))


def charbonnier(image, target):
    return ((image - target).square() + 1e-6).sqrt().mean()


@pytest.mark.parametrize("loss", [F.l1_loss, F.mse_loss, charbonnier])
def test_good_pixel_loss_passes_every_check(loss):
    check_loss(loss_spec(lambda: loss, "pixel"))


@pytest.mark.parametrize(
    ("loss", "check"),
    [
        ("not callable", "builds a loss"),
        (lambda image, target: F.l1_loss(image, target) - 1, "distance"),
        (lambda image, target: F.l1_loss(image, target) + 1, "distance"),
        (lambda image, target: (image - target).abs(), "distance"),
        (lambda image, target: (image - target).square().mean().sqrt(), "gradients"),
        (lambda image, target: F.l1_loss(image.detach(), target), "gradients"),
        (lambda image, target: 1 / (1 + F.l1_loss(image, target)), "direction"),
        (lambda image, target: F.l1_loss(image + torch.rand(()) * 1e-3, target), "determinism"),
        (
            lambda image, target: F.linear((image - target).flatten(), torch.ones(1, image.numel())).abs()[0],
            "half precision",
        ),
    ],
)
def test_broken_pixel_loss_fails_its_check(loss, check):
    assert check in failed_names(loss_spec(lambda: loss, "pixel"))


# --- buffers


class GoodBuffer:
    """Keeps up to ten fakes and returns a random one of them half of the time."""

    def __init__(self, generator):
        self.generator = generator
        self.kept = []

    def choose(self):
        return bool(torch.rand((), generator=self.generator) < 0.5)

    def position(self):
        return int(torch.randint(len(self.kept), (), generator=self.generator))

    def exchange(self, images):
        returned = []
        for image in images.detach().clone():
            self.kept.append(image)
            chosen = self.kept.pop(self.position()) if self.choose() and len(self.kept) > 9 else image
            returned.append(chosen)
        return torch.stack(returned)

    def state_dict(self):
        return {"kept": list(self.kept), "random": self.generator.get_state()}

    def load_state_dict(self, state):
        self.kept = list(state["kept"])
        self.generator.set_state(state["random"])


class FewerImages(GoodBuffer):
    def exchange(self, images):
        return super().exchange(images)[:1]


class KeepsTheGraph(GoodBuffer):
    def exchange(self, images):
        super().exchange(images)
        return images


class ChangesItsInput(GoodBuffer):
    def exchange(self, images):
        return super().exchange(images.detach().mul_(0.5))


class GlobalRandom(GoodBuffer):
    def choose(self):
        return bool(torch.rand(()) < 0.5)


class TupleState(GoodBuffer):
    def state_dict(self):
        return {**super().state_dict(), "shape": (3, 4, 4)}


class ForgetsItsRandomState(GoodBuffer):
    def load_state_dict(self, state):
        self.kept = list(state["kept"])


class ForgetsItsImages(GoodBuffer):
    def load_state_dict(self, state):
        self.generator.set_state(state["random"])


def buffer_spec(buffer):
    return BufferSpec(name="example", summary="a buffer", build=lambda options, *, generator: buffer(generator))


def test_good_buffer_passes_every_check():
    check_buffer(buffer_spec(GoodBuffer))


@pytest.mark.parametrize(
    ("buffer", "check"),
    [
        (lambda generator: object(), "builds a buffer"),
        (FewerImages, "as many images"),
        (KeepsTheGraph, "detached"),
        (ChangesItsInput, "input untouched"),
        (GlobalRandom, "determinism"),
        (TupleState, "state"),
        (ForgetsItsRandomState, "state round trip"),
        (ForgetsItsImages, "state round trip"),
    ],
)
def test_broken_buffer_fails_its_check(buffer, check):
    assert check in failed_names(buffer_spec(buffer))


# --- methods


class GoodMethod:
    """pix2pix without its conditional input: the least that trains a generator and a discriminator."""

    def __init__(self, parts):
        self.parts = parts
        self.generators = {"G": parts.make_generator(parts.channels["A"], parts.channels["B"])}
        self.discriminators = {"D": parts.make_discriminator(parts.channels["B"])}
        self.buffers = {"fakes": parts.make_buffer()}
        self.directions = {"AtoB": "G"}

    def judge(self, image):
        logits = self.discriminators["D"](image)
        return logits if isinstance(logits, list) else [logits]

    def step(self, batches, update):
        total = {}
        for batch in batches:
            fake = self.generators["G"](batch["A"])
            self.discriminators["D"].requires_grad_(False)
            total["G"] = sum(self.parts.adversarial.generator(logits) for logits in self.judge(fake))
            self.discriminators["D"].requires_grad_(True)
            update.backward((total["G"] + self.parts.pixel(fake, batch["B"])) / len(batches))
        update.apply("generators")
        for batch in batches:
            with torch.no_grad():
                fake = self.generators["G"](batch["A"])
            pairs = zip(self.judge(batch["B"]), self.judge(fake), strict=True)
            total["D"] = sum(self.parts.adversarial.discriminator(real, fake) for real, fake in pairs)
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
        return [self.discriminators["D"](image)]


class GlobalNoise(GoodMethod):
    seeds = itertools.count()

    def step(self, batches, update):
        with torch.no_grad():
            next(self.generators["G"].parameters()).mul_(1 + 0.01 * next(self.seeds))
        return super().step(batches, update)


def method_spec(method, pairing="paired"):
    return MethodSpec(
        name="example",
        summary="a method",
        build=lambda options, *, parts: method(parts),
        pairing=lambda options: pairing,
    )


def test_good_method_passes_every_check():
    check_method(method_spec(GoodMethod))


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
        (GlobalNoise, "determinism"),
    ],
)
def test_broken_method_fails_its_check(method, check):
    assert check in failed_names(method_spec(method))


def test_unknown_pairing_is_named():
    assert failed_names(method_spec(GoodMethod, pairing="twins")) == ["pairing"]


# --- data sets


class GoodDataset:
    """Random images that are a pure function of seed, epoch and index."""

    channels = {"A": 3, "B": 1}  # noqa: RUF012
    domains = {"A": "noise", "B": "grey noise"}  # noqa: RUF012
    truth = False

    def __init__(self, root, split, seed):
        self.split, self.seed = split, seed

    def __len__(self):
        return 5

    def image(self, channels, epoch, index):
        generator = torch.Generator().manual_seed(hash((self.seed, epoch, index, channels)) % 2**32)
        return torch.rand(channels, 8, 8, generator=generator) * 2 - 1

    def __getitem__(self, key):
        return {
            "A": self.image(3, *key),
            "B": self.image(1, *key),
            "A_name": f"a{key[1]}",
            "B_name": f"b{key[1]}",
        }


class EmptyTest(GoodDataset):
    def __len__(self):
        return 5 if self.split == "train" else 0


class Bytes(GoodDataset):
    def image(self, channels, epoch, index):
        return super().image(channels, epoch, index) * 127.5 + 127.5


class WrongChannels(GoodDataset):
    channels = {"A": 3, "B": 3}  # noqa: RUF012


class GloballyRandom(GoodDataset):
    def image(self, channels, epoch, index):
        return torch.rand(channels, 8, 8)


class PythonRandom(GoodDataset):
    def image(self, channels, epoch, index):
        return torch.full((channels, 8, 8), random.random())


class DependsOnOrder(GoodDataset):
    calls = 0

    def image(self, channels, epoch, index):
        self.calls += 1
        return torch.full((channels, 8, 8), 1 / self.calls)


class HoldsALambda(GoodDataset):
    def __init__(self, root, split, seed):
        super().__init__(root, split, seed)
        self.transform = lambda image: image


def dataset_spec(dataset):
    return DatasetSpec(
        name="example",
        summary="a data set",
        build=lambda options, *, root, split, seed: dataset(root, split, seed),
    )


def test_good_dataset_passes_every_check(tmp_path):
    check_dataset(dataset_spec(GoodDataset), tmp_path)


@pytest.mark.parametrize(
    ("dataset", "check"),
    [
        (EmptyTest, "builds a data set"),
        (Bytes, "samples (train)"),
        (WrongChannels, "samples (test)"),
        (GloballyRandom, "purity (train)"),
        (PythonRandom, "purity (train)"),
        (DependsOnOrder, "purity (test)"),
        (HoldsALambda, "picklable (train)"),
    ],
)
def test_broken_dataset_fails_its_check(dataset, check):
    assert check in failed_names(dataset_spec(dataset))


# --- all kinds


def test_random_states_are_left_alone():
    torch.manual_seed(3)
    random.seed(3)
    expected = torch.rand(3), random.random()
    torch.manual_seed(3)
    random.seed(3)
    check_dataset(dataset_spec(GoodDataset))
    check_generator(generator_spec(GoodGenerator))

    assert torch.equal(torch.rand(3), expected[0])
    assert random.random() == expected[1]


def test_wrong_kind_of_argument_is_refused():
    with pytest.raises(TypeError, match="spec must be a LossSpec; got GeneratorSpec"):
        check_loss(generator_spec(GoodGenerator))
    with pytest.raises(TypeError, match="component must be a Component or one of GeneratorSpec"):
        check_component(GoodGenerator)
