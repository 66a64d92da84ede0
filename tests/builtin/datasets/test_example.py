"""The folder that the data set ``folder`` is checked on."""

from i2i.builtin.datasets import FolderOptions
from i2i.builtin.datasets.example import PAIRS, write_example
from i2i.builtin.datasets.folder import build

from ...helpers.images import READERS


def test_it_holds_pairs_of_both_splits(tmp_path):
    root = str(write_example(tmp_path / "example"))

    for split in ("train", "test"):
        dataset = build(FolderOptions(pairing="paired", image_size=64), root=root, split=split, seed=0, readers=READERS)
        assert (len(dataset), dataset.truth) == (PAIRS, True)
