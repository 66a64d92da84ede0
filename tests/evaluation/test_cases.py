"""The best and the worst images are chosen, drawn and written down; of few images there is nothing to choose."""

import json

import torch
from PIL import Image
from torch import nn

from i2i.evaluation.cases import choose_cases
from i2i.evaluation.held_out import HeldOut
from i2i.evaluation.per_image import PerImage

from ..helpers.metrics import usual


class Steps:
    """Held-out images of A that are black; the true B is the lighter the later, and every third has none."""

    domains, truth = {"A": "dark", "B": "light"}, True

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, key):
        _, index = key
        a, b = torch.full((3, 12, 12), -1.0), torch.full((3, 12, 12), index / 20)
        return {"A": a, "B": b, "A_has_partner": index % 3 > 0, "A_name": f"step {index}"}


def test_the_worst_come_first_and_then_the_best():
    found = PerImage("abcdefg", {"l1": [4.0, 2.0, 7.0, 1.0, 6.0, 3.0, 5.0]})
    assert choose_cases(found) == [2, 4, 6, 5, 1, 3]


def test_of_few_images_none_is_chosen():
    assert choose_cases(PerImage("abcdef", {"l1": [1.0] * 6})) == []
    assert choose_cases(PerImage("abcdefg", {"oak": [1.0] * 7})) == []


def test_they_are_drawn_by_name_with_their_values(tmp_path):
    images = HeldOut(Steps(12), {"AtoB": nn.Identity()}, torch.device("cpu"), usual(), paper_inference=False)
    images.measure()
    images.write_cases(tmp_path, 40)
    folder = tmp_path / "held-out" / "AtoB"
    about = json.loads((folder / "cases.json").read_text())
    names = [row["name"] for row in about["rows"]]
    assert (about["step"], about["worst"], names) == (40, 3, [f"step {index}" for index in (11, 10, 8, 4, 2, 1)])
    with Image.open(folder / "cases.png") as sheet:
        shades = [sheet.getpixel((sheet.width - 1, (2 * row + 1) * sheet.height // 12))[0] for row in range(6)]
    assert shades == sorted(shades, reverse=True)
    assert len(set(shades)) == 6
    table = (folder / "per-image.csv").read_text().splitlines()
    assert table[0].startswith("name,l1,psnr,ssim,identity_l1")
    assert len(table) == 9, "those whose truth is known"
