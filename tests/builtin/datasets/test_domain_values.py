"""What the values of a domain mean is found out from training images, and kept."""

import numpy as np
import pytest
from PIL import Image

from i2i.builtin.datasets import FolderOptions
from i2i.builtin.readers.arrays import NpyReader
from i2i.errors import DataError
from i2i.images.value_range import ValueRange
from i2i.plugins.component_options import parse_options

from ...helpers.images import write_arrays

AUTO = {"channels_A": "auto", "channels_B": "auto", "pairing": "paired"}


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, values)


def test_channels_range_and_type_are_found_and_the_test_split_takes_them_over(build, tmp_path):
    write_arrays(tmp_path)
    train = build(**AUTO, mode="none", flip=False)

    assert train.channels == {"A": 4, "B": 1}
    assert {key: value for key, value in train.settled.items() if key.startswith(("channels", "type"))} == {
        "channels_A": 4,
        "channels_B": 1,
        "type_A": "uint16",
        "type_B": "float32",
    }
    values = {domain: ValueRange(*found["range"]) for domain, found in train.values.items()}
    assert all(str(values[domain]) == train.settled[f"range_{domain}"] for domain in "AB")
    name = train[0, 0]["A_name"]
    expected = values["A"].to_unit(np.load(tmp_path / "A" / f"{name}.npy"))
    np.testing.assert_allclose(train[0, 0]["A"], expected, atol=1e-6)
    test = build(split="test", **{**AUTO, "mode": "none", **train.settled})
    assert (test.values, test.settled) == (train.values, {})


def test_what_is_left_open_is_not_decided_by_held_out_images(build, tmp_path):
    write_arrays(tmp_path)
    with pytest.raises(
        DataError, match=r"of A are -1 and 1 is decided by training images, .* set data\.range_A=LOW:HIGH"
    ):
        build(split="test", **AUTO)


def test_pictures_stay_pictures(build, draw):
    for name in ("A/1.png", "A/2.png", "B/1.png", "B/2.png"):
        draw(name, mode="L" if name < "B" else "RGB")
    plain, auto = build(test_fraction=0), build(test_fraction=0, **AUTO)

    assert (plain.settled, plain.values) == ({}, {"A": None, "B": None})
    assert (auto.settled, auto.channels) == ({"channels_A": 1, "channels_B": 3}, {"A": 1, "B": 3})


@pytest.mark.parametrize(
    ("given", "found"),
    [("type", "0:65535"), ("0:4095", "0:4095"), ("auto", "0:4000"), ("percentile", "10:3990")],
)
def test_a_range_is_given_or_found(build, tmp_path, given, found):
    ramp = np.linspace(0, 4000, 64 * 64).round().astype(np.uint16).reshape(64, 64)
    for domain in "AB":
        save(tmp_path / domain / "1.npy", np.stack([ramp] * 2, axis=2))
    options = {"channels_A": 2, "channels_B": 2, "range_A": given, "range_B": given}
    values = ValueRange(*build(test_fraction=0, **options).values["A"]["range"])
    expected = ValueRange.parse(found)

    assert values.low == pytest.approx(expected.low, abs=8)
    assert values.high == pytest.approx(expected.high, abs=8)


def test_12_bits_in_16_use_all_of_the_range_when_asked(build, tmp_path):
    for domain in "AB":
        (tmp_path / domain).mkdir()
        pixels = np.arange(256, dtype=np.uint16).reshape(16, 16) * 16
        Image.fromarray(pixels).save(tmp_path / domain / "1.png")
    dark = build(test_fraction=0, channels_A=1, channels_B=1, load_size=16)
    full = build(test_fraction=0, channels_A=1, channels_B=1, load_size=16, range_A="0:4095", range_B="0:4095")

    assert dark[0, 0]["A"].max() < -0.87
    assert full[0, 0]["A"].max() > 0.99
    assert full.values["A"] == {"range": [0, 4095], "type": "uint16"}


def test_values_outside_are_cut_with_a_note(build, tmp_path):
    write_arrays(tmp_path)
    dataset = build(**AUTO, range_A="1000:2000")

    assert any("6 of 6 images of A have values outside 1000:2000, which are cut" in note for note in dataset.notes)
    assert dataset[0, 0]["A"].min() == -1
    assert dataset[0, 0]["A"].max() == 1


@pytest.mark.parametrize(
    ("arrays", "options", "told"),
    [
        (((4, "uint16"), (4, "uint16")), {}, r"2 of 2 images of A do not have 3 channels \(data\.channels_A\):"),
        (((4, "uint16"), (2, "uint16")), AUTO, r"images of A have different numbers of channels \(2, 4\)"),
        (
            ((4, "uint16"), (4, "uint8")),
            {**AUTO, "channels_A": 4, "channels_B": 4},
            r"of several types \(uint16, uint8\): set data",
        ),
        (((4, "zeros"), (4, "zeros")), AUTO, r"all values of the training images of A are 0: set data\.range_A"),
        (((4, "nan"), (4, "uint16")), AUTO, r"1\.npy: it holds NaN or infinity, which lie in no range; replace them"),
    ],
)
def test_what_cannot_be_read_is_explained(build, tmp_path, arrays, options, told):
    for number, (channels, kind) in enumerate(arrays, 1):
        values = np.random.default_rng(number).integers(0, 200, (16, 16, channels))
        special = {"zeros": np.zeros, "nan": lambda shape: np.full(shape, np.nan)}.get(kind)
        for domain in "AB":
            save(
                tmp_path / domain / f"{number}.npy",
                special(
                    values.shape,
                )
                if special
                else values.astype(kind),
            )
    with pytest.raises(DataError, match=told):
        build(**{"test_fraction": 0, **options})


def grey_of_two_types(folder):
    """PNG files of 8 and of 16 bits in one domain, whose common type is a float."""
    folder.mkdir()
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(folder / "1.png")
    Image.fromarray(np.arange(256, dtype=np.uint16).reshape(16, 16) * 16).save(folder / "2.png")


GREY_IN_UNITS = {f"{name}_{domain}": value for domain in "AB" for name, value in (("channels", 1), ("range", "0:4095"))}


def test_a_type_that_the_files_of_the_target_do_not_hold_is_refused_before_training(build, tmp_path):
    save(tmp_path / "A" / "1.npy", np.arange(256).reshape(16, 16).astype(np.float32))
    grey_of_two_types(tmp_path / "B")
    given = {"test_fraction": 0, **GREY_IN_UNITS}
    told = (
        r"into B are 1 channel of float32, which PNG files, .*: set data\.type_B=uint16, which holds 0:4095; or data\."
    )
    with pytest.raises(DataError, match=told):
        build(**given)

    assert build(**given, type_B="uint16").values["B"]["type"] == "uint16"
    meant = build(**given, type_B="float32")
    assert any(
        "which PNG files, as its images are, do not hold; set data.type_B=uint16, or" in note for note in meant.notes
    )
    back = build(**given, direction="BtoA")
    assert back.channels == {"A": 1, "B": 1}, "into B only some methods translate"
    assert any(note.startswith("translations into B are") for note in back.notes)


def test_what_is_no_picture_among_pictures_is_a_bad_file(build, draw, tmp_path):
    for name in ("A/1.png", "A/2.png", "B/1.png", "B/2.png"):
        draw(name)
    save(tmp_path / "A" / "3.npy", np.zeros((16, 16), np.float32))
    with pytest.raises(DataError, match=r"3\.npy: 1 channel of float32 is no picture, as the others of A are; convert"):
        build(test_fraction=0)
    dataset = build(test_fraction=0, skip_bad=True)

    assert dataset.names["A"] == ["1", "2"]
    assert dataset.settled == {}


def test_halves_of_arrays_are_two_domains(build, tmp_path):
    for number in range(2):
        save(tmp_path / f"{number}.npy", np.random.default_rng(number).normal(0, 9, (16, 32)).astype(np.float32))
    dataset = build(**AUTO, test_fraction=0, load_size=16, flip=False, mode="none", range_A="-50:50", range_B="-50:50")
    sample = dataset[0, 0]
    whole = np.load(tmp_path / f"{sample['A_name']}.npy") / 50

    np.testing.assert_allclose(np.concatenate([sample["A"][0], sample["B"][0]], axis=1), whole, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"channels_A": 0}, "channels_A: got 0: must be a whole number from 1 to 64, or auto"),
        ({"channels_B": "many"}, "channels_B: got 'many': must be a whole number from 1 to 64, or auto"),
        ({"range_A": "4095:0"}, "range_A: got '4095:0': must be two numbers, the lower first, such as 0:4095"),
        ({"range_B": "full"}, "; or auto, type, percentile"),
    ],
)
def test_wrong_options_say_what_may_be_given(values, told):
    options, problems = parse_options(FolderOptions, values, where="data")

    assert options is None
    assert told in str(problems[0])


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("halves", [False, True])
def test_a_crop_of_values_is_read_alone_and_is_the_one_of_the_whole(build, tmp_path, monkeypatch, halves, flip):
    for number in range(3):
        for folder in [""] if halves else ["A", "B"]:
            values = np.random.default_rng(number).normal(0, 9, (24, 80 if halves else 40)).astype(np.float32)
            save(tmp_path / folder / f"{number}.npy", values)
    options = {"test_fraction": 0, "mode": "crop", "image_size": 16, "range_A": "-50:50", "range_B": "-50:50"}
    dataset = build(**{**AUTO, "flip": flip, **options})
    parts = [dataset[epoch, index] for epoch in range(3) for index in range(3)]
    monkeypatch.setattr(NpyReader, "read_window", lambda *_: None)  # so that files are read whole
    wholes = [dataset[epoch, index] for epoch in range(3) for index in range(3)]
    for part, whole in zip(parts, wholes, strict=True):
        for domain in "AB":
            assert part[domain].shape == (1, 16, 16)
            np.testing.assert_array_equal(part[domain], whole[domain])
    monkeypatch.undo()
    monkeypatch.setattr(NpyReader, "read", None)  # a file that is read whole would fail
    assert dataset[0, 0]["A"].shape == (1, 16, 16)


def sprite(path, *, hidden, channels=4):
    """A red disc whose surroundings are transparent, over a colour that nobody sees."""
    path.parent.mkdir(parents=True, exist_ok=True)
    down, across = np.indices((32, 32)) - 15.5
    inside = (down**2 + across**2 < 100)[:, :, None]
    pixels = np.where(inside, np.array([200, 0, 0, 255]), np.array([*hidden, 0])).astype(np.uint8)
    Image.fromarray(pixels if channels == 4 else pixels[:, :, [0, 3]]).save(path)


@pytest.mark.parametrize("channels", [4, 2])
def test_colours_below_no_opacity_do_not_leak(build, tmp_path, channels):
    for number, hidden in enumerate([(0, 255, 0), (0, 255, 255)]):
        for domain in "AB":
            sprite(tmp_path / domain / f"{number}.png", hidden=hidden, channels=channels)
    options = {"channels_A": channels, "channels_B": channels, "test_fraction": 0, "load_size": 24, "flip": False}
    dataset = build(**options, pairing="paired")
    first, second = dataset[0, 0]["A"], build(**options, pairing="paired", **dataset.settled)[0, 0]["B"]

    assert first.shape == (channels, 16, 16)
    assert dataset.values["A"] == {"range": [0, 255], "type": "uint8", "opacity": True}
    assert dataset.settled["opacity_A"] is True
    np.testing.assert_array_equal(first, second)
    unit = (first.numpy() + 1) / 2
    assert unit[-1].min() == 0
    assert unit[0].max() > 0.75
    assert channels == 2 or not unit[1:3].any()  # at edges, too


def test_four_bands_without_opacity_are_values(build, tmp_path):
    bands = np.random.default_rng(0).integers(0, 256, (32, 32, 4), np.uint8)
    for domain in "AB":
        save(tmp_path / domain / "1.npy", bands)
    sprite(tmp_path / "B" / "2.png", hidden=(0, 0, 0))
    with pytest.raises(DataError, match=r"4 channels of uint8 is no picture, as the others of B are"):
        build(channels_A=4, channels_B=4, test_fraction=0)
    dataset = build(channels_A=4, channels_B=4, test_fraction=0, opacity_B=False)
    assert "opacity" not in dataset.values["A"] | dataset.values["B"]


def test_domains_are_called_what_a_person_calls_them(build, tmp_path):
    write_arrays(tmp_path)
    names = {"name_A": "satellite", "name_B": "relief"}
    dataset = build(**AUTO, mode="none", direction="BtoA", **names)
    assert dataset.domains == {"A": "relief", "B": "satellite"}
    assert [note for note in dataset.notes if note.startswith("satellite: 4 channels of uint16; ")]
    with pytest.raises(DataError, match=r"images of satellite do not have 3 channels \(data\.channels_A\):"):
        build(channels_A=3, channels_B="auto", **names)
    for name in ("", " x", "a\nb", "x" * 41):
        assert parse_options(FolderOptions, {"name_A": name}, where="data")[0] is None
