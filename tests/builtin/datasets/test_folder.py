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
from i2i.builtin.datasets.sampling import draw_choice, draw_placement
from i2i.builtin.datasets.split import choose_test, position

STEMS = st.sets(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8), max_size=40)


def equal(first, second):
    return first.keys() == second.keys() and all(
        torch.equal(value, second[key]) if isinstance(value, torch.Tensor) else value == second[key]
        for key, value in first.items()
    )


@pytest.fixture(scope="module")
def sample_sets():
    def make(pairing):
        options = FolderOptions(pairing=pairing, image_size=32, channels_A=1)
        return SPECS[0].build(options, root="sample:line-3d", split="train", seed=5)

    return {pairing: make(pairing) for pairing in ("unpaired", "partners", "paired")}


@given(
    pairing=st.sampled_from(["unpaired", "partners", "paired"]), epoch=st.integers(0, 10**6), index=st.integers(0, 150)
)
def test_sample_is_a_pure_function_of_seed_epoch_and_index(sample_sets, pairing, epoch, index):
    dataset = sample_sets[pairing]
    first = dataset[epoch, index]
    dataset[epoch + 1, (index * 7) % 100]
    assert equal(first, dataset[epoch, index])


@given(seed=st.integers(0, 2**63), epoch=st.integers(0, 2**32 - 1), index=st.integers(0, 2**32 - 1))
def test_draws_are_in_range_and_streams_are_independent(seed, epoch, index):
    a, b = (draw_placement(seed, epoch, index, domain, flip=True) for domain in ("A", "B"))
    assert a == draw_placement(seed, epoch, index, "A", flip=True)
    assert (a.across, a.down) != (b.across, b.down)
    assert a.across != draw_placement(seed + 1, epoch, index, "A", flip=True).across
    assert 0 <= a.across < 1
    assert 0 <= draw_choice(seed, epoch, index, 7) < 7
    unflipped = draw_placement(seed, epoch, index, "A", flip=False)
    assert (unflipped.across, unflipped.down, unflipped.flip) == (a.across, a.down, False)


def test_draws_never_change_between_versions():
    """These numbers are part of what makes a run repeatable: a change here changes every run."""
    placement = draw_placement(1, 2, 3, "A", flip=True)
    assert (placement.across, placement.down, placement.flip) == (0.423747406584129, 0.2958761695944866, False)
    assert [draw_choice(0, 0, index, 1000) for index in range(4)] == [57, 769, 447, 512]


def test_choices_and_flips_are_uniform():
    choices = np.bincount([draw_choice(0, 0, index, 10) for index in range(5000)], minlength=10)
    assert choices.min() > 400
    assert choices.max() < 600
    flips = sum(draw_placement(0, 0, index, "B", flip=True).flip for index in range(2000))
    assert 900 < flips < 1100


@given(stems=STEMS, added=STEMS, fraction=st.floats(0.05, 0.9))
def test_split_is_stable_and_the_same_in_both_domains(stems, added, fraction):
    test = choose_test([stems, stems], fraction)
    by_rule = {stem for stem in stems if position(stem) < fraction}
    if len(stems) > 1:
        assert 0 < len(test) < len(stems)
    if by_rule and by_rule != stems:  # where none of the exceptions for tiny folders holds
        assert test == by_rule
        larger = choose_test([stems | added, stems], fraction)
        assert larger & stems == test


@given(first=STEMS, second=STEMS)
def test_every_domain_of_two_images_trains_and_is_tested(first, second):
    test = choose_test([first, second], 0.1)
    for stems in (first, second):
        assert not stems or stems - test
    if len(first) > 1 and first == second:
        assert first & test


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
    assert any("1 held-out images share a name" in note for note in dataset.notes)
    assert not build(split="test", match_names=False).truth
    assert build().truth


def test_direction_swaps_domains_channels_and_pictures(draw, build):
    draw("trainA/1.png")
    draw("trainB/1.png")
    options = {"pairing": "paired", "channels_A": 1, "test_fraction": 0, "flip": False, "load_size": 16}
    forward, back = build(**options), build(direction="BtoA", **options)
    assert forward.channels == {"A": 1, "B": 3}
    assert back.channels == {"A": 3, "B": 1}
    assert (forward.domains, back.domains) == ({"A": "A", "B": "B"}, {"A": "B", "B": "A"})
    assert torch.equal(forward[0, 0]["A"], back[0, 0]["B"])
    assert torch.equal(forward[0, 0]["B"], back[0, 0]["A"])
    assert forward[0, 0]["A"].shape == (1, 16, 16)


@pytest.mark.parametrize("folder", ["train/", ""])
def test_side_by_side_pictures_are_split_at_half_width(tmp_path, build, folder):
    (tmp_path / folder).mkdir(exist_ok=True)
    for number in range(5):
        picture = Image.new("RGB", (32, 16), "black")
        picture.paste("white", (16, 0, 32, 16))
        picture.save(tmp_path / folder / f"{number}.png")
    train, test = build(pairing="paired"), build(pairing="paired", split="test")
    assert len(train) + len(test) == 5
    assert len(test) >= 1
    for dataset in (train, test):
        assert dataset[0, 0]["A"].max() == -1
        assert dataset[0, 0]["B"].min() == 1


def test_subfolders_links_hidden_files_and_odd_names(tmp_path, draw, build):
    for name in ("A/deep/er/one.png", "A/two words \u00e9.png", "A/.hidden.png", "A/a.b.png", "B/x.png"):
        draw(name)
    (tmp_path / "A" / "Thumbs.db").touch()
    (tmp_path / "A" / "notes.txt").touch()
    (tmp_path / "A" / "loop").symlink_to(tmp_path / "A")
    (tmp_path / "A" / "deep" / "up").symlink_to(tmp_path)
    (tmp_path / "unused").mkdir()
    dataset = build(test_fraction=0)
    names = {dataset[0, index]["A_name"] for index in range(len(dataset))}
    assert names == {"a.b", "deep/er/one", "deep/up/B/x", "two words \u00e9"}
    assert dataset.ignored == 1
    assert any("not used in" in note and "unused" in note for note in dataset.notes)
    assert any("notes.txt" in note for note in dataset.notes)


def test_what_a_network_drive_keeps_beside_pictures_is_not_trained_on(draw, build):
    for domain in "AB":
        for name in ("1.png", "2.png", "@eaDir/1.png/SYNOPHOTO_THUMB_M.png", "#recycle/3.png", "$RECYCLE.BIN/$R1.png"):
            draw(f"{domain}/{name}")
    dataset = build(test_fraction=0)
    assert dataset.names == {"A": ["1", "2"], "B": ["1", "2"]}
    assert [note.split(" that ")[0] for note in dataset.notes if "left out" in note] == ["left out: 6 folders"]


def test_composed_and_decomposed_names_pair(draw, build):
    draw("A/caf\u00e9.png")
    draw("B/cafe\u0301.png")
    assert len(build(pairing="paired", test_fraction=0)) == 1


def test_partner_of_a_bad_file_is_left_out_too(tmp_path, draw, build):
    for number in range(3):
        draw(f"A/{number}.png")
        draw(f"B/{number}.png")
    (tmp_path / "B" / "1.png").write_bytes(b"")
    dataset = build(pairing="paired", test_fraction=0, skip_bad=True)
    assert [dataset[0, index]["A_name"] for index in range(len(dataset))] == ["0", "2"]
    assert len(dataset.skipped) == 1


def test_resizes_are_told(draw, build):
    draw("A/1.png", size=(33, 20))
    draw("B/1.png", size=(32, 20))
    dataset = build(mode="none", test_fraction=0)
    assert any("1 of 2 images are resized to a multiple of 4" in n and "33 x 20 to 32 x 20" in n for n in dataset.notes)
    assert dataset.sizes == ((20, 32),)
    assert any("stretched" in note for note in build(test_fraction=0).notes)
    assert len(build(mode="none", round_to=0, test_fraction=0).sizes) == 2


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_give_the_same_samples(context):
    dataset = SPECS[0].build(FolderOptions(image_size=16), root="sample:flat-3d", split="train", seed=3)
    keys = [(epoch, index) for epoch in (0, 9) for index in (5, 1, 60)]
    loader = DataLoader(dataset, batch_size=None, sampler=keys, num_workers=1, multiprocessing_context=context)
    for key, sample in zip(keys, loader, strict=True):
        assert equal(sample, dataset[key])
    assert equal(pickle.loads(pickle.dumps(dataset))[0, 0], dataset[0, 0])


@pytest.mark.parametrize("name", ["flat-3d", "line-3d", "line-flat", "3d-line"])
def test_sample_is_200_aligned_images_of_64_pixels(name):
    for pairing in ("unpaired", "paired"):
        options = FolderOptions(image_size=64, pairing=pairing)
        train, test = (SPECS[0].build(options, root=f"sample:{name}", split=s, seed=0) for s in ("train", "test"))
        assert len(train) + len(test) == 200
        assert len(test) >= 10
        assert test.truth
        assert all(test[0, index]["A_has_partner"] for index in range(len(test)))
        assert (test.domains["A"], test.domains["B"]) == tuple(name.split("-"))
        assert train.skipped == ()
