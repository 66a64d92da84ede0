"""What is measured without a truth: nearness to the target domain, and the edges of the input."""

import pytest
import torch

from i2i.builtin.metrics.domain_classifier import ClassifierSettings, domain_classifier
from i2i.builtin.metrics.without_truth import DomainDistance, DomainProbability, EdgePreservation, edge_correlation
from i2i.plugins.directions import Direction
from i2i.plugins.protocols import TrainingImages

from .test_domain_classifier import Pictures


@pytest.fixture(scope="module")
def classifier():
    return domain_classifier(TrainingImages(Pictures()), ClassifierSettings(16, 60, 0))


def images(domain, seed):
    return torch.stack([Pictures(seed=seed)[0, place][domain] for place in range(12)])


@pytest.mark.parametrize("direction", list(Direction))
def test_images_of_the_target_domain_are_nearer_to_it_than_those_of_the_source(classifier, direction):
    found = {}
    for domain in "AB":
        for make in (DomainProbability, lambda *given: DomainDistance(*given, seed=0)):
            metric = make(classifier, direction)
            metric.update(images(domain, 5), real=False)
            metric.update(images(direction.target, 6), real=True)
            found[domain, type(metric)] = metric.compute()
            goal = metric.of_targets()
            assert goal > 0.6 if isinstance(metric, DomainProbability) else abs(goal) < 0.3
    source, target = direction.source, direction.target
    assert found[target, DomainProbability] > found[source, DomainProbability] + 0.2
    assert found[target, DomainDistance] < found[source, DomainDistance]


def test_edges_count_wherever_they_are_in_whatever_colour():
    picture = torch.full((1, 3, 32, 32), -1.0)
    picture[..., 8:20, 10:26] = 1.0
    other = torch.full((1, 3, 32, 32), -1.0)
    other[..., 22:30, 2:8] = 1.0
    assert edge_correlation(picture, picture).item() == pytest.approx(1)
    assert edge_correlation(-0.5 * picture, picture).item() == pytest.approx(1), "an edge may change its sign"
    assert edge_correlation(picture[:, :1], picture).item() == pytest.approx(1), "and its channels"
    assert edge_correlation(other, picture).item() < 0.2
    assert edge_correlation(torch.zeros_like(picture), picture).item() == 0
    assert edge_correlation(torch.zeros_like(picture), torch.ones_like(picture)).item() == 1
    metric = EdgePreservation()
    for output in (picture, other):
        metric.update(output, real=False)
        metric.update_inputs(picture)
    metric.update(other, real=True)
    assert metric.compute() == pytest.approx((1 + edge_correlation(other, picture).item()) / 2)
