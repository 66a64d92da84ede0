"""Arrays of numpy are images, and what is none says why."""

import io

import numpy as np
import pytest

from i2i.builtin.readers.arrays import NpyReader, NpzReader
from i2i.images.unusable import UnusableImageError

BANDS = np.arange(2 * 3 * 5, dtype=np.uint16).reshape(2, 3, 5)


@pytest.mark.parametrize("kind", ["<u2", ">u2", "<f4", ">f8", "i1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_bands_of_any_type_and_order_are_read(tmp_path, kind, order):
    np.save(tmp_path / "a.npy", np.asarray(BANDS.astype(kind), order=order))
    read = NpyReader().read(tmp_path / "a.npy", beside=False).pixels
    header = NpyReader().header(tmp_path / "a.npy")
    assert (header.width, header.height, header.channels, header.type) == (3, 2, 5, np.dtype(kind).name)
    assert read.dtype == np.dtype(kind).newbyteorder("=")
    np.testing.assert_array_equal(read, BANDS)


def test_one_channel_has_two_dimensions_or_three(tmp_path):
    for array in (BANDS[:, :, 0], BANDS[:, :, :1]):
        np.save(tmp_path / "a.npy", array)
        assert NpyReader().read(tmp_path / "a.npy", beside=False).pixels.shape == (2, 3, 1)
    file = io.BytesIO()
    assert list(NpyReader().write(BANDS[:, :, :1], file, like=None)) == []
    file.seek(0)
    assert np.load(file).shape == (2, 3)


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (BANDS[0, 0], r"the shape \[5\]; expected \[H, W\] or \[H, W, C\]"),
        (BANDS[None], r"the shape \[1, 2, 3, 5\]"),
        (BANDS[:0], r"the shape \[0, 3, 5\]"),
        (BANDS.astype(complex), "type complex128; expected uint8, "),
        (BANDS.astype(np.int64), "type int64"),
        (np.array([[None]]), "type object"),
    ],
)
def test_an_array_that_is_no_image_says_why(tmp_path, array, told):
    np.save(tmp_path / "a.npy", array)
    for ask in (NpyReader().header, lambda path: NpyReader().read(path, beside=False)):
        with pytest.raises(UnusableImageError, match=told):
            ask(tmp_path / "a.npy")


def test_what_is_no_array_says_so(tmp_path):
    (tmp_path / "a.npy").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(UnusableImageError, match="its content is no array of numpy"):
        NpyReader().header(tmp_path / "a.npy")


def test_an_archive_has_one_array_or_says_which(tmp_path):
    np.savez(tmp_path / "one.npz", bands=BANDS)
    np.savez_compressed(tmp_path / "two.npz", bands=BANDS, mask=BANDS[:, :, 0])
    for reader, name in ((NpzReader(None), "one"), (NpzReader("bands"), "one"), (NpzReader("bands"), "two")):
        assert reader.header(tmp_path / f"{name}.npz").channels == 5
        np.testing.assert_array_equal(reader.read(tmp_path / f"{name}.npz", beside=False).pixels, BANDS)
    with pytest.raises(UnusableImageError, match=r"the arrays bands, mask; say which .* readers\.npz\.array=NAME"):
        NpzReader(None).header(tmp_path / "two.npz")
    with pytest.raises(UnusableImageError, match="the arrays bands, but not 'depth'"):
        NpzReader("depth").header(tmp_path / "one.npz")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("bands", [BANDS, BANDS[:, :, 0], BANDS.astype(">f4")], ids=["bands", "one", "big-endian"])
def test_a_window_is_what_the_whole_has_there(tmp_path, bands, order):
    np.save(tmp_path / "a.npy", np.asarray(bands, order=order))
    whole = NpyReader().read(tmp_path / "a.npy", beside=False).pixels
    for left, top, right, bottom in [(0, 0, 3, 2), (1, 1, 2, 2), (0, 1, 2, 2), (2, 0, 3, 2)]:
        for source in (tmp_path / "a.npy", io.BytesIO((tmp_path / "a.npy").read_bytes())):
            window = NpyReader().read_window(source, (left, top, right, bottom))
            assert window.dtype == whole.dtype
            np.testing.assert_array_equal(window, whole[top:bottom, left:right])
    np.savez(tmp_path / "a.npz", bands)
    assert NpzReader(None).read_window(tmp_path / "a.npz", (0, 0, 1, 1)) is None
