"""Translations that were made elsewhere are found by the names of their images."""

import pytest
import torch

from i2i.comparing.result_folders import open_folder
from i2i.errors import ConfigError, DataError
from i2i.evaluation.evaluated_data import EvaluatedImage

from ..helpers.images import READERS, write_noise


class Pictures:
    """What a folder asks of the model beside it."""

    takes_pictures, out_channels, background = True, 3, "#ffffff"


def opened(folder, like=Pictures):
    return open_folder(folder, READERS, like, torch.device("cpu"))


def image(name, height=16, width=16):
    return EvaluatedImage(name, torch.zeros(3, height, width), None)


def test_pictures_are_found_by_name_whatever_their_suffix(tmp_path):
    write_noise(tmp_path / "1.png", (20, 16))
    write_noise(tmp_path / "inside" / "2.webp", (20, 16), lossless=True)
    write_noise(tmp_path / ".hidden.png")
    found = opened(tmp_path).of([image("1", width=20), image("inside/2", width=20)])
    assert [tuple(each.shape) for each in found] == [(1, 3, 16, 20)] * 2
    assert torch.equal(found[0], found[1])
    assert found[0].min() >= -1
    assert found[0].max() <= 1


def test_one_that_is_missing_or_of_another_size_is_named(tmp_path):
    write_noise(tmp_path / "1.png", (20, 16))
    with pytest.raises(DataError, match="holds no result for the held-out image '2'"):
        opened(tmp_path).of([image("2")])
    with pytest.raises(DataError, match=r"1.png has 20 x 16 pixels, but the images that are compared have 16 x 16"):
        opened(tmp_path).of([image("1")])


def test_what_is_no_folder_of_results_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="is not a folder"):
        opened(tmp_path / "missing")
    with pytest.raises(DataError, match="holds no picture"):
        opened(tmp_path)
    write_noise(tmp_path / "1.png")
    write_noise(tmp_path / "1.webp")
    with pytest.raises(DataError, match=r"holds 1.png and 1.webp: keep one result for each image"):
        opened(tmp_path)

    class Values(Pictures):
        takes_pictures, out_channels = False, 6

    with pytest.raises(ConfigError, match="the model makes values of 6 channels"):
        opened(tmp_path, Values)
