"""What every training method must do, with the smallest parts that can be trained."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2i.errors import I2IError
from i2i.models.state import pack, unpack
from i2i.plugins import MethodSpec, Options
from i2i.plugins.directions import Direction
from i2i.plugins.features import name_taps
from i2i.plugins.method_members import all_networks_of, keeps_state, networks_of, restore_state, state_of
from i2i.plugins.protocols import AdversarialLoss, Batch, Method, Parts
from i2i.plugins.specs import NETWORK_GROUPS, Pairing
from i2i.plugins.terms import mean_over_logits
from i2i.testing.augmented_methods import augmentation_check
from i2i.testing.results import Checklist, expect

SIZE = 16
STEPS = 4
"""The budget of a run, of which the checks train the first steps."""
LogitsShape = Literal["one", "several", "nested"]
"""What discriminators return: a tensor, a list of them, or a nested list."""


def method_checks(checks: Checklist, spec: MethodSpec, options: Options) -> None:
    """Check one method."""

    def make(shape: LogitsShape = "one", channels_of_a: int = 3, adversarial: AdversarialLoss | None = None) -> Method:
        torch.manual_seed(0)
        return _build(spec, options, _parts({"A": channels_of_a, "B": 3}, shape, adversarial or _LeastSquares()))

    checks.run("pairing", lambda: _pairing_check(spec, options))
    if not checks.run("builds a method", lambda: _structure_check(make())):
        return
    checks.run("directions", lambda: _directions_check(make(), {"A": 3, "B": 3}))
    checks.run("other channels", lambda: _channels_check(make))
    checks.run("one step", lambda: _step_check(make(), 1))
    checks.run("gradient accumulation", lambda: _step_check(make(), 2))
    checks.run("several discriminators", lambda: _step_check(make("several"), 1))
    checks.run("nested logits", lambda: _step_check(make("nested"), 1))
    checks.run("penalised loss", lambda: _penalty_check(make))
    checks.run("determinism", lambda: _determinism_check(make))
    checks.run("exact resume", lambda: _resume_check(make))
    parts = _parts({"A": 3, "B": 3}, "one", _LeastSquares())
    build = partial(_build, spec, options)
    checks.run("augmentation", lambda: augmentation_check(parts, build, lambda method: _Update(method).train(0)))


def _build(spec: MethodSpec, options: Options, parts: Parts) -> Method:
    method: Method = spec.build(options, parts=parts)
    return method


class _Generator(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return torch.tanh(self.convolution(image))


_TAPS = {"layer1": "convolution"}
_TAPS_OF_DISCRIMINATORS: Mapping[LogitsShape, Mapping[str, str]] = {
    "one": {"layer1": "convolutions.0"},
    "several": {"0.layer1": "convolutions.0", "1.layer1": "convolutions.1"},
    "nested": {"0.layer1": "convolutions.0", "1.scale1.layer1": "convolutions.1", "1.scale2.layer1": "convolutions.2"},
}


def _named(network: nn.Module, taps: Mapping[str, str]) -> nn.Module:
    name_taps(network, taps)
    return network


class _Discriminators(nn.Module):
    """One discriminator, two whose logits come as a list, or two of which the second looks at two scales."""

    def __init__(self, in_channels: int, shape: LogitsShape) -> None:
        super().__init__()
        count = {"one": 1, "several": 2, "nested": 3}[shape]
        self.shape = shape
        self.convolutions = nn.ModuleList(nn.Conv2d(in_channels, 1, 4, stride=2) for _ in range(count))

    def forward(self, image: Tensor) -> Tensor | list[Any]:
        logits: list[Tensor] = [convolution(image) for convolution in self.convolutions]
        if self.shape == "one":
            return logits[0]
        return [logits[0], logits[1:]] if self.shape == "nested" else logits


class _LeastSquares:
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return 0.5 * ((real - 1.0).square().mean() + fake.square().mean())

    def generator(self, fake: Tensor) -> Tensor:
        return (fake - 1.0).square().mean()


class _Penalised(_LeastSquares):
    """A loss with a penalty that changes what the discriminators learn, and that notes how it was called."""

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self.used = False
        self.penalties = 0

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        self.used = True
        return super().discriminator(real, fake)

    def penalty(
        self, discriminator: Callable[[Tensor], Any], real: Tensor, fake: Tensor, generator: torch.Generator
    ) -> Tensor:
        self.penalties += 1
        expect(
            real.shape == fake.shape,
            f"penalty takes real and fake images of one shape; got {real.shape} and {fake.shape}",
        )
        expect(not fake.requires_grad, "penalty takes fake images that are detached")
        expect(generator.device.type == "cpu", "penalty takes update.random, which is on the CPU")
        between = torch.lerp(fake, real, torch.rand(len(real), 1, 1, 1, generator=generator)).requires_grad_()
        return self.weight * mean_over_logits(lambda logits: logits.square().mean(), discriminator(between))


class _NewestOnly:
    def exchange(self, images: Tensor) -> Tensor:
        return images.detach()

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        del state


class _Update:
    """What the trainer lends to a method, kept simple: plain gradient descent, and a record of the calls."""

    def __init__(self, method: Method, step: int = 0) -> None:
        self.random = torch.Generator().manual_seed(3)
        self.step, self.fraction = step, step / STEPS
        self.applied: list[str] = []
        self._method = method
        self._weights = {
            group: [weight for module in networks_of(method, group).values() for weight in module.parameters()]
            for group in NETWORK_GROUPS
        }

    def train(self, *numbers: int) -> Mapping[str, Tensor]:
        """Train one step on the micro-batches of these numbers."""
        terms: Mapping[str, Tensor] = self._method.step([_batch(number) for number in numbers], self)
        self.step += 1
        self.fraction = self.step / STEPS
        return terms

    def backward(self, loss: Tensor) -> None:
        torch.autograd.backward(loss)

    def apply(self, group: str) -> None:
        expect(group in NETWORK_GROUPS, f"update.apply takes one of {', '.join(NETWORK_GROUPS)}; got {group!r}")
        self.applied.append(group)
        with torch.no_grad():
            for weight in self._weights[group]:
                if weight.grad is not None:
                    weight.sub_(0.01 * weight.grad)
                weight.grad = None


def _parts(channels: Mapping[str, int], shape: LogitsShape, adversarial: AdversarialLoss) -> Parts:
    judging = _TAPS_OF_DISCRIMINATORS[shape]
    return Parts(
        channels=channels,
        make_generator=lambda in_channels, out_channels: _named(_Generator(in_channels, out_channels), _TAPS),
        make_discriminator=lambda in_channels: _named(_Discriminators(in_channels, shape), judging),
        taps={"generator": tuple(_TAPS), "discriminator": tuple(judging)},
        make_buffer=_NewestOnly,
        adversarial=adversarial,
        pixel=lambda image, target: F.l1_loss(image, target),
    )


def _batch(number: int) -> Batch:
    """Two samples of 16 x 16 with all there is to know about them, so that every kind of pairing finds its part."""
    generator = torch.Generator().manual_seed(100 + number)

    def images() -> Tensor:
        return torch.rand(2, 3, SIZE, SIZE, generator=generator) * 2.0 - 1.0

    first, second = images(), images()
    flags = torch.ones(2, dtype=torch.bool)
    names = [f"{number}-0", f"{number}-1"]
    return {
        "A": first,
        "B": second,
        "A_partner": second.clone(),
        "B_partner": first.clone(),
        "A_has_partner": flags,
        "B_has_partner": flags.clone(),
        "A_name": names,
        "B_name": list(names),
    }


def _pairing_check(spec: MethodSpec, options: Options) -> None:
    pairing = spec.pairing(options)
    allowed = get_args(Pairing)
    expect(pairing in allowed, f"pairing must return one of {', '.join(allowed)}; got {pairing!r}")


def _structure_check(method: Method) -> None:
    for attribute in ("generators", "discriminators", "buffers", "directions"):
        value = getattr(method, attribute, None)
        expect(isinstance(value, Mapping), f"{attribute} must be a mapping by name; got {type(value).__name__}")
    expect(callable(getattr(method, "step", None)), "must have a step(batches, update)")
    expect(bool(method.generators), "generators must name at least one network")
    helpers = networks_of(method, "helpers")
    expect(isinstance(helpers, Mapping), f"helpers must be a mapping by name; got {type(helpers).__name__}")
    names: set[str] = set()
    for group in NETWORK_GROUPS:
        for name, module in networks_of(method, group).items():
            fits = isinstance(module, nn.Module)
            expect(fits, f"network {name!r} must be a torch.nn.Module; got {type(module).__name__}")
            expect(name not in names, f"networks of different groups must not share names; {name!r} is there twice")
            names.add(name)
    lacking = keeps_state(method) and not callable(getattr(method, "load_state_dict", None))
    expect(not lacking, "a method that has state_dict() must have load_state_dict(state)")


def _directions_check(method: Method, channels: Mapping[str, int]) -> None:
    expect("AtoB" in method.directions, f"directions must have 'AtoB'; got {sorted(method.directions)}")
    for direction, name in method.directions.items():
        expect(direction in list(Direction), f"directions may have {' and '.join(Direction)}; got {direction!r}")
        expect(
            name in method.generators,
            f"directions[{direction!r}] must name one of the generators {sorted(method.generators)}; got {name!r}",
        )
        source, target = Direction(direction).source, Direction(direction).target
        with torch.no_grad():
            output = method.generators[name](torch.zeros(1, channels[source], SIZE, SIZE))
        expect(
            output.shape[1] == channels[target],
            f"{direction} must make {channels[target]} channels out of {channels[source]}; got {output.shape[1]}",
        )


def _channels_check(make: Callable[..., Method]) -> str | None:
    """Domains of 1 and 3 channels either work or are refused with a message of our own."""
    try:
        method = make(channels_of_a=1)
    except I2IError as refusal:
        return f"refuses domains of 1 and 3 channels: {refusal}"
    _directions_check(method, {"A": 1, "B": 3})
    return None


def _step_check(method: Method, micro_batches: int) -> None:
    networks = all_networks_of(method)
    before = {name: _copy(module) for name, module in networks.items()}
    update = _Update(method)
    terms = update.train(*range(micro_batches))

    expect(isinstance(terms, Mapping) and bool(terms), "step must return the value of each term, by name")
    for name, value in terms.items():
        fits = isinstance(value, Tensor) and value.numel() == 1
        expect(fits, f"term {name!r} must be a scalar tensor; got {value!r}")
        expect(bool(value.isfinite().all()), f"term {name!r} is {value.item()}")
    trained = [group for group in NETWORK_GROUPS if networks_of(method, group)]
    expect(
        sorted(update.applied) == sorted(trained),
        f"step must call update.apply once for each of {', '.join(trained)}; it called {update.applied}",
    )
    for name, module in networks.items():
        expect(not _equal(before[name], _copy(module)), f"one step does not change network {name!r}")
        frozen = [weight for weight, value in module.named_parameters() if not value.requires_grad]
        expect(not frozen, f"after the step network {name!r} is still frozen ({', '.join(frozen)})")


def _penalty_check(make: Callable[..., Method]) -> str | None:
    """The penalty of a loss that has one is part of what the discriminators learn."""
    trained = []
    for weight in (0.0, 10.0):
        loss = _Penalised(weight)
        method = make(adversarial=loss)
        _Update(method).train(0)
        if not loss.used:
            return "asks the adversarial loss for no discriminator's loss"
        expect(
            loss.penalties > 0,
            "the penalty of the adversarial loss is left out (--loss wgan-gp would train without it): take "
            "discriminator_term of i2i.plugins.terms, or add loss.penalty(...) where the loss is a PenalisedLoss",
        )
        trained.append({name: _copy(module) for name, module in method.discriminators.items()})
    without, with_penalty = trained
    same = all(_equal(without[name], with_penalty[name]) for name in without)
    expect(not same, "the discriminators learn nothing from the penalty of the adversarial loss: add it to their loss")
    return None


def _determinism_check(make: Callable[..., Method]) -> None:
    def train() -> dict[str, dict[str, Tensor]]:
        method = make()
        update = _Update(method)
        for number in range(2):
            update.train(number)
        return {name: _copy(module) for name, module in all_networks_of(method).items()}

    first, second = train(), train()
    for name in first:
        expect(
            _equal(first[name], second[name]),
            f"two steps from the same seed give other weights of {name!r}; draw random numbers from update.random",
        )


def _resume_check(make: Callable[..., Method]) -> None:
    """One that takes over networks, buffers and state after a step trains on as the one that went on."""
    straight, resumed = make(), make()
    _Update(straight).train(0)
    others = all_networks_of(resumed)
    for name, network in all_networks_of(straight).items():
        others[name].load_state_dict(network.state_dict())
    for name, buffer in straight.buffers.items():
        resumed.buffers[name].load_state_dict(_through_a_file(buffer.state_dict()))
    restore_state(resumed, _through_a_file(state_of(straight)))
    for method in (straight, resumed):
        torch.manual_seed(1)
        _Update(method, step=1).train(1)
    for name, network in all_networks_of(straight).items():
        expect(
            _equal(_copy(network), _copy(others[name])),
            f"a method that resumes after one step trains network {name!r} to other weights: what changes from step to "
            "step, beside networks and buffers, belongs into state_dict() and load_state_dict(state)",
        )


def _through_a_file(state: Any) -> Any:
    """What a checkpoint gives back of a state."""
    tensors: dict[str, Tensor] = {}
    return unpack(json.loads(json.dumps(pack(state, "state", tensors))), tensors)


def _copy(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def _equal(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)
