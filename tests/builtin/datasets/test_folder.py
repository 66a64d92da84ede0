"""Layouts, splits, pairing, and samples that depend on (seed, epoch, index) alone."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import DataLoader

from i2i.builtin.datasets import SPECS, FolderOptions
from i2i.images.readers import Readers

from ...helpers.images import READERS, noise
from ...helpers.netpbm import SOURCE, write_ppm


def equal(first, second):
    return first.keys() == second.keys() and all(
        torch.equal(value, second[key]) if isinstance(value, torch.Tensor) else value == second[key]
        for key, value in first.items()
    )


@pytest.fixture(scope="module")
def sample_sets():
    def make(pairing):
        options = FolderOptions(pairing=pairing, image_size=32, channels_A=1)
        return SPECS[0].build(options, root="sample:line-3d", split="train", seed=5, readers=READERS)

    return {pairing: make(pairing) for pairing in ("unpaired", "partners", "paired")}


@given(
    pairing=st.sampled_from(["unpaired", "partners", "paired"]), epoch=st.integers(0, 10**6), index=st.integers(0, 150)
)
def test_sample_is_a_pure_function_of_seed_epoch_and_index(sample_sets, pairing, epoch, index):
    dataset = sample_sets[pairing]
    first = dataset[epoch, index]
    dataset[epoch + 1, (index * 7) % 100]
    assert equal(first, dataset[epoch, index])


@pytest.mark.parametrize("pairing", ["partners", "paired"])
def test_pairs_share_crop_and_flip(draw, build, pairing, tmp_path):
    for number in range(4):
        path = draw(f"A/{number}.png", size=(40, 40))
        (tmp_path / "B").mkdir(exist_ok=True)
        Image.fromarray(255 - np.asarray(Image.open(path))).save(tmp_path / "B" / f"{number}.png")
    draw("A/alone.png", size=(40, 40))
    draw("B/alone2.png" if pairing == "partners" else "B/alone.png", size=(40, 40))
    dataset = build(pairing=pairing, mode="crop", test_fraction=0)
    seen = set()
    for epoch in range(6):
        for index in range(5):
            sample = dataset[epoch, index]
            if pairing == "paired":
                assert sample["A_name"] == sample["B_name"]
                if sample["A_name"] != "alone":
                    torch.testing.assert_close(sample["A"], -sample["B"])
                continue
            for domain in "AB":
                partner, name = sample[f"{domain}_partner"], sample[f"{domain}_name"]
                seen.add(name)
                if "alone" in name:
                    assert not sample[f"{domain}_has_partner"]
                    assert partner.abs().sum() == 0
                else:
                    assert sample[f"{domain}_has_partner"]
                    torch.testing.assert_close(sample[domain], -partner)
    assert pairing == "paired" or seen == {"0", "1", "2", "3", "alone", "alone2"}


def test_unpaired_takes_a_in_order_and_b_at_random_or_in_order(draw, build):
    for number in range(3):
        draw(f"trainA/{number}.png")
    for number in range(7):
        draw(f"trainB/b{number}.png")
    dataset = build(test_fraction=0)
    assert len(dataset) == 7
    epochs = [[dataset[epoch, index] for index in range(7)] for epoch in range(3)]
    assert [sample["A_name"] for sample in epochs[0]] == ["0", "1", "2", "0", "1", "2", "0"]
    orders = {tuple(sample["B_name"] for sample in epoch) for epoch in epochs}
    assert len(orders) == 3
    assert not torch.equal(epochs[0][0]["A"], epochs[1][0]["A"])
    serial = build(test_fraction=0, serial=True)
    assert [serial[4, index]["B_name"] for index in range(7)] == [f"b{number}" for number in range(7)]
    with pytest.raises(IndexError):
        dataset[0, 7]


def test_held_out_images_are_whole_ordered_and_with_their_truth(draw, build):
    for name in ("trainA/x", "trainB/y", "testA/c", "testA/a", "testA/b", "testB/b", "testB/d"):
        path = draw(f"{name}.png")
    dataset = build(split="test")
    assert dataset.truth
    samples = [dataset[0, index] for index in range(len(dataset))]
    assert [sample["A_name"] for sample in samples] == ["a", "b", "c"]
    assert [sample["B_name"] for sample in samples] == ["b", "b", "b"]
    assert [sample["A_has_partner"] for sample in samples] == [False, True, False]
    assert torch.equal(samples[1]["A_partner"], samples[1]["B"])
    assert equal(samples[0], dataset[9, 0])
    whole = Image.open(path.parent.parent / "testA" / "a.png").resize((16, 16), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(samples[0]["A"].numpy() / 2 + 0.5, np.asarray(whole).transpose(2, 0, 1) / 255, atol=1e-6)
    assert any("1 held-out image shares a name" in note for note in dataset.notes)
    assert not build(split="test", match_names=False).truth
    assert build().truth


def test_partner_of_a_bad_file_is_left_out_too(tmp_path, draw, build):
    for number in range(3):
        draw(f"A/{number}.png")
        draw(f"B/{number}.png")
    (tmp_path / "B" / "1.png").write_bytes(b"")
    dataset = build(pairing="paired", test_fraction=0, skip_bad=True)
    assert [dataset[0, index]["A_name"] for index in range(len(dataset))] == ["0", "2"]
    assert len(dataset.skipped) == 1


def test_a_note_says_that_images_are_resized(draw, build):
    draw("A/1.png", size=(33, 20))
    draw("B/1.png", size=(32, 20))
    dataset = build(mode="none", test_fraction=0)
    assert any("1 of 2 images are resized to a multiple of 4" in n and "33 x 20 to 32 x 20" in n for n in dataset.notes)
    assert dataset.sizes == ((20, 32),)
    assert any("stretched" in note for note in build(test_fraction=0).notes)
    assert len(build(mode="none", round_to=0, test_fraction=0).sizes) == 2


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_give_the_same_samples(context):
    dataset = SPECS[0].build(
        FolderOptions(image_size=16), root="sample:flat-3d", split="train", seed=3, readers=READERS
    )
    keys = [(epoch, index) for epoch in (0, 9) for index in (5, 1, 60)]
    loader = DataLoader(dataset, batch_size=None, sampler=keys, num_workers=1, multiprocessing_context=context)
    for key, sample in zip(keys, loader, strict=True):
        assert equal(sample, dataset[key])
    assert equal(pickle.loads(pickle.dumps(dataset))[0, 0], dataset[0, 0])


@pytest.mark.parametrize("name", ["flat-3d", "line-3d", "line-flat", "3d-line"])
def test_sample_is_200_aligned_images_of_64_pixels(name):
    for pairing in ("unpaired", "paired"):
        options = FolderOptions(image_size=64, pairing=pairing)
        train, test = (
            SPECS[0].build(options, root=f"sample:{name}", split=split, seed=0, readers=READERS)
            for split in ("train", "test")
        )
        assert len(train) + len(test) == 200
        assert len(test) >= 10
        assert test.truth
        assert all(test[0, index]["A_has_partner"] for index in range(len(test)))
        assert (test.domains["A"], test.domains["B"]) == tuple(name.split("-"))
        assert train.skipped == ()


def test_files_of_a_format_that_a_package_brings_are_images(install, tmp_path):
    install("i2i-netpbm", SOURCE)
    pixels = {f"{domain}/{number}": noise(16, 16, seed=number) for domain in "AB" for number in range(2)}
    for name, values in pixels.items():
        write_ppm(tmp_path / f"{name}.ppm", values)
    options = FolderOptions(image_size=16, test_fraction=0, mode="none", flip=False)
    dataset = SPECS[0].build(options, root=str(tmp_path), split="train", seed=0, readers=Readers())

    assert dataset.names == {"A": ["0", "1"], "B": ["0", "1"]}
    expected = torch.from_numpy(pixels["A/1"]).permute(2, 0, 1) / 127.5 - 1
    assert torch.allclose(dataset[0, 1]["A"], expected, atol=1e-6)
    assert equal(pickle.loads(pickle.dumps(dataset))[0, 1], dataset[0, 1])
