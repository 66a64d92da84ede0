"""Metrics of sets: gathered in any batches, beside what the inputs score. Their formulas: tests/builtin/metrics."""

import math

import pytest
import torch

from i2i.errors import PluginError
from i2i.evaluation.chosen_metrics import as_seen
from i2i.evaluation.sets import SetMetrics
from i2i.plugins import MetricSpec
from i2i.plugins.directions import Direction

from ..helpers.metrics import chosen, ready


def pictures(count, shift=0.0, seed=0, size=16):
    random = torch.Generator().manual_seed(seed)
    return [(torch.rand(1, 3, size, size, generator=random) * 2 - 1 + shift).clamp(-1, 1) for _ in range(count)]


def test_metrics_of_sets_are_the_distances_of_their_images_however_they_were_added():
    translations, inputs, targets = pictures(4), pictures(4, 0.5, 1), pictures(5, 0.2, 2)
    two = [chosen("frechet_distance"), chosen("kernel_distance", seed=3)]
    metrics = SetMetrics(two)
    metrics.add_translations(translations[:1], inputs[:1])
    metrics.add_translations(translations[1:], inputs[1:])
    metrics.add_targets(targets)
    computed = metrics.compute()
    for prefix, images in (("", translations), ("identity_", inputs)):
        for metric in two:
            alone = metric.make(Direction.A_TO_B)
            alone.update(as_seen(torch.cat(images)), real=False)
            alone.update(as_seen(torch.cat(targets)), real=True)
            assert computed.pop(f"{prefix}{metric.name}") == alone.compute()
    assert computed.keys() == {"kernel_distance_std", "identity_kernel_distance_std"}
    assert (metrics.translations, metrics.targets) == (4, 5)
    assert metrics.protocol()["kid_subset_size"] == 4
    assert len(metrics.notes()) == 2, "what both say is said once"


class Brightness:
    """How far apart the mean levels are; keeps every batch that it was given."""

    def __init__(self):
        self.batches = []

    def update(self, images, real):
        self.batches.append((images, real))

    def compute(self):
        ours, real = ([i.mean() for i, was_real in self.batches if was_real is which] for which in (False, True))
        return (sum(ours) / len(ours) - sum(real) / len(real)).abs().item()


def spec(build=lambda _, *, device: Brightness(), **fields):
    fields = {"name": "brightness", "summary": "Levels.", "family": "sets", "better": "lower", **fields}
    return MetricSpec(build=build, **fields)


def test_a_plugins_metric_gets_neighbours_of_one_size_together_rounded_to_8_bits():
    metrics = SetMetrics(ready(spec()))
    images = [*pictures(2), *pictures(1, size=24), *pictures(2, seed=1)]
    metrics.add_translations(images, images)
    metrics.add_targets(images)
    ours = [batch for batch, real in metrics._of[""][0][1].batches if not real]
    assert [len(batch) for batch in ours] == [2, 1, 2]
    assert torch.equal(ours[1], (images[2] * 127.5 + 127.5).round() / 127.5 - 1)
    assert metrics.compute() == {"brightness": 0.0, "identity_brightness": 0.0}
    assert (metrics.protocol(), metrics.notes()) == ({}, [])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_none_names_the_metric_and_its_package(value):
    class Broken(Brightness):
        def compute(self):
            return value

    metrics = SetMetrics(ready(spec(lambda _, *, device: Broken())))
    with pytest.raises(PluginError, match=rf"metric 'brightness' of package i2i-oak 1.2 gave {value}"):
        metrics.compute()


def test_what_a_metric_raises_names_it():
    class Broken(Brightness):
        def update(self, images, real):
            raise ValueError("three channels only")

    metrics = SetMetrics(ready(spec(lambda _, *, device: Broken())))
    with pytest.raises(PluginError, match=r"metric 'brightness' of package i2i-oak 1.2 raised ValueError: three chan"):
        metrics.add_targets(pictures(1))


class Likeness(Brightness):
    """Looks at the inputs, too, and knows what the target domain itself scores."""

    def __init__(self):
        super().__init__()
        self.inputs = []

    def update_inputs(self, images):
        self.inputs.append(images)

    def of_targets(self):
        return 0.5


def test_a_metric_may_look_at_the_inputs_and_tell_what_the_target_domain_scores():
    made = []
    build = lambda _, *, device: made.append(Likeness()) or made[-1]  # noqa: E731
    metrics = SetMetrics(ready(spec(build)))
    translations, inputs = [*pictures(2), *pictures(1, size=24)], [*pictures(2, seed=1), *pictures(1, size=24, seed=1)]
    metrics.add_translations(translations, inputs)
    metrics.add_targets(pictures(2, seed=2))
    computed = metrics.compute()
    assert computed.keys() == {"brightness", "target_brightness"}, "what is compared with the input has no baselines"
    assert computed["target_brightness"] == 0.5
    found = next(metric for metric in made if metric.inputs)
    assert [batch.shape for batch in found.inputs] == [(2, 3, 16, 16), (1, 3, 24, 24)]
    assert torch.equal(found.inputs[0], as_seen(torch.cat(inputs[:2])))


def test_a_metric_that_learns_is_given_training_images_and_the_direction():
    given = []

    def learning(_, *, device, training, direction):
        given.append((training, direction))
        return Brightness()

    (metric,) = ready(spec(learning, learns=True))
    SetMetrics([metric], direction=Direction.B_TO_A)
    assert given[0][0].dataset is None
    assert "nothing says" in given[0][0].missing
    assert [direction for _, direction in given] == ["AtoB", "BtoA", "BtoA"]
    with pytest.raises(ValueError, match="only a metric of family 'sets' learns"):
        spec(family="pairs", learns=True)
