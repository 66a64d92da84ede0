"""The page of a comparison, from numbers that a test makes up."""

import torch

from i2i.comparing.comparison_page import difference_in_words, write_comparison_page
from i2i.comparing.contenders import Contender
from i2i.comparing.side_by_side import Compared, Comparison, Difference
from i2i.config.run_config import Choice
from i2i.evaluation.evaluated_data import ChosenData
from i2i.evaluation.measurement import Evaluation
from i2i.models.scores import table_of
from i2i.plugins.manager import PluginManager
from i2i.training.records.run_log import RunLog

TABLE = table_of(PluginManager({}))
DATA = ChosenData("<b>data</b>", Choice("folder", None), "test")


def compared(label, differences, log=None, **pairs):
    model = {"step": 1200, "generator": "resnet9", "direction": "AtoB", "domains": ["flat", "3d"]}
    evaluation = Evaluation(model, {"held_out_by": "a hash"}, {"sources": 15, "pairs": 15}, {}, pairs, {}, {})
    return Compared(Contender(label, None, log=log or RunLog()), evaluation, differences)


def log(*values):
    evaluations = [{"step": 10 * n, "directions": {"AtoB": {"l1": value}}} for n, value in enumerate(values)]
    train = [{"step": 10 * n, "losses": {"G": value, "D": 1.0}} for n, value in enumerate(values)]
    return RunLog(train, evaluations, {"step": 20, "seconds": 90})


def page(tmp_path, **more):
    clear, unclear = Difference(-2.0, (-3.0, -1.0)), Difference(-0.01, (-0.1, 0.1))
    comparison = Comparison(
        (
            compared("<i>one</i>", {}, log(9.0, 8.0), l1=18.0, l1_low=17.0, l1_high=19.0, identity_l1=15.0, ssim=0.7),
            compared("two", {"l1": clear, "ssim": unclear}, log(7.0, 6.0), l1=16.0, ssim=0.69),
        ),
        DATA,
        3,
        ("a", "b"),
        {"generator.blocks": [6, None]},
        ("a", "b"),
        {"input": torch.zeros(2, 3, 8, 8), "two": torch.ones(2, 3, 8, 8)},
        ("Mind <this>.",),
        **more,
    )
    return write_comparison_page(tmp_path / "page.html", comparison, TABLE).read_text(encoding="utf-8")


def test_it_shows_numbers_images_curves_and_settings(tmp_path):
    html = page(tmp_path)
    assert "two: clearly better than &lt;i&gt;one&lt;/i&gt; by L1." in html
    assert "\N{MINUS SIGN}2.00 (\N{MINUS SIGN}3.00 to \N{MINUS SIGN}1.00), better" in html
    assert "no clear difference" in html
    assert '<td class="best">16.00' in html
    assert "input unchanged" in html
    assert "data:image/png;base64," in html
    assert "generator.blocks" in html
    assert "L1, 0 to 255, lower is better" in html
    assert "held out by" in html
    assert "flat → 3d" in html
    assert "1.5 min" in html
    assert html.count("<svg") > 4


def test_texts_from_outside_are_no_markup(tmp_path):
    html = page(tmp_path)
    for text in ("<i>one", "<b>data", "<this>"):
        assert text not in html


def test_a_difference_is_called_by_its_sign_and_its_interval():
    ssim, l1 = TABLE["ssim"], TABLE["l1"]
    for metric, name, value, verdict in ((l1, "l1", -1, "better"), (l1, "l1", 1, "worse"), (ssim, "ssim", 1, "better")):
        found = compared("x", {name: Difference(value, (value - 0.5, value + 0.5))})
        assert difference_in_words(found, name, metric).endswith(verdict)
    assert difference_in_words(compared("x", {"fid": Difference(2.0)}), "fid", TABLE["fid"]).startswith("+2")
    assert difference_in_words(compared("x", {}), "l1", l1) == ""
