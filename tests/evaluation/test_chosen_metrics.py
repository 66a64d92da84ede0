"""A metric of a plugin is asked for one finite value an image, and an answer of another kind names it."""

import math

import pytest
import torch

from i2i.errors import ConfigError, PluginError
from i2i.evaluation.chosen_metrics import as_seen, of_family, usual_metrics
from i2i.plugins import MetricSpec

from ..helpers.metrics import CPU, MANAGER, chosen, ready

IMAGES = torch.zeros(2, 3, 12, 12)


def metric(measure, *, asked=True, **fields):
    fields = {"name": "oak", "summary": "A tree.", "family": "pairs", "better": "lower", **fields}
    return ready(MetricSpec(build=lambda _, *, device: measure, **fields), asked=asked)[0]


def test_the_usual_ones_are_of_pairs():
    assert [each.name for each in usual_metrics(MANAGER, CPU)] == ["l1", "psnr", "ssim"]
    both = [chosen("l1"), chosen("frechet_distance")]
    assert [each.name for each in of_family(both, "sets")] == ["frechet_distance"]


def test_values_are_one_an_image():
    values = metric(lambda output, truth: (output - truth).abs().mean(dim=(1, 2, 3))).measure(IMAGES + 0.5, IMAGES)
    assert values.dtype == torch.float64
    assert values.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (torch.tensor(1.0), r"gave a tensor \[\] for 2 images; expected a tensor \[2\]"),
        (torch.ones(2, 1), r"gave a tensor \[2, 1\]"),
        (0.5, "gave float"),
        (torch.tensor([0.5, math.nan]), "gave nan; expected a finite value"),
        (torch.tensor([0.5, math.inf]), "gave inf; expected a finite value"),
    ],
)
def test_another_answer_names_metric_and_package(returned, said):
    with pytest.raises(PluginError, match=rf"metric 'oak' of package i2i-oak 1.2 {said}"):
        metric(lambda output, truth: returned).measure(IMAGES, IMAGES)


def test_one_that_may_be_infinite_may():
    infinite = metric(lambda output, truth: torch.full((2,), math.inf), unbounded=True, better="higher")
    assert infinite.measure(IMAGES, IMAGES).tolist() == [math.inf] * 2


def test_images_that_are_too_small_are_refused_where_somebody_asked_and_left_out_elsewhere():
    assert metric(len, smallest_size=lambda _: 12).fits(IMAGES)
    assert not metric(len, smallest_size=lambda _: 13, asked=False).fits(IMAGES)
    with pytest.raises(
        ConfigError, match="metric oak needs images of at least 13 pixels a side; images come out at 12x12"
    ):
        metric(len, smallest_size=lambda _: 13).fits(IMAGES)


def test_images_are_seen_in_8_bits():
    images = torch.linspace(-1.2, 1.2, 1001)
    seen = as_seen(images)
    assert torch.equal(as_seen(seen), seen)
    assert (seen.min().item(), seen.max().item()) == (-1, 1)
    assert len(seen.unique()) == 256
