"""Settings and pictures for a run in a plugin's own tests."""

import pytest
from PIL import Image

import i2i
from i2i.testing import SMALL_RUN, write_pairs


def test_the_settings_and_the_pictures_make_a_run(tmp_path):
    data = write_pairs(tmp_path / "data")

    result = i2i.run(data, steps=1, image_size=32, out=tmp_path / "run", set={**SMALL_RUN, "data.mode": "none"})

    assert (result.step, result.finished) == (1, True)
    assert result.metrics["AtoB"]["images"] == 4, "at the end, all that are held out"


def test_pictures_have_the_side_that_is_asked_for(tmp_path):
    data = write_pairs(str(tmp_path / "data"), side=17)

    names = sorted(path.relative_to(data).as_posix() for path in data.rglob("*.png"))
    assert names == [
        f"{split}{domain}/{pair:03d}.png" for split in ("test", "train") for domain in "AB" for pair in range(4)
    ]
    for name in names:
        with Image.open(data / name) as image:
            assert image.size == (17, 17)
    with pytest.raises(ValueError, match="side must be at least 1; got 0"):
        write_pairs(tmp_path / "none", side=0)
    with pytest.raises(FileExistsError):
        write_pairs(data)
