"""Each promise of a metric, broken by one that breaks it alone."""

import math

import pytest
import torch

from i2i.plugins import MetricSpec
from i2i.testing import check_component, check_metric


def spec_of(build, **fields):
    fields = {"name": "example", "summary": "a metric", "family": "pairs", "better": "lower", **fields}
    return MetricSpec(build=lambda options, *, device: build, **fields)


def broken(spec):
    return {result.name: result.message for result in check_component(spec) if not result.ok}


def l1(output, truth):
    return (output - truth).abs().mean(dim=(1, 2, 3))


def test_a_metric_that_keeps_its_promises():
    check_metric(spec_of(l1))
    check_metric(spec_of(lambda output, truth: -l1(output, truth), better="higher"))


def in_place(output, truth):
    return output.sub_(truth).abs().mean(dim=(1, 2, 3))


@pytest.mark.parametrize(
    ("measure", "fields", "check", "said"),
    [
        (lambda output, truth: l1(output, truth).mean(), {}, "one value an image", "floats [3], one an image"),
        (lambda output, truth: l1(output, truth).tolist(), {}, "one value an image", "must return a tensor; got list"),
        (lambda output, truth: (l1(output, truth) > 0).long(), {}, "one value an image", "got torch.int64 [3]"),
        (
            lambda output, truth: l1(output, truth) + len(truth),
            {},
            "one value an image",
            "must not depend on its batch",
        ),
        (lambda output, truth: -l1(output, truth).log(), {"better": "higher"}, "equal images", "unbounded=True"),
        (lambda output, truth: l1(output, truth) * math.nan, {}, "equal images", "NaN"),
        (l1, {"better": "higher"}, "direction", "higher is better by the spec"),
        (
            lambda output, truth: (output - truth)[:, [0, 2]].abs().mean(dim=(1, 2, 3)),
            {},
            "sizes and grey images",
            "index",
        ),
        (in_place, {}, "inputs untouched", "must not change the images"),
        (lambda output, truth: l1(output, truth) + 1e-9 * torch.rand(1), {}, "determinism", "random numbers alone"),
        (l1, {"smallest_size": lambda _: 0}, "smallest size", "must be 1 or more; got 0"),
        (None, {}, "builds a metric", "must return a callable measure(output, truth); got NoneType"),
    ],
)
def test_a_broken_promise_is_named(measure, fields, check, said):
    found = broken(spec_of(measure, **fields))
    assert check in found
    assert said in found[check]


class Levels:
    """A metric of sets: how far apart the mean levels are."""

    def __init__(self):
        self.means = {True: [], False: []}

    def update(self, images, real):
        self.means[real] += images.var(dim=(1, 2, 3)).tolist()

    def compute(self):
        return abs(sum(self.means[True]) / len(self.means[True]) - sum(self.means[False]) / len(self.means[False]))


class Undefined(Levels):
    def compute(self):
        return math.nan


class LastBatch(Levels):
    def update(self, images, real):
        self.means[real] = [images.sum().item()]


class Overwriting(Levels):
    def update(self, images, real):
        super().update(images.mul_(2), real)


@pytest.mark.parametrize(
    ("made", "fields", "check", "said"),
    [
        (Undefined, {}, "finite", "got nan"),
        (LastBatch, {}, "batches", "must not depend on the batches"),
        (Levels, {"better": "higher"}, "direction", "higher is better by the spec"),
        (Overwriting, {}, "inputs untouched", "must not change"),
        (object, {}, "builds a metric", "object has no update, compute"),
    ],
)
def test_a_broken_promise_of_a_set_is_named(made, fields, check, said):
    fields = {"name": "example", "summary": "a metric", "family": "sets", "better": "lower", **fields}
    found = broken(MetricSpec(build=lambda options, *, device: made(), **fields))
    assert said in found[check]


def test_a_metric_of_sets_that_keeps_its_promises():
    fields = {"name": "example", "summary": "a metric", "family": "sets", "better": "lower"}
    check_metric(MetricSpec(build=lambda options, *, device: Levels(), **fields))
