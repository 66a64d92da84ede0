"""What is kept follows the memory there is."""

import pytest

import i2i
from i2i.translation.tiles.graph import trace
from i2i.translation.tiles.passes import MOST_WORK, plan_passes

SIZE = 4096
PLANE = SIZE * SIZE * 4  # bytes of one channel


@pytest.fixture(scope="module")
def graph():
    return trace(i2i.create("generator", "resnet9", base_channels=16).eval(), 3, SIZE, SIZE)


def test_with_memory_for_all_everything_is_computed_once(graph):
    plan = plan_passes(graph, 512, 1 << 50)
    targets = [step.target for step in plan.passes]
    assert len(targets) == len(set(targets))
    convolutions = 1 + 2 + 9 * 2 + 2
    assert len(plan.kept) == convolutions + 9 - 1, "and each sum but the last, which only one layer reads"
    assert max(plan.held) == (16 + 32 / 4) * PLANE, "the first layer, and the second, of half the size"


def test_large_planes_near_the_image_are_given_up_first(graph):
    everything = plan_passes(graph, 512, 1 << 50)
    plan = plan_passes(graph, 512, 13 * PLANE)
    given_up = everything.kept - plan.kept
    sizes = {graph.nodes[number].extent.height for number in given_up}
    assert SIZE in sizes
    assert SIZE // 4 not in sizes
    assert plan.over(13 * PLANE) == 0
    assert plan.work < MOST_WORK * everything.work


def test_what_does_not_fit_goes_to_files(graph):
    plan = plan_passes(graph, 512, 0)
    assert plan.in_files(0) == max(plan.held)
    assert plan.in_files(1 << 50) == 0
    half = max(plan.held) // 2
    assert 0 < plan.in_files(half) <= max(plan.held)


def test_the_workspace_depends_on_the_tiles_and_not_on_the_image(graph):
    twice = trace(i2i.create("generator", "resnet9", base_channels=16).eval(), 3, 2 * SIZE, 2 * SIZE)
    small, large = (plan_passes(graph, side, 1 << 50).workspace for side in (256, 512))
    assert plan_passes(twice, 512, 1 << 50).workspace == large
    assert 3 < large / small < 4.1
