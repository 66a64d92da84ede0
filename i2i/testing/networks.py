"""What every generator and discriminator must do. Images are float32 ``[N, C, H, W]`` in [-1, 1], on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from i2i.plugins import DiscriminatorSpec, GeneratorSpec, Options
from i2i.plugins.features import name_taps, tapped
from i2i.testing.as_translator import translator_checks
from i2i.testing.results import BrokenPromiseError, Checklist, expect, gradient_of, positive

CHANNELS = 3
SMALLEST = 16
"""No image under check is smaller: reflection padding and instance norm need a few pixels to work on."""
TOLERANCE = 1e-3
"""Largest difference of the same computation done in another order (batches of other sizes), in units of [-1, 1]."""

Size = tuple[int, int]
MakeModule = Callable[[], nn.Module]


def generator_checks(
    checks: Checklist,
    spec: GeneratorSpec,
    options: Options,
    *,
    package: str = "unknown",
    export_seconds: float | None = None,
) -> None:
    """Check one generator; the last two are those of :func:`~i2i.testing.as_translator.translator_checks`."""

    def make(in_channels: int = CHANNELS, out_channels: int = CHANNELS) -> nn.Module:
        return _module(spec.build(options, in_channels=in_channels, out_channels=out_channels))

    sizes: list[Size] = []

    def build() -> None:
        _seeded(make)
        multiple = positive("size_multiple", spec.size_multiple(options))
        sizes.extend(_generator_sizes(multiple, positive("smallest_size", spec.smallest_size(options))))

    def shapes(size: Size, in_channels: int = CHANNELS, out_channels: int = CHANNELS) -> None:
        network = _seeded(lambda: make(in_channels, out_channels)).eval()
        image = _images(2, size, in_channels)
        with torch.no_grad():
            output = network(image)
        expect(isinstance(output, Tensor), f"must return one tensor; got {type(output).__name__}")
        expected = (2, out_channels, *size)
        expect(tuple(output.shape) == expected, f"expected {list(expected)}; got {list(output.shape)}")
        expect(output.is_floating_point(), f"must return floating-point values; got {output.dtype}")

    if not checks.run("builds a module", build):
        return
    least, square, odd = sizes
    checks.run("output shape", lambda: shapes(square))
    checks.run("smallest size", lambda: shapes(least))
    checks.run("other channels", lambda: shapes(square, in_channels=1, out_channels=4))
    checks.run("odd sizes", lambda: shapes(odd))
    checks.run("value range", lambda: _range_check(make, square))
    _shared_checks(checks, make, square, least)
    checks.run("taps", lambda: _taps_check(make, spec.taps(options), square))
    translator_checks(checks, spec, options, package, export_seconds)


def discriminator_checks(checks: Checklist, spec: DiscriminatorSpec, options: Options) -> None:
    """Check one discriminator."""

    def make(in_channels: int = CHANNELS) -> nn.Module:
        return _module(spec.build(options, in_channels=in_channels))

    smallest: list[int] = []

    def build() -> None:
        _seeded(make)
        smallest.append(positive("smallest_size", spec.smallest_size(options)))

    def logits(size: Size, in_channels: int = CHANNELS) -> None:
        network = _seeded(lambda: make(in_channels)).eval()
        with torch.no_grad():
            output = network(_images(2, size, in_channels))
        for scale in _tensors(output):
            fits = scale.ndim == 4 and scale.shape[:2] == (2, 1) and scale.numel() > 0
            expect(fits, f"expected logits [2, 1, h, w] with h, w >= 1; got {list(scale.shape)}")
            expect(bool(scale.isfinite().all()), "every logit must be finite")

    if not checks.run("builds a module", build):
        return
    side = max(smallest[0], SMALLEST)
    square = (side, side)
    odd = ((side | 1) + 2, (side | 1) + 8)
    checks.run("logits shape", lambda: logits(square))
    checks.run("smallest size", lambda: logits((smallest[0], smallest[0])))
    checks.run("other channels", lambda: logits(square, in_channels=6))
    checks.run("odd sizes", lambda: logits(odd))
    checks.run("no sigmoid", lambda: _no_sigmoid_check(make, square))
    _shared_checks(checks, make, square, (smallest[0], smallest[0]))
    checks.run("taps", lambda: _taps_check(make, spec.taps(options), square))


def _shared_checks(checks: Checklist, make: MakeModule, size: Size, least: Size) -> None:
    checks.run("gradients", lambda: _gradient_check(make, size))
    checks.run("batch of one", lambda: _one_image_check(make, least))
    checks.run("state-dict round trip", lambda: _state_check(make, size))
    checks.run("determinism", lambda: _determinism_check(make, size))
    checks.run("batch independence", lambda: _batch_check(make, size))
    checks.run("half precision", lambda: _half_precision_check(make, size))


def _range_check(make: MakeModule, size: Size) -> None:
    """Freshly initialised weights are small and hide a missing tanh, so the weights are scaled up as well."""
    network = _seeded(make).eval()
    for scale in (1.0, 5.0):
        _scale_weights(network, scale)
        with torch.no_grad():
            output = network(_images(2, size).sign())
        expect(bool(output.isfinite().all()), f"every value must be finite (weights times {scale:g})")
        low, high = output.min().item(), output.max().item()
        expect(
            low >= -1.0 and high <= 1.0,
            f"must stay in [-1, 1]; got {low:.3g} to {high:.3g} (weights times {scale:g}); end with a tanh",
        )


def _no_sigmoid_check(make: MakeModule, size: Size) -> None:
    for seed in range(4):
        network = _seeded(make, seed).eval()
        _nudge_weights(network)
        _scale_weights(network, 5.0)
        with torch.no_grad():
            values = torch.cat([scale.flatten() for scale in _tensors(network(_images(2, size).sign()))])
        if values.min() < 0.0 or values.max() > 1.0:
            return
    raise BrokenPromiseError("must return logits; every value lies in [0, 1] even with large weights: drop the sigmoid")


def _gradient_check(make: MakeModule, size: Size) -> None:
    network = _seeded(make).train()
    _nudge_weights(network)
    image = _images(2, size).requires_grad_()
    torch.autograd.backward(_weighted_sum(_tensors(network(image))))

    gradient = gradient_of(image, "no gradient reaches the input")
    expect(bool(gradient.any()), "no gradient reaches the input")
    expect(bool(gradient.isfinite().all()), "the gradient of the input is not finite")
    trained = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    expect(bool(trained), "has no parameter that can be trained")
    for name, weight in trained.items():
        gradient = gradient_of(weight, f"no gradient reaches parameter {name!r}")
        expect(bool(gradient.isfinite().all()), f"the gradient of parameter {name!r} is not finite")
        # A bias before a normalisation has, rightly, no influence; a matrix or kernel without any is cut off.
        cut_off = weight.ndim >= 2 and not bool(gradient.any())
        expect(not cut_off, f"the gradient of parameter {name!r} is zero everywhere")


def _one_image_check(make: MakeModule, size: Size) -> None:
    """One image of the smallest size in training mode, which norms may refuse that take it in evaluation mode."""
    network = _seeded(make).train()
    try:
        outputs = _tensors(network(_images(1, size)))
    except ValueError as error:
        height, width = size
        raise BrokenPromiseError(
            f"training on one image of {height} x {width}, the smallest that it declares, fails ({error}); "
            "raise smallest_size"
        ) from error
    torch.autograd.backward(_weighted_sum(outputs))
    for name, weight in network.named_parameters():
        finite = weight.grad is None or bool(weight.grad.isfinite().all())
        expect(finite, f"the gradient of parameter {name!r} for one image of the smallest size is not finite")


def _state_check(make: MakeModule, size: Size) -> None:
    first, second = _seeded(make, 0), _seeded(make, 1)
    image = _images(2, size)
    first.train()(image)  # moves running statistics, so that they are part of the state too
    second.load_state_dict(first.state_dict(), strict=True)
    difference = _difference(_evaluate(first, image), _evaluate(second, image))
    expect(
        difference == 0.0,
        f"a second module with the first one's state dict differs by up to {difference:.3g}; "
        "keep all state in parameters and registered buffers",
    )


def _determinism_check(make: MakeModule, size: Size) -> None:
    first, second, third = _seeded(make, 0), _seeded(make, 0), _seeded(make, 0)
    second_state = second.state_dict()
    for name, value in first.state_dict().items():
        expect(
            torch.equal(value, second_state[name]),
            f"{name!r} is initialised differently by the same torch seed; draw from torch's default generator",
        )
    image = _images(2, size)
    once = _evaluate(first, image)
    torch.manual_seed(1234)
    again = _evaluate(third, image)
    difference = max(_difference(once, again), _difference(once, _evaluate(first, image)))
    expect(
        difference <= 1e-5,
        f"the same image in eval mode gives outputs that differ by {difference:.3g}; "
        "use no random numbers in eval mode (dropout through nn.Dropout) and no state that a call changes",
    )


def _batch_check(make: MakeModule, size: Size) -> None:
    network = _seeded(make)
    images = _images(2, size)
    together = _evaluate(network, images)
    apart = [
        torch.cat(pair) for pair in zip(_evaluate(network, images[:1]), _evaluate(network, images[1:]), strict=True)
    ]
    difference = _difference(together, apart)
    expect(
        difference <= TOLERANCE * max(1.0, _largest(apart)),
        f"in eval mode a batch of two differs from two batches of one by {difference:.3g}; "
        "images of one batch must not influence each other",
    )


def _half_precision_check(make: MakeModule, size: Size) -> None:
    network = _seeded(make)
    images = _images(2, size)
    exact = _evaluate(network, images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = _tensors(network(images))
    for wide, narrow in zip(exact, rounded, strict=True):
        expect(bool(narrow.isfinite().all()), "a value under bfloat16 autocast is not finite")
        difference = (wide - narrow.float()).abs().mean().item()
        allowed = 0.05 + 0.1 * wide.abs().mean().item()
        expect(
            difference <= allowed,
            f"under bfloat16 autocast the output moves by {difference:.3g} on average (allowed {allowed:.3g})",
        )
    torch.autograd.backward(_weighted_sum(rounded))
    for name, weight in network.named_parameters():
        finite = weight.grad is None or bool(weight.grad.isfinite().all())
        expect(finite, f"the gradient of parameter {name!r} under bfloat16 autocast is not finite")


def _taps_check(make: MakeModule, taps: Mapping[str, str], size: Size) -> str | None:
    """Every tap is a layer that runs once, in the order of the taps, and gives a tensor that keeps its values."""
    network = _seeded(make).eval()
    try:
        name_taps(network, taps)
    except ValueError as error:
        raise BrokenPromiseError(str(error)) from error
    if not taps:
        return "it names none; methods that look inside, such as cut, cannot use it"
    ran: list[str] = []
    for name, path in taps.items():
        network.get_submodule(path).register_forward_hook(lambda *_, name=name: ran.append(name))
    images = _images(2, size).requires_grad_()
    try:
        _, activations = tapped(network, list(taps))(images)
    except (TypeError, ValueError) as error:
        raise BrokenPromiseError(str(error)) from error
    expect(ran == list(taps), f"taps must be named from shallow to deep; the layers run in the order {', '.join(ran)}")
    for name, activation in activations.items():
        fits = activation.ndim == 4 and len(activation) == len(images)
        expect(fits, f"tap {name!r} must give [2, C, h, w] for two images; got {list(activation.shape)}")
    torch.autograd.backward(_weighted_sum(list(activations.values())))
    expect(bool(gradient_of(images, "no gradient reaches the input from the taps").any()), "the taps have no gradient")
    return None


def _generator_sizes(multiple: int, smallest: int) -> tuple[Size, Size, Size]:
    """The smallest square, the smallest reasonable one, and a non-square size of odd multiples."""
    least = -(-smallest // multiple)
    count = max(least, -(-SMALLEST // multiple))
    odd = count | 1
    return (least * multiple,) * 2, (count * multiple,) * 2, (odd * multiple, (odd + 2) * multiple)


def _seeded(make: MakeModule, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return make()


def _module(built: Any) -> nn.Module:
    expect(isinstance(built, nn.Module), f"build must return a torch.nn.Module; got {type(built).__name__}")
    assert isinstance(built, nn.Module)
    return built


def _images(count: int, size: Size, channels: int = CHANNELS) -> Tensor:
    """Random images ``[count, channels, *size]``, uniform in [-1, 1], always the same."""
    generator = torch.Generator().manual_seed(7)
    return torch.rand(count, channels, *size, generator=generator) * 2.0 - 1.0


def _tensors(output: Any) -> list[Tensor]:
    """The output as a list of tensors."""
    listed = [output] if isinstance(output, Tensor) else output
    fits = isinstance(listed, list | tuple) and bool(listed) and all(isinstance(one, Tensor) for one in listed)
    expect(fits, f"must return a tensor or a list of tensors; got {type(output).__name__}")
    return list(listed)


def _evaluate(network: nn.Module, image: Tensor) -> list[Tensor]:
    network.eval()
    with torch.no_grad():
        return [one.clone() for one in _tensors(network(image))]


def _weighted_sum(outputs: list[Tensor]) -> Tensor:
    """A scalar that depends on every value differently, so that no gradient cancels by symmetry."""
    generator = torch.Generator().manual_seed(11)
    parts = [(one.float() * torch.randn(one.shape, generator=generator)).sum() for one in outputs]
    return torch.stack(parts).sum()


def _nudge_weights(network: nn.Module) -> None:
    """Move all weights a little: a gate that starts at zero is legitimate, and must not look like a cut."""
    generator = torch.Generator().manual_seed(13)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator) * 0.02)


def _scale_weights(network: nn.Module, factor: float) -> None:
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(factor)


def _difference(first: list[Tensor], second: list[Tensor]) -> float:
    expect(len(first) == len(second), f"returned {len(first)} tensors, then {len(second)}")
    return max((one - other).abs().max().item() for one, other in zip(first, second, strict=True))


def _largest(outputs: list[Tensor]) -> float:
    return max(one.abs().max().item() for one in outputs)
