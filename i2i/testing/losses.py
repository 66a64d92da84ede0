"""What every loss must do. Logits are float32 ``[N, 1, h, w]``, images float32 ``[N, 3, H, W]`` in [-1, 1]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from i2i.plugins import LossSpec, Options
from i2i.plugins.protocols import AdversarialLoss, PenalisedLoss
from i2i.testing.results import BrokenPromiseError, Checklist, expect, gradient_of, positive

LOGIT_SHAPES = ((2, 1, 5, 7), (1, 1, 1, 1), (3, 1))
NEAR_ZERO = 0.01
"""What a smooth distance such as Charbonnier's may leave between equal images."""


def loss_checks(checks: Checklist, spec: LossSpec, options: Options) -> None:
    """Check one loss of either family."""

    def smallest() -> int:
        return positive("smallest_size", spec.smallest_size(options))

    if spec.family == "adversarial":
        _adversarial_checks(checks, lambda: spec.build(options), smallest)
    else:
        _pixel_checks(checks, lambda: spec.build(options), smallest)


def _adversarial_checks(checks: Checklist, build: Callable[[], Any], smallest: Callable[[], int]) -> None:
    built: list[AdversarialLoss] = []

    def builds() -> None:
        loss = build()
        expect(
            isinstance(loss, AdversarialLoss),
            "build must return an object with discriminator(real, fake) and generator(fake); "
            f"got {type(loss).__name__}",
        )
        smallest()
        built.append(loss)

    if not checks.run("builds a loss", builds):
        return
    loss = built[0]
    checks.run("finite scalars", lambda: _scalars_check(loss, torch.float32))
    checks.run("gradients", lambda: _logit_gradients_check(loss))
    checks.run("direction", lambda: _direction_check(loss))
    checks.run("determinism", lambda: _same_value_check(lambda: _both_sides(build())))
    checks.run("half precision", lambda: _scalars_check(loss, torch.bfloat16))
    if isinstance(loss, PenalisedLoss):
        checks.run("penalty", lambda: _penalty_check(loss, max(smallest(), 16)))


def _scalars_check(loss: AdversarialLoss, dtype: torch.dtype) -> None:
    for shape in LOGIT_SHAPES:
        real, fake = _noise(shape, 1).to(dtype) * 3.0, _noise(shape, 2).to(dtype) * 3.0
        _scalar(loss.discriminator(real, fake), f"discriminator(real, fake) on {dtype} logits {list(shape)}")
        _scalar(loss.generator(fake), f"generator(fake) on {dtype} logits {list(shape)}")


def _logit_gradients_check(loss: AdversarialLoss) -> None:
    by_real, by_fake, by_generator = _slopes(loss)
    for name, gradient in (
        ("discriminator(real, fake) for real", by_real),
        ("discriminator(real, fake) for fake", by_fake),
        ("generator(fake)", by_generator),
    ):
        expect(bool(gradient.isfinite().all()), f"the gradient of {name} is not finite")
        expect(bool(gradient.any()), f"the gradient of {name} is zero")


def _direction_check(loss: AdversarialLoss) -> None:
    """The discriminator pulls real and fake apart, and the generator pushes fakes to where real logits are pulled."""
    by_real, by_fake, by_generator = (gradient.sum().item() for gradient in _slopes(loss))
    expect(
        by_real * by_fake < 0.0,
        "the discriminator's loss must pull real and fake logits in opposite directions; "
        f"its slopes are {by_real:.3g} and {by_fake:.3g}",
    )
    expect(
        by_generator * by_real > 0.0,
        "the generator's loss must fall when fake logits move to where the discriminator wants real ones; "
        f"its slope is {by_generator:.3g}, the discriminator's for real logits {by_real:.3g}",
    )


def _penalty_check(loss: PenalisedLoss, side: int) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 4, stride=2), nn.Tanh(), nn.Conv2d(4, 1, 3))
    real, fake = _noise((2, 3, side, side), 1).tanh(), _noise((2, 3, side, side), 2).tanh()

    def penalty(discriminator: Callable[[Tensor], Any]) -> Tensor:
        value = loss.penalty(discriminator, real, fake, torch.Generator().manual_seed(5))
        return _scalar(value, "penalty(discriminator, real, fake, generator)")

    value = penalty(network)
    expect(
        value.requires_grad, "the penalty must be differentiable for the discriminator's weights (create_graph=True)"
    )
    torch.autograd.backward(value)
    for name, weight in network.named_parameters():
        if weight.ndim >= 2:
            none = f"the penalty has no gradient for the discriminator's {name}"
            gradient = gradient_of(weight, none)
            expect(bool(gradient.any()), none)
            expect(bool(gradient.isfinite().all()), f"the penalty's gradient for {name} is not finite")
    expect(
        penalty(network).item() == value.item(),
        "the penalty must draw its random numbers from the generator it is given; the same seed gave another value",
    )
    penalty(lambda images: [network(images), network(images[:, :, ::2, ::2])])


def _pixel_checks(checks: Checklist, build: Callable[[], Any], ask: Callable[[], int]) -> None:
    built: list[Callable[[Tensor, Tensor], Tensor]] = []

    def builds() -> None:
        loss = build()
        expect(callable(loss), f"build must return a callable loss(image, target); got {type(loss).__name__}")
        ask()
        built.append(loss)

    if not checks.run("builds a loss", builds):
        return
    loss, smallest = built[0], ask()
    side = max(smallest, 32)
    image, target = _noise((2, 3, side, side + 1), 1).tanh(), _noise((2, 3, side, side + 1), 2).tanh()

    def distance() -> None:
        far = _scalar(loss(image, target), "loss(image, target)").item()
        equal = _scalar(loss(target.clone(), target), "loss(target, target)").item()
        expect(
            far >= 0.0 and equal >= 0.0, f"must not be negative; got {far:.3g}, and {equal:.3g} between equal images"
        )
        expect(
            equal <= NEAR_ZERO and equal < far,
            f"must be (nearly) zero between equal images; got {equal:.3g}, and {far:.3g} between different ones",
        )

    def gradients() -> None:
        for name, start in (("different images", image), ("equal images", target)):
            moved = start.clone().requires_grad_()
            torch.autograd.backward(loss(moved, target))
            gradient = gradient_of(moved, f"between {name} no gradient reaches the image")
            expect(bool(gradient.isfinite().all()), f"between {name} the gradient is not finite")

    def direction() -> None:
        nearer = torch.lerp(image, target, 0.5)
        before, after = loss(image, target).item(), loss(nearer, target).item()
        expect(
            after < before, f"must fall when the image comes nearer; halfway it went from {before:.3g} to {after:.3g}"
        )

    def half_precision() -> None:
        _scalar(loss(image.bfloat16(), target.bfloat16()), "loss(image, target) in bfloat16")

    def least() -> None:
        small = image[:, :, :smallest, :smallest]
        _scalar(loss(small, target[:, :, :smallest, :smallest]), f"loss on images of {smallest} x {smallest} pixels")

    checks.run("distance", distance)
    checks.run("smallest size", least)
    checks.run("gradients", gradients)
    checks.run("direction", direction)
    checks.run("determinism", lambda: _same_value_check(lambda: [build()(image, target)]))
    checks.run("half precision", half_precision)


def _slopes(loss: AdversarialLoss) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients on undecided logits: of the discriminator's loss for real and fake, then of the generator's."""
    start = 0.5 + 0.1 * _noise((4, 1, 6, 6), 3)
    real, fake = start.clone().requires_grad_(), start.clone().requires_grad_()
    by_real, by_fake = _gradients("discriminator(real, fake)", loss.discriminator(real, fake), real, fake)
    generated = start.clone().requires_grad_()
    (by_generator,) = _gradients("generator(fake)", loss.generator(generated), generated)
    return by_real, by_fake, by_generator


def _gradients(name: str, value: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
    expect(value.requires_grad, f"{name} is cut off from its logits; use no detach(), item() or no_grad()")
    try:
        return torch.autograd.grad(value, inputs)
    except RuntimeError as error:
        raise BrokenPromiseError(f"{name} does not depend on every one of its logits ({error})") from error


def _both_sides(loss: AdversarialLoss) -> list[Tensor]:
    real, fake = _noise((2, 1, 5, 5), 1), _noise((2, 1, 5, 5), 2)
    return [loss.discriminator(real, fake), loss.generator(fake)]


def _same_value_check(values: Callable[[], list[Tensor]]) -> None:
    torch.manual_seed(0)
    first = values()
    torch.manual_seed(1)
    same = all(torch.equal(one, other) for one, other in zip(first, values(), strict=True))
    expect(same, "the same inputs must give the same loss; use no random numbers")


def _scalar(value: Any, name: str) -> Tensor:
    expect(isinstance(value, Tensor), f"{name} must return a tensor; got {type(value).__name__}")
    assert isinstance(value, Tensor)
    expect(value.ndim == 0, f"{name} must return a scalar; got shape {list(value.shape)}; take the mean")
    expect(bool(value.isfinite()), f"{name} is {value.item()}")
    return value


def _noise(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
