"""The translator that ships with i2i: it is what its card says, and small."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import i2i
from i2i.errors import ConfigError
from i2i.models.shipped import shipped_folder

FOLDER = Path(i2i.__file__).parent / "data" / "translators" / "flat-3d"
EMOJI = Path(i2i.__file__).parent / "data" / "emoji"
CARD = (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("direction", "source", "target"), [("AtoB", "flat", "3d"), ("BtoA", "3d", "flat")])
def test_it_scores_what_its_card_says(direction, source, target):
    translator = i2i.load("sample:flat-3d", direction=direction, device="cpu")
    assert translator.info.domains == (source, target)
    held_out = i2i.create("dataset", "folder", root="sample:flat-3d", split="test")
    differences = []
    for name in held_out.names["A"]:
        output = np.asarray(translator(EMOJI / source / f"{name}.webp")).astype(int)
        with Image.open(EMOJI / target / f"{name}.webp") as image:
            differences.append(np.abs(output - np.asarray(image.convert("RGB"))).mean())
    told = float(re.search(rf"^\| {direction} \| translation \| ([\d.]+)", CARD, re.MULTILINE)[1])
    assert np.mean(differences) == pytest.approx(told, abs=0.15)


def test_it_is_small_and_says_what_made_it():
    assert sum(file.stat().st_size for file in FOLDER.rglob("*")) < 5_000_000
    info = i2i.load("sample:flat-3d", device="cpu").info
    assert f"{info.step:,} steps" in CARD
    assert "i2i run --data sample:flat-3d" in CARD
    assert (info.method, info.moving_average, info.directions) == ("cyclegan", True, ("AtoB", "BtoA"))
    text = (FOLDER / "checkpoint.json").read_text(encoding="utf-8")
    assert not re.search(r'"/|"system"|"root"', text), "nothing of the machine that made it"


def test_another_name_lists_what_there_is():
    assert shipped_folder("sample:flat-3d") == FOLDER
    with pytest.raises(
        ConfigError, match=r"no translator sample:flat-3D in i2i; did you mean 'flat-3d'\?.*sample:flat-3d"
    ):
        i2i.load("sample:flat-3D")
