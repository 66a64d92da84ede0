"""A run measures by the metrics that it names, and goes on doing so: log, checkpoints, result and page."""

import json

import pytest
from PIL import Image

import i2i
from i2i.errors import ConfigError, PluginError
from i2i.models.checkpoint import CheckpointFolder
from i2i.models.scores import WITHOUT_TRUTH as NAMES
from i2i.models.scores import score_of, table_of
from i2i.plugins import MetricSpec

from ..helpers.images import write_images
from ..helpers.metrics import plugins_with
from ..helpers.running import PAIRED, run_here

WITHOUT_TRUTH = {*NAMES}


def oak(**fields):
    """A plugin's metric: how much darker a translation is than its truth."""
    fields = {"name": "oak", "title": "Oak", "family": "pairs", "better": "higher", "summary": "A tree.", **fields}
    build = fields.pop("build", lambda _, *, device: lambda output, truth: (truth - output).mean(dim=(1, 2, 3)))
    return plugins_with(MetricSpec(build=build, **fields))


def evaluations(folder):
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line["kind"] == "evaluation"]


def test_the_log_checkpoints_and_page_of_a_run_have_them_also_after_a_resume(pairs, tmp_path):
    more = {"training.checkpoint_every": 1, "training.best": "oak", "metrics.frechet_distance.features": "thumbnail"}
    more["training.evaluation_images"] = 2
    result = run_here(
        pairs, tmp_path / "run", settings=PAIRED, more=more, steps=2, metric="frechet_distance", manager=oak()
    )
    resumed = i2i.run(resume=result.folder, steps=4, manager=oak())
    lines = evaluations(result.folder)
    assert {line["step"] for line in lines} == {1, 2, 3, 4}
    for line in lines:
        values = line["directions"]["AtoB"]
        assert {"l1", "psnr", "ssim", "oak", "identity_oak", "frechet_distance"} <= values.keys()
    checkpoints = CheckpointFolder(result.folder / "checkpoints", 2)
    by_step = {line["step"]: line["directions"]["AtoB"]["oak"] for line in lines}
    assert checkpoints.best().step == max(by_step, key=by_step.get), "higher is better"
    assert checkpoints.latest().metrics["AtoB"]["oak"] == resumed.metrics["AtoB"]["oak"] == by_step[4]
    measured = i2i.evaluate(result.folder, metric="oak", manager=oak(), device="cpu")
    assert measured.pairs["oak"] == pytest.approx(by_step[4])


def test_a_run_whose_metric_is_gone_says_what_to_install(pairs, tmp_path):
    result = run_here(pairs, tmp_path / "run", settings=PAIRED, steps=1, metric="oak", manager=oak())
    with pytest.raises(PluginError, match=r"(?s)metric 'oak' of package i2i-oak 1\.2.*pip install i2i-oak==1\.2"):
        i2i.run(resume=result.folder, steps=2)


def test_what_cannot_be_measured_is_refused_before_training_and_leaves_no_folder(pairs, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(
        ConfigError, match="metric oak needs images of at least 65 pixels a side; images come out at 64x64"
    ):
        run_here(pairs, out, settings=PAIRED, steps=1, metric="oak", manager=oak(smallest_size=lambda _: 65))

    def build(_, *, device):
        raise RuntimeError("weights cannot be fetched")

    with pytest.raises(PluginError, match=r"metric 'oak' of package i2i-oak 1\.2 raised RuntimeError: weights cannot"):
        run_here(pairs, out, settings=PAIRED, steps=1, metric="oak", manager=oak(build=build))
    assert not out.exists()


def test_a_metric_that_fails_after_training_loses_none(pairs, tmp_path):
    def measure(output, truth):
        raise RuntimeError("out of leaves")

    with pytest.raises(PluginError) as caught:
        run_here(
            pairs,
            tmp_path / "run",
            settings=PAIRED,
            steps=2,
            metric="oak",
            manager=oak(build=lambda _, *, device: measure),
        )
    assert "metric 'oak' of package i2i-oak 1.2 raised RuntimeError: out of leaves" in str(caught.value)
    assert "No training is lost: the checkpoint of step 2 is saved" in str(caught.value)


def test_a_metric_that_learns_does_so_once_and_its_accuracy_is_told_with_every_number(tmp_path):
    data = write_images(tmp_path / "data", train=(12, 12), test=(3, 3))
    more = {"training.checkpoint_every": 1, "training.evaluation_images": 3, "metrics.domain_probability.steps": 3}
    result = run_here(data, tmp_path / "run", more=more, steps=2, metric=["domain_probability", "edge_preservation"])
    learnt = result.folder / "metrics" / "domain-classifier.safetensors"
    written = learnt.stat().st_mtime_ns
    i2i.run(resume=result.folder, steps=3)
    lines = evaluations(result.folder)
    for line in lines:
        assert any("domain classifier tells A from B on" in note for note in line["notes"])
        for way in ("AtoB", "BtoA"):
            found = line["directions"][way]
            assert {"identity_domain_probability", "target_domain_probability", "edge_preservation"} <= found.keys()
    assert learnt.stat().st_mtime_ns == written
    page = (result.folder / "index.html").read_text()
    assert "the domain classifier tells A from B on" in page
    assert "target images" in page
    measured = i2i.evaluate(
        result.folder, metric="domain_probability", set={"metrics.domain_probability.steps": 3}, device="cpu"
    )
    assert measured.sets["domain_probability"] == pytest.approx(lines[-1]["directions"]["AtoB"]["domain_probability"])


def test_without_a_truth_the_best_is_chosen_by_what_needs_none_and_a_run_of_before_keeps_the_cycle(tmp_path):
    data = write_images(tmp_path / "data", train=(10, 10), test=(3, 3))
    for image in data.glob("*B/*.png"):  # another domain: darker
        Image.open(image).point(lambda level: level // 4).save(image)
    more = {"training.evaluation_images": 3, "data.match_names": False}
    result = run_here(data, tmp_path / "run", more=more, steps=1)
    checkpoint = CheckpointFolder(result.folder / "checkpoints", 2).latest()
    assert checkpoint.metrics["AtoB"].keys() >= WITHOUT_TRUTH
    assert checkpoint.score == score_of(checkpoint.metrics, "auto", table_of(plugins_with()))
    assert checkpoint.score != score_of(checkpoint.metrics, None, table_of(plugins_with()))
    before = run_here(data, tmp_path / "before", more={**more, "training.best": None}, steps=1)
    kept = CheckpointFolder(before.folder / "checkpoints", 2).latest()
    assert not WITHOUT_TRUTH & kept.metrics["AtoB"].keys()
    assert kept.score == pytest.approx(sum(values["cycle_l1"] for values in kept.metrics.values()) / 2)
