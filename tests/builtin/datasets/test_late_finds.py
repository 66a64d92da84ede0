"""Files that turn out to be bad while training reads them."""

from __future__ import annotations

import pytest

from i2i.builtin.datasets import looking
from i2i.errors import DataError


@pytest.fixture
def damaged(tmp_path, draw, build, monkeypatch):
    """A data set of six images, of which one is damaged in a way that its header does not tell."""
    monkeypatch.setattr(looking, "FEW_PIXELS", 0)
    monkeypatch.setattr(looking, "AT_ONCE", 1)
    for number in range(6):
        draw(f"A/{number}.png")
        draw(f"B/{number}.png")
    (tmp_path / "A" / "1.png").unlink()
    path = draw("A/1.webp")
    content = bytearray(path.read_bytes())
    content[40:] = b"\xff" * (len(content) - 40)
    path.write_bytes(content)
    return lambda **options: build(test_fraction=0, pairing="paired", **options)


def test_a_file_that_training_cannot_read_is_named_with_what_to_do(damaged):
    dataset = damaged()
    with pytest.raises(DataError, match=r"A/1\.webp: (.|\n)*Repair it or put it back, or leave it out with --skip-bad"):
        dataset[0, 1]
    assert dataset[0, 2]["A_name"] == "2"


def test_the_next_sample_takes_its_place_and_the_file_is_named_once(damaged):
    dataset, other = damaged(skip_bad=True), damaged(skip_bad=True)
    assert dataset[0, 0]["A_name"] == "0"
    assert dataset.take_news() == []

    sample = dataset[3, 1]

    assert sample["A_name"] == sample["B_name"] == "2"
    assert (sample["A"] == other[3, 1]["A"]).all()
    (news,) = dataset.take_news()
    assert "A/1.webp: " in news
    assert "left out from here on" in news
    assert dataset[4, 1]["A_name"] == "2"
    assert dataset.take_news() == []


def test_a_folder_that_is_gone_ends_training(damaged, tmp_path):
    dataset = damaged(skip_bad=True)
    (tmp_path / "A").rename(tmp_path / "gone")
    with pytest.raises(DataError, match="6 samples one behind the other cannot be read: is the folder still there"):
        dataset[0, 0]
