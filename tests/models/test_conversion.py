"""What translates, and nothing else, in a folder that stands for itself."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import i2i
from i2i.errors import CheckpointError, ConfigError

from ..helpers import official_networks as official
from ..helpers.trained import write_run


def save(path, weights):
    torch.save(dict(weights), path)
    return path


def image():
    return torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_converting_writes_a_folder_that_stands_for_itself(tmp_path):
    ways = {"A": official.resnet(blocks=2, seed=1), "B": official.resnet(blocks=2, seed=2)}
    paths = [save(tmp_path / f"latest_net_G_{way}.pth", weights) for way, weights in ways.items()]

    infos = i2i.convert(paths, tmp_path / "out", domains=("horse", "zebra"))

    assert [info.direction for info in infos] == ["AtoB", "BtoA"]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "G_A.safetensors",
        "G_B.safetensors",
        "checkpoint.json",
    ]
    for path in paths:
        path.unlink()
    back = i2i.load(tmp_path / "out", direction="BtoA", device="cpu")
    assert back.info.domains == ("zebra", "horse")
    assert (back(image()) - official.run_resnet(ways["B"], image())).abs().max() < 1e-5
    description = json.loads((tmp_path / "out" / "checkpoint.json").read_text())
    assert description["generators"]["G_A"]["converted_from"] == {
        "file": "latest_net_G_A.pth",
        "layout": "resnet_2blocks",
    }
    assert str(tmp_path) not in json.dumps(description)


def test_half_a_folder(tmp_path):
    weights = official.resnet(blocks=6, ngf=16)
    path = save(tmp_path / "latest_net_G.pth", weights)
    i2i.convert(path, tmp_path / "full")
    i2i.convert(path, tmp_path / "half", half=True)
    sizes = [(tmp_path / name / "G_A.safetensors").stat().st_size for name in ("full", "half")]
    assert sizes[1] < 0.52 * sizes[0]
    given = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
    outputs = [np.asarray(i2i.load(tmp_path / name, device="cpu")(given)).astype(int) for name in ("full", "half")]
    assert 0 < np.abs(outputs[0] - outputs[1]).max() <= 2
    huge = {**official.resnet(blocks=1), "model.1.weight": torch.full((6, 3, 7, 7), 1e6)}
    with pytest.raises(CheckpointError, match="float16 cannot hold; leave out --half"):
        i2i.convert(save(tmp_path / "huge.pth", huge), tmp_path / "no", half=True)
    assert not (tmp_path / "no").exists()


def test_what_cannot_be_converted(tmp_path):
    path = save(tmp_path / "latest_net_G.pth", official.resnet(blocks=1))
    other = save(tmp_path / "200_net_G.pth", official.resnet(blocks=1))
    with pytest.raises(ConfigError, match=r"latest_net_G\.pth and .*200_net_G\.pth both translate AtoB"):
        i2i.convert([path, other], tmp_path / "out")
    with pytest.raises(ConfigError, match="--direction BtoA is for one FILE"):
        i2i.convert([path, other], tmp_path / "out", direction="BtoA")
    with pytest.raises(ConfigError, match="exists and is not empty"):
        i2i.convert(path, tmp_path)
    with pytest.raises(ConfigError, match="direction must be AtoB or BtoA; got 'AtoC'"):
        i2i.convert(path, tmp_path / "out", direction="AtoC")
    i2i.convert(path, tmp_path / "out", direction="BtoA")
    with pytest.raises(ConfigError, match="out is not a file; several models in one folder are files"):
        i2i.convert([path, tmp_path / "out"], tmp_path / "again")
    with pytest.raises(ConfigError, match="--part is for files of other programs"):
        i2i.convert(tmp_path / "out", tmp_path / "again", part="G_A")
    with pytest.raises(ConfigError, match="is one checkpoint; --checkpoint best"):
        i2i.convert(path, tmp_path / "again", checkpoint="best")
    assert i2i.load(tmp_path / "out").info.direction == "BtoA"


def test_an_exported_file_is_not_converted(exported, tmp_path):
    with pytest.raises(ConfigError, match=r"images\.pt2 is an exported file already; name the run folder"):
        i2i.convert(exported[1]["images.pt2"].path, tmp_path / "out")


def test_of_a_run_what_training_needs_stays_behind(tmp_path):
    more = {
        "config": {"data": {"name": "folder", "root": "/photos/mine"}},
        "data": {"sha256": "0", "samples": {"train": 1, "test": 1}},
        "samples": 5,
        "seconds": 1.0,
        "versions": {"i2i": "0.1.0", "system": "mine"},
    }
    run, _ = write_run(tmp_path / "run", more=more)
    i2i.convert(run, tmp_path / "out")
    description = json.loads((tmp_path / "out" / "checkpoint.json").read_text())
    assert not description.keys() & {"data", "samples", "seconds"}
    assert description["config"] == {"data": {"name": "folder"}}
    assert description["versions"] == {"i2i": "0.1.0"}
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["G_A.safetensors", "checkpoint.json"]
    assert torch.equal(i2i.load(tmp_path / "out", device="cpu")(image()), i2i.load(run, device="cpu")(image()))
