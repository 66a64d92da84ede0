"""What every augmentation must do. Images are float32 ``[N, C, H, W]`` in [-1, 1]."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from i2i.plugins import AugmentationSpec, Options
from i2i.plugins.protocols import AdaptiveAugmentation
from i2i.testing.results import Checklist, expect

SHAPES = [((3,), (2, 3, 16, 16)), ((1,), (1, 1, 15, 22)), ((3, 3), (2, 6, 16, 16)), ((1, 3), (1, 4, 17, 16))]
"""Channels of the images that are stacked, and the shape of a batch."""
DRAWS = 12
"""Times that each is applied, for what may happen to some images only."""
CORRELATED = 0.5
"""Of gradients of two equal images that are moved alike and coloured apart; those of images moved apart are near 0."""
STEPS = 40
"""Steps that an augmentation adapts to, of which each takes a fortieth of the budget."""

Make = Callable[[Sequence[int]], Any]


def augmentation_checks(checks: Checklist, spec: AugmentationSpec, options: Options) -> None:
    """Check one augmentation."""

    def make(channels: Sequence[int] = (3,)) -> Any:
        built = spec.build(options, channels=tuple(channels))
        expect(callable(built), f"build must return augment(images, random); got {type(built).__name__}")
        return _adapted(built)

    def builds() -> None:
        make()

    if not checks.run("builds an augmentation", builds):
        return
    checks.run("shapes", lambda: _shapes_check(make))
    checks.run("half precision", lambda: _half_check(make))
    checks.run("input untouched", lambda: _untouched_check(make))
    checks.run("gradients", lambda: _gradients_check(make))
    checks.run("images kept apart", lambda: _batch_check(make))
    checks.run("stacked images coloured apart", lambda: _colours_check(make))
    checks.run("stacked images moved alike", lambda: _geometry_check(make))
    checks.run("determinism", lambda: _determinism_check(make))
    if isinstance(spec.build(options, channels=(3,)), AdaptiveAugmentation):
        checks.run("values", lambda: _values_check(make))
        checks.run("state round trip", lambda: _resume_check(make, lambda: spec.build(options, channels=(3,))))


def _adapted(augmentation: Any) -> Any:
    """One that adapts is checked after discriminators that knew all, when it does most."""
    if isinstance(augmentation, AdaptiveAugmentation):
        for _ in range(STEPS):
            augmentation.adapt(1.0, 1 / STEPS)
    return augmentation


def _shapes_check(make: Make) -> None:
    for channels, shape in SHAPES:
        augmentation, random = make(channels), _random()
        for number in range(DRAWS):
            images = _images(shape, number)
            augmented = augmentation(images, random)
            _expect_like(augmented, images, f"for channels {channels}")
            expect(bool(augmented.isfinite().all()), f"images {list(shape)} came back with NaN or infinity")


def _expect_like(augmented: Any, images: Tensor, where: str) -> None:
    expect(isinstance(augmented, Tensor), f"must return a tensor; got {type(augmented).__name__}")
    expect(
        augmented.shape == images.shape and augmented.dtype == images.dtype,
        f"must return {list(images.shape)} {images.dtype} {where}; got {list(augmented.shape)} {augmented.dtype}",
    )


def _half_check(make: Make) -> None:
    images = _images((2, 3, 16, 16), 0).bfloat16()
    _expect_like(make((3,))(images, _random()), images, "with --precision bf16, in which fakes are bfloat16")


def _untouched_check(make: Make) -> None:
    augmentation, random = make((3,)), _random()
    for number in range(DRAWS):
        images = _images((2, 3, 16, 16), number)
        before = images.clone()
        augmentation(images, random)
        expect(torch.equal(images, before), "must not change the images that it is given: others use them, too")


def _gradients_check(make: Make) -> None:
    for channels, shape in SHAPES:
        augmentation, random, reached = make(channels), _random(), 0.0
        for number in range(DRAWS):
            images = _images(shape, number).requires_grad_()
            augmented = augmentation(images, random)
            expect(augmented.requires_grad, "the images are cut off from their gradient; use no detach() or no_grad()")
            (gradient,) = torch.autograd.grad(augmented.sum() + augmented.square().sum(), images)
            expect(bool(gradient.isfinite().all()), "the gradient is NaN or infinite")
            reached += gradient.abs().sum().item()
        expect(reached > 0, "no gradient reaches the images: fakes could not be improved by what is seen of them")


def _batch_check(make: Make) -> None:
    augmentation, random = make((3,)), _random()
    for number in range(DRAWS):
        images = _images((3, 3, 16, 16), number).requires_grad_()
        augmented = augmentation(images, random)
        (gradient,) = torch.autograd.grad(augmented[0].sum() + augmented[0].square().sum(), images)
        others = gradient[1:].abs().max().item()
        expect(others == 0, "one image of a batch depends on another; take means over one image, dim=(1, 2, 3)")


def _colours_check(make: Make) -> None:
    augmentation, random = make((2, 3)), _random()
    for number in range(DRAWS):
        images = _images((2, 5, 16, 16), number).requires_grad_()
        augmented = augmentation(images, random)
        (gradient,) = torch.autograd.grad(augmented[:, 2:].sum() + augmented[:, 2:].square().sum(), images)
        expect(
            gradient[:, :2].abs().max().item() == 0,
            "with channels (2, 3), the image in the last three depends on that in the first two; change colours of "
            "each alone: images.split(channels, dim=1)",
        )


def _geometry_check(make: Make) -> str | None:
    """Where the gradient of a pattern lands tells how an image was moved; equal images moved alike agree in it."""
    augmentation, random = make((1, 1)), _random()
    pattern = torch.randn((4, 1, 16, 16), generator=torch.Generator().manual_seed(2))
    for number in range(DRAWS):
        image = _images((4, 1, 16, 16), number)
        images = torch.cat([image, image], dim=1).requires_grad_()
        augmented = augmentation(images, random)
        (gradient,) = torch.autograd.grad((augmented * pattern).sum(), images)
        for first, second in gradient:
            if first.std() > 0 and second.std() > 0:  # else it was erased
                together = abs(torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1].item())
                expect(
                    together > CORRELATED,
                    "with channels (1, 1), two equal images are moved, cut or erased in different ways; move all "
                    "channels together, or input and output no longer lie on each other",
                )
    return None


def _determinism_check(make: Make) -> None:
    outputs, states = [], []
    for seed in (0, 1):
        torch.manual_seed(seed)
        augmentation, random = make((3,)), _random()
        before = torch.get_rng_state()
        outputs.append(torch.cat([augmentation(_images((2, 3, 16, 16), n), random) for n in range(DRAWS)]))
        states.append(torch.equal(before, torch.get_rng_state()))
    expect(
        all(states) and torch.equal(*outputs),
        "the same images and generator gave other results, or torch's own random numbers were drawn from; draw every "
        "number from the generator that comes with the images, torch.rand(..., generator=random)",
    )


def _values_check(make: Make) -> None:
    for name, value in make((3,)).values().items():
        plain = isinstance(value, int | float) and not isinstance(value, bool) and value == value
        expect(plain, f"values() must be numbers by name; {name!r} is {value!r}")


def _resume_check(make: Make, fresh: Callable[[], Any]) -> None:
    """One that loads the state adapts on as the first does."""
    first, resumed = make((3,)), fresh()
    first.adapt(-1.0, 1 / STEPS)
    resumed.load_state_dict(copy.deepcopy(first.state_dict()))
    ends = []
    for augmentation in (first, resumed):
        random, images = _random(), []
        for number in range(DRAWS):
            images.append(augmentation(_images((2, 3, 16, 16), number), random))
            augmentation.adapt(-1.0 if number % 3 else 1.0, 0.01 / STEPS)
        ends.append((torch.cat(images), dict(augmentation.values())))
    expect(
        torch.equal(ends[0][0], ends[1][0]) and ends[0][1] == ends[1][1],
        "an augmentation that loads the state does not go on as the first one did; state_dict must hold all that adapt "
        "changes",
    )


def _random() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def _images(shape: tuple[int, ...], number: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1000 + number)) * 2.0 - 1.0
