"""What every metric must do. Images are float32 ``[N, 3, H, W]`` in [-1, 1]."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from i2i.plugins import MetricSpec, Options
from i2i.plugins.directions import Direction
from i2i.plugins.protocols import Sample, TrainingImages
from i2i.testing.results import Checklist, expect

SIDE = 32
"""Of the images, unless the metric needs larger ones."""
COUNT = 6
"""Images of a set."""
LEARNT_FROM = 20
"""Training images of a metric that learns."""


class _NoiseAndPictures:
    """What a metric that learns is given: noise is A, smooth images are B."""

    def __init__(self, side: int) -> None:
        self.channels: Mapping[str, int] = {"A": 3, "B": 3}
        self.domains: Mapping[str, str] = {"A": "noise", "B": "pictures"}
        self.truth = False
        self._images = _noise(LEARNT_FROM, side), _pictures(LEARNT_FROM, side)

    def __len__(self) -> int:
        return LEARNT_FROM

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        return {"A": self._images[0][key[1]], "B": self._images[1][key[1]]}


def metric_checks(checks: Checklist, spec: MetricSpec, options: Options) -> None:
    """Check one metric of either family."""
    side: list[int] = []

    def smallest_size() -> None:
        smallest = spec.smallest_size(options)
        expect(isinstance(smallest, int) and smallest >= 1, f"smallest_size must be 1 or more; got {smallest!r}")
        side.append(max(smallest, SIDE))

    if not checks.run("smallest size", smallest_size):
        return

    training = TrainingImages(_NoiseAndPictures(side[0]))

    def build() -> Any:
        learns = {"training": training, "direction": Direction.A_TO_B} if spec.learns else {}
        return spec.build(options, device=torch.device("cpu"), **learns)

    (_pair_checks if spec.family == "pairs" else _set_checks)(checks, spec, build, side[0])


def _pair_checks(checks: Checklist, spec: MetricSpec, build: Callable[[], Any], side: int) -> None:
    built: list[Callable[[Tensor, Tensor], Tensor]] = []

    def builds() -> None:
        measure = build()
        expect(callable(measure), f"build must return a callable measure(output, truth); got {type(measure).__name__}")
        built.append(measure)

    if not checks.run("builds a metric", builds):
        return
    truth = _pictures(3, side)
    noise = _noise(3, side)

    def measured(output: Tensor, truth: Tensor) -> Tensor:
        with torch.no_grad():
            values = built[0](output, truth)
        expect(isinstance(values, Tensor), f"measure must return a tensor; got {type(values).__name__}")
        count = len(truth)
        expect(
            values.shape == (count,) and values.is_floating_point(),
            f"measure must return floats [{count}], one an image; got {values.dtype} {list(values.shape)}",
        )
        return values

    def one_value_an_image() -> None:
        together = measured(noise, truth)
        expect(bool(together.isfinite().all()), f"must be finite; got {together.tolist()}")
        apart = torch.cat([measured(noise[n : n + 1], truth[n : n + 1]) for n in range(len(truth))])
        expect(
            torch.allclose(together, apart, rtol=1e-3, atol=1e-4),
            f"an image's value must not depend on its batch; got {together.tolist()}, and {apart.tolist()} alone",
        )

    def equal_images() -> str | None:
        values = measured(truth.clone(), truth)
        expect(not bool(values.isnan().any()), "equal images gave NaN")
        infinite = bool(values.isinf().any())
        expect(not infinite or spec.unbounded, "equal images gave infinity; say unbounded=True in the spec if it may")
        return "infinite for equal images, as the spec says" if infinite else None

    def direction() -> None:
        equal, far = measured(truth.clone(), truth), measured(noise, truth)
        _expect_better(spec, equal.mean().item(), far.mean().item(), "equal images", "noise")
        nearer = measured(torch.lerp(noise, truth, 0.5), truth)
        _expect_better(spec, nearer.mean().item(), far.mean().item(), "images half way to the truth", "noise")

    def other_sizes() -> None:
        for shape in ((1, 3, side, side + 5), (2, 1, side + 3, side)):
            measured(
                _noise(*shape[:1], shape[2], shape[3], shape[1]), _pictures(shape[0], shape[2], shape[3], shape[1])
            )

    checks.run("one value an image", one_value_an_image)
    checks.run("equal images", equal_images)
    checks.run("direction", direction)
    checks.run("sizes and grey images", other_sizes)
    checks.run("inputs untouched", lambda: _untouched(measured, noise, truth))
    checks.run("determinism", lambda: _same(lambda: measured(noise, truth).tolist()))


def _set_checks(checks: Checklist, spec: MetricSpec, build: Callable[[], Any], side: int) -> None:
    def make() -> Any:
        metric = build()
        missing = [name for name in ("update", "compute") if not callable(getattr(metric, name, None))]
        expect(
            not missing,
            f"build must return an object with update and compute; {type(metric).__name__} has no {', '.join(missing)}",
        )
        return metric

    def builds() -> None:
        make()

    if not checks.run("builds a metric", builds):
        return
    targets = _pictures(COUNT, side)
    noise = _noise(COUNT, side)

    def distance(ours: Tensor, step: int = COUNT) -> float:
        metric = make()
        with torch.no_grad():
            for first in range(0, COUNT, step):
                metric.update(targets[first : first + step].clone(), real=True)
                metric.update(ours[first : first + step].clone(), real=False)
                if hasattr(metric, "update_inputs"):
                    metric.update_inputs(targets[first : first + step].clone())
            value = float(metric.compute())
        expect(math.isfinite(value), f"compute must give a finite number; got {value}")
        return value

    def in_batches() -> None:
        together, apart = distance(noise), distance(noise, 2)
        close = math.isclose(together, apart, rel_tol=1e-3, abs_tol=1e-4)
        expect(close, f"must not depend on the batches; got {together:.5g}, and {apart:.5g} in batches of 2")

    def untouched(first: Tensor, second: Tensor) -> None:
        metric = make()
        metric.update(first, real=False)
        metric.update(second, real=True)

    def finite() -> None:
        distance(noise)

    checks.run("finite", finite)
    checks.run("batches", in_batches)
    checks.run(
        "direction", lambda: _expect_better(spec, distance(targets), distance(noise), "the same images", "noise")
    )
    checks.run("inputs untouched", lambda: _untouched(untouched, noise, targets))
    checks.run("determinism", lambda: _same(lambda: [distance(noise)]))


def _expect_better(spec: MetricSpec, near: float, far: float, what: str, other: str) -> None:
    better = near > far if spec.better == "higher" else near < far
    expect(better, f"{spec.better} is better by the spec; but {what} scored {near:.5g}, and {other} {far:.5g}")


def _untouched(measure: Callable[[Tensor, Tensor], Any], first: Tensor, second: Tensor) -> None:
    given = first.clone(), second.clone()
    measure(*given)
    expect(
        torch.equal(given[0], first) and torch.equal(given[1], second),
        "must not change the images that it is given; other metrics measure them, too",
    )


def _same(measure: Callable[[], list[float]]) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = measure()
    expect(
        torch.equal(torch.get_rng_state(), before),
        "must leave torch's random numbers alone, with which a run trains; draw from a generator of its own",
    )
    torch.manual_seed(1)
    expect(first == measure(), "the same images must give the same value")


def _pictures(count: int, height: int, width: int | None = None, channels: int = 3) -> Tensor:
    """Smooth images, each another, rounded to 8 bits."""
    rows, columns = torch.linspace(0, 3, height)[:, None], torch.linspace(0, 3, width or height)[None]
    phases = torch.arange(count * channels).reshape(count, channels, 1, 1)
    return _rounded(torch.sin(rows + phases) * torch.cos(columns * (1 + phases % 3)))


def _noise(count: int, height: int, width: int | None = None, channels: int = 3) -> Tensor:
    random = torch.Generator().manual_seed(7)
    return _rounded(torch.rand(count, channels, height, width or height, generator=random) * 2 - 1)


def _rounded(images: Tensor) -> Tensor:
    return ((images + 1) * 127.5).round() / 127.5 - 1
