import json

import pytest
import torch
from PIL import Image
from torch import nn

from i2i.evaluation.held_out import HeldOut

from ..helpers.metrics import chosen, usual

CPU = torch.device("cpu")


class Pictures:
    """Held-out images of given sizes, each with its true translation unless told otherwise."""

    def __init__(self, *sizes, truth=True, channels=3):
        self.domains = {"A": "horses", "B": "zebras"}
        self.sizes, self.truth, self.count = sizes, truth, channels
        self.reads = 0

    def __len__(self):
        return len(self.sizes)

    def __getitem__(self, key):
        _, index = key
        self.reads += 1
        random = torch.Generator().manual_seed(index)
        a, b = (torch.rand(self.count, *self.sizes[index], generator=random) * 2 - 1 for _ in "AB")
        return {"A": a, "B": b, "A_has_partner": self.truth, "A_name": str(index)}


def held_out(dataset, directions=None, *, paper=False, metrics=None):
    return HeldOut(
        dataset,
        directions or {"AtoB": nn.Identity()},
        CPU,
        usual() if metrics is None else metrics,
        paper_inference=paper,
    )


def test_a_generator_that_changes_nothing_scores_as_the_identity_baseline():
    result = held_out(Pictures((16, 16), (16, 16), (16, 16))).measure()["AtoB"]
    for name in ("l1", "psnr", "ssim"):
        assert result[name] == result[f"identity_{name}"]
    assert result["images"] == 3
    assert "cycle_l1" not in result, "there is no way back"


def test_a_perfect_way_there_and_back_is_seen():
    class Negative(nn.Module):
        def forward(self, images):
            return -images

    dataset = Pictures((16, 16), truth=False)
    result = held_out(dataset, {"AtoB": Negative(), "BtoA": Negative()}).measure()
    assert result == {"AtoB": {"cycle_l1": 0.0}, "BtoA": {"cycle_l1": 0.0}}


def test_the_limit_takes_the_first_images():
    dataset = Pictures(*[(16, 16)] * 4)
    assert held_out(dataset).measure(2)["AtoB"]["images"] == 2
    assert held_out(dataset).measure(9)["AtoB"]["images"] == 4


class Restless(nn.Module):
    """Has everything that an evaluation could disturb: dropout, batch statistics and a mode."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Tanh())

    def forward(self, images):
        return self.layers(images)


@pytest.mark.parametrize("paper", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_nothing_is_left_behind(tmp_path, paper, training):
    network = Restless().train(training)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    images = held_out(Pictures((16, 16), (16, 16)), {"AtoB": network, "BtoA": network}, paper=paper)
    images.measure()
    images.write_sheets(tmp_path, 3, count=2)
    images.write_picture(tmp_path / "picture.png", count=2)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(module.training is training for module in network.modules())
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(parameter.grad is None for parameter in network.parameters())


def test_paper_inference_keeps_dropout_and_batch_statistics():
    network = Restless()
    outputs = {}
    for paper in (False, True):
        images = held_out(Pictures((16, 16)), {"AtoB": network}, paper=paper)
        outputs[paper] = [images.measure()["AtoB"]["l1"] for _ in range(2)]
    assert outputs[False][0] == outputs[False][1]
    assert outputs[True][0] != outputs[False][0]


def test_images_of_many_sizes_are_measured_and_drawn(tmp_path):
    images = held_out(Pictures((16, 16), (24, 16), (12, 40)))
    assert images.measure()["AtoB"]["images"] == 3
    images.write_sheets(tmp_path, 0, count=3)
    with Image.open(tmp_path / "samples" / "AtoB" / "step-00000000.png") as sheet:
        assert sheet.width > 2 * 40


def test_images_smaller_than_the_window_of_ssim_are_measured_without_it():
    result = held_out(Pictures((8, 8))).measure()["AtoB"]
    assert "ssim" not in result
    assert result["l1"] == result["identity_l1"]


def test_grey_images_are_drawn(tmp_path):
    held_out(Pictures((16, 16), channels=1)).write_picture(tmp_path / "picture.png", count=1)
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.mode == "RGB"


def test_without_held_out_images_there_is_no_picture(tmp_path):
    images = held_out(Pictures())
    assert images.measure() == {"AtoB": {}}
    images.write_sheets(tmp_path, 0, count=3)
    images.write_picture(tmp_path / "picture.png", count=3)
    assert not list(tmp_path.iterdir())


def test_each_image_is_read_once_for_a_sheet(tmp_path):
    dataset = Pictures(*[(16, 16)] * 8)
    held_out(dataset).write_sheets(tmp_path, 0, count=8)
    assert dataset.reads == 8


@pytest.mark.parametrize(
    ("channels", "said"), [(2, ", channel 1 of 2"), (4, ", channels 1-3 of 4"), (5, ", channels 1-3 of 5")]
)
def test_other_channel_counts_are_drawn_in_part_and_the_title_says_so(tmp_path, channels, said):
    images = held_out(Pictures((16, 16), channels=channels))
    images.write_sheets(tmp_path, 0, count=1)
    images.write_picture(tmp_path / "picture.png", count=1)
    titles = json.loads((tmp_path / "samples" / "AtoB" / "columns.json").read_text())["titles"]
    assert titles == [f"{title}{said}" for title in ("input (horses)", "output (zebras)", "truth (zebras)")]


def test_paper_inference_measures_the_same_whatever_else_draws_random_numbers():
    images = held_out(Pictures((16, 16), (16, 16)), {"AtoB": Restless()}, paper=True)
    measured = images.measure()
    torch.rand(5)
    assert images.measure() == measured


def test_metrics_of_sets_compare_all_images_in_both_directions():
    dataset = Pictures((16, 16), (16, 16), (16, 16), truth=False)
    metrics = [*usual(), chosen("frechet_distance")]
    result = held_out(dataset, {"AtoB": nn.Identity(), "BtoA": nn.Identity()}, metrics=metrics).measure()
    for values in result.values():
        assert values.keys() == {"frechet_distance", "identity_frechet_distance", "cycle_l1"}
        assert values["frechet_distance"] == values["identity_frechet_distance"] > 0
    assert result["AtoB"]["frechet_distance"] == pytest.approx(result["BtoA"]["frechet_distance"], rel=1e-3)
