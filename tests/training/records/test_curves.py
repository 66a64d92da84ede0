import math
import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from i2i.models.scores import table_of
from i2i.plugins.manager import PluginManager
from i2i.training.records.curves import COLOURS, augmentation_panels, loss_panels, metric_panels, smooth

TABLE = table_of(PluginManager({}))


def training(terms, steps=50):
    return [{"step": 10 * (n + 1), "losses": dict.fromkeys(terms, 1 / (n + 1))} for n in range(steps)]


def evaluation(step, **values):
    return {"step": step, "directions": {"AtoB": values}}


def test_terms_go_to_their_side_of_the_game():
    generators, discriminators = loss_panels(training(["G_A", "cycle_A", "D_A", "identity_B", "D_B", "L1"]))
    assert [line.name for line in generators.legend] == ["G_A", "cycle_A", "identity_B", "L1"]
    assert [line.name for line in discriminators.legend] == ["D_A", "D_B"]
    assert [panel.key for panel in loss_panels(training(["G"]))] == ["generators"]


def test_what_an_augmentation_adapted_to_has_a_panel_where_there_is_any():
    lines = training(["G"], steps=3)
    assert augmentation_panels(lines) == []
    for number, line in enumerate(lines[1:]):
        line["augmentations"] = {"diffaugment/probability": 0.25 * number}
    (panel,) = augmentation_panels(lines)
    assert [line.name for line in panel.legend] == ["diffaugment/probability"]
    assert "from 0 to 0.25" in panel.description


def test_svg_is_whole_and_takes_colour_and_font_from_the_page():
    for panel in loss_panels(training(["G", "D"])) + metric_panels(
        [evaluation(1, l1=3.0), evaluation(2, l1=2.0)], TABLE
    ):
        root = ElementTree.fromstring(panel.svg)
        assert root.tag == "svg"
        assert root.get("viewBox")
        assert root.get("width") is None
        assert "currentColor" in panel.svg
        assert not re.search(r"http|xmlns|font-family|#000000|<style|<script", panel.svg)
        identifiers = {element.get("id") for element in root.iter()} - {None}
        assert set(re.findall(r'(?:url\(#|href="#)([\w.-]+)', panel.svg)) == identifiers


def test_names_from_outside_stay_out_of_the_svg():
    (panel,) = loss_panels(training(["<script>$x_{"]))
    assert "script" not in panel.svg
    assert panel.legend[0].name == "<script>$x_{"


def test_one_point_is_visible():
    (panel,) = loss_panels(training(["G"], steps=1))
    assert "<use" in panel.svg
    assert "G 1." in panel.description
    (panel,) = metric_panels([evaluation(100, psnr=20.0, identity_psnr=18.0)], TABLE)
    assert panel.has_baseline
    assert "AtoB 20 (best without a network 18)" in panel.description


def test_many_terms_have_distinct_lines():
    (panel,) = loss_panels(training([f"term_{n}" for n in range(2 * len(COLOURS))]))
    assert len({(line.colour, line.dashed) for line in panel.legend}) == 2 * len(COLOURS)


def test_a_long_training_makes_a_small_drawing():
    (panel,) = loss_panels(training(["G"], steps=20_000))
    assert len(panel.svg) < 100_000


def test_terms_that_come_late_and_values_that_are_no_numbers_leave_gaps():
    records = training(["G"], steps=4)
    records[2]["losses"] = {"G": math.nan, "paired_A": math.inf}
    records[3]["losses"]["paired_A"] = 0.5
    (panel,) = loss_panels(records)
    assert "nan" not in panel.svg.lower()
    assert "paired_A 0.5" in panel.description
    assert loss_panels([{"step": 1, "losses": {"G": math.nan}}]) == []


def test_terms_far_apart_get_a_logarithmic_axis():
    apart = [{"step": n, "losses": {"cycle": 10.0, "G": 0.1}} for n in range(1, 9)]
    assert loss_panels(apart)[0].title.endswith("logarithmic")
    assert not loss_panels(training(["G"], steps=5))[0].title.endswith("logarithmic")


def test_only_measured_metrics_are_drawn():
    records = [evaluation(1, l1=3.0, identity_l1=2.0), {"step": 2, "directions": {}}, evaluation(3, l1=1.0, ssim=0.5)]
    panels = metric_panels(records, TABLE)
    assert [panel.key for panel in panels] == ["l1", "ssim"]
    assert [panel.has_baseline for panel in panels] == [True, False]
    assert metric_panels([], TABLE) == []
    assert metric_panels([{"step": 2, "directions": {}}], TABLE) == []


def test_drawing_is_repeatable_and_changes_no_global_setting():
    before = dict(matplotlib.rcParams)
    assert loss_panels(training(["G", "D"])) == loss_panels(training(["G", "D"]))
    assert dict(matplotlib.rcParams) == before


def test_smoothing_keeps_levels_and_length():
    assert smooth(np.full(300, 2.0)) == pytest.approx(np.full(300, 2.0))
    few = np.array([3.0, 1.0, 2.0])
    assert smooth(few) == pytest.approx(few)
    noisy = np.random.default_rng(0).normal(size=300)
    assert smooth(noisy).std() < noisy.std() / 2
    with_gap = smooth(np.array([1.0, math.nan, 3.0]))
    assert math.isnan(with_gap[1])
    assert with_gap[2] == 3
