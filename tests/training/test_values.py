"""Runs on values in units of their own: what training images decide is kept, and a resume is exact."""

import numpy as np
import pytest
import yaml

import i2i

from ..helpers.images import write_arrays

pytestmark = pytest.mark.usefixtures("no_page")

TINY = {
    "data.channels_A": "auto",
    "data.channels_B": "auto",
    "data.mode": "none",
    "generator.base_channels": 2,
    "discriminator.name": "pixel",
    "discriminator.base_channels": 2,
}


def run(folder, **options):
    return i2i.run(out=folder, device="cpu", **options)


def weights(folder):
    return {path.name: path.read_bytes() for path in (folder / "checkpoints" / "latest").glob("G*.safetensors")}


def test_what_the_images_decide_is_kept_and_a_resume_goes_on_exactly(tmp_path):
    data = write_arrays(tmp_path / "data")
    options = {"method": "pix2pix", "generator": "resnet6", "set": TINY}
    run(tmp_path / "whole", data=data, steps=4, **options)
    run(tmp_path / "parts", data=data, steps=2, **options)
    kept = yaml.safe_load((tmp_path / "parts" / "config.yaml").read_text())["data"]
    i2i.run(resume=tmp_path / "parts", steps=4, device="cpu")

    assert (kept["channels_A"], kept["channels_B"], kept["type_A"], kept["type_B"]) == (4, 1, "uint16", "float32")
    assert kept["range_A"].endswith(":4095") or ":" in kept["range_A"]
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")
    info = i2i.load(tmp_path / "parts", device="cpu").info
    assert (info.in_channels, info.out_channels, info.out_type) == (4, 1, "float32")
    assert ":".join(f"{number:g}" for number in info.in_range) == kept["range_A"]
    measured = i2i.evaluate(tmp_path / "parts")
    assert np.isfinite(measured.pairs["l1"])


def test_a_direction_back_has_the_other_values(tmp_path):
    run(
        tmp_path / "run",
        data=write_arrays(tmp_path / "data"),
        steps=1,
        method="pix2pix",
        generator="resnet6",
        direction="BtoA",
        set=TINY,
    )
    info = i2i.load(tmp_path / "run", device="cpu").info

    assert (info.in_channels, info.out_channels, info.out_type) == (1, 4, "uint16")
    assert info.in_range[0] < 0 < info.in_range[1] < 100 < info.out_range[1]
