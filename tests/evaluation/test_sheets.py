import json

import numpy as np
import pytest
import torch
from PIL import Image

from i2i.errors import DataError, RunFolderError
from i2i.evaluation.sheets import SHEET_GAP, write_picture, write_sheet


def opened(path):
    with Image.open(path) as image:
        image.load()
        return image


def constant(count, channels, height, width, value=0.0):
    return torch.full((count, channels, height, width), value)


def test_sheet_puts_columns_and_rows_where_columns_json_says(tmp_path):
    inputs = torch.linspace(-1, 1, 2 * 3 * 64 * 64).reshape(2, 3, 64, 64)
    path = write_sheet(tmp_path, 1200, "AtoB", {"input": inputs, "output": constant(2, 3, 64, 64, 1.0)})

    assert path == tmp_path / "samples" / "AtoB" / "step-00001200.png"
    about = json.loads((path.parent / "columns.json").read_text())
    assert about == {"titles": ["input", "output"], "rows": 2, "cell": [192, 192], "gap": SHEET_GAP}
    sheet = np.asarray(opened(path))
    assert sheet.shape == (2 * 192 + SHEET_GAP, 2 * 192 + SHEET_GAP, 4)
    assert (sheet[:, 192 : 192 + SHEET_GAP, 3] == 0).all(), "gaps are transparent"
    second = sheet[192 + SHEET_GAP :, :192, :3]
    expected = np.rint((inputs[1].numpy() + 1) * 127.5).transpose(1, 2, 0)
    assert (second[::3, ::3] == expected).all(), "enlarged by 3, pixel for pixel"
    assert (second[2::3, 2::3] == expected).all()
    assert (sheet[:192, 192 + SHEET_GAP :] == 255).all()


def test_columns_of_other_sizes_and_channels_share_a_cell(tmp_path):
    columns = {"grey": constant(1, 1, 32, 16, -1.0), "opacity": constant(1, 4, 64, 64, 1.0)}
    sheet = np.asarray(opened(write_sheet(tmp_path, 1, "BtoA", columns)))
    assert sheet.shape[:2] == (192, 2 * 192 + SHEET_GAP)
    dark = (sheet[:, :192, 3] == 255) & (sheet[:, :192, 0] == 0)
    rows, across = np.nonzero(dark)
    assert (rows.min(), rows.max(), across.min(), across.max()) == (0, 191, 48, 143), "centred, enlarged by 6"


def test_large_images_keep_their_pixels(tmp_path):
    path = write_sheet(tmp_path, 1, "AtoB", {"input": constant(1, 3, 200, 300)})
    assert opened(path).size == (300, 200)


def test_a_sheet_is_replaced_and_nothing_else_is_left(tmp_path):
    for value in (-1.0, 1.0):
        path = write_sheet(tmp_path, 5, "AtoB", {"input": constant(1, 3, 64, 64, value)})
    assert sorted(file.name for file in path.parent.iterdir()) == ["columns.json", "step-00000005.png"]
    assert np.asarray(opened(path)).min() == 255


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "got nothing"),
        ({"input": torch.zeros(0, 3, 8, 8)}, "at least one image"),
        ({"input": torch.zeros(2, 3, 8, 8), "output": torch.zeros(1, 3, 8, 8)}, "same number"),
        ({"input": torch.zeros(1, 5, 8, 8)}, r"1 \(grey\), 3 \(colour\) or 4"),
    ],
)
def test_columns_that_cannot_be_drawn_are_refused(tmp_path, columns, message):
    with pytest.raises(DataError, match=message):
        write_sheet(tmp_path, 1, "AtoB", columns)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "samples").write_text("in the way")
    with pytest.raises(RunFolderError, match="samples"):
        write_sheet(tmp_path, 1, "AtoB", {"input": constant(1, 3, 8, 8)})


def test_picture_is_wide_on_white_with_titles_and_every_image_once(tmp_path):
    values = [-0.9, -0.6, -0.3, 0.0, 0.3, 0.6]
    inputs = torch.stack([constant(1, 3, 64, 64, value)[0] for value in values])
    path = write_picture(tmp_path / "new" / "picture.png", {"input": inputs, "output": constant(6, 3, 64, 64, 0.9)})

    picture = opened(path)
    pixels = np.asarray(picture)
    assert picture.mode == "RGB"
    assert 1.2 < picture.width / picture.height < 3.5
    assert (pixels[[0, -1]] == 255).all()
    for value in values:
        level = round((value + 1) * 127.5)
        assert (pixels == level).all(axis=2).sum() >= 192 * 192, "each example is there, whole"
    cells_top = np.nonzero((pixels == round(0.1 * 127.5)).all(axis=2))[0].min()
    assert (pixels[:cells_top] < 150).any(), "titles stand above the cells"


def test_picture_with_chosen_groups_across(tmp_path):
    columns = {"input": constant(3, 3, 64, 64), "output": constant(3, 3, 64, 64)}
    one = opened(write_picture(tmp_path / "1.png", columns, across=1)).size
    three = opened(write_picture(tmp_path / "3.png", columns, across=3)).size
    many = opened(write_picture(tmp_path / "9.png", columns, across=9)).size
    assert one[0] < three[0]
    assert one[1] > three[1]
    assert many == three


def test_long_titles_and_small_grey_images(tmp_path):
    columns = {"a title much longer than its cell is wide, with ümläuts": constant(1, 1, 8, 8)}
    assert opened(write_picture(tmp_path / "p.png", columns)).width > 192
