"""Read and written tile by tile, an image is the same as read and written whole."""

import numpy as np
import pytest
import torch
from PIL import Image

from i2i.errors import DivergedError
from i2i.images.reading import to_opaque
from i2i.tensors.padding import pad, padded_size
from i2i.tensors.pixels import to_picture
from i2i.translation.kinds import to_tensor
from i2i.translation.tiles.boxes import Box, Extent, Span, tiles
from i2i.translation.tiles.sources import (
    CroppedSink,
    PaddedSource,
    PictureSink,
    PictureSource,
    TensorSink,
    TensorSource,
)

from ...helpers.images import noise

SIZE = (37, 21)


def read_all(source, channels, side=8):
    height, width = source.size
    result = torch.full((1, channels, height, width), torch.nan)
    for box in tiles(Extent(channels, height, width), (side, side)):
        result[:, :, slice(*box.rows), slice(*box.columns)] = source.read(box)
    return result


def write_all(sink, image, side=8):
    for box in tiles(Extent(*image.shape[1:]), (side, side)):
        sink.write(box, image[:, :, slice(*box.rows), slice(*box.columns)])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_becomes_the_same_numbers(channels):
    picture = Image.fromarray(noise(*SIZE))
    picture = picture.convert("L") if channels == 1 else picture
    assert torch.equal(read_all(PictureSource(picture, channels), channels), to_tensor(picture, channels))


def test_a_deep_picture_keeps_its_levels():
    picture = Image.fromarray(noise(*SIZE, 1, levels=65536)[:, :, 0])
    image = read_all(PictureSource(to_opaque(picture, channels=1), 1), 1)
    sink = PictureSink(1, SIZE, deep=True)
    write_all(sink, image)
    assert np.array_equal(np.asarray(sink.picture()), np.asarray(picture))


@pytest.mark.parametrize("multiple", [1, 4, 32])
@pytest.mark.parametrize("size", [SIZE, (5, 3), (32, 32)])
def test_padding_for_each_tile_is_padding_of_the_whole(size, multiple):
    image = torch.rand(1, 3, *size)
    wanted = padded_size(size, multiple)
    padded = PaddedSource(TensorSource(image), 3, wanted)
    assert torch.equal(read_all(padded, 3, side=7), pad(image, wanted))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_written_as_the_whole_would_be_rounded(channels):
    image = torch.rand(1, channels, *SIZE) * 2.2 - 1.1
    sink = PictureSink(channels, SIZE, deep=False)
    write_all(sink, image)
    assert np.array_equal(np.asarray(sink.picture()), np.asarray(to_picture(image, deep=False)))


def test_what_was_padded_is_cut_off_and_half_precision_widened():
    image = torch.rand(1, 3, *SIZE).half()
    padded = PaddedSource(TensorSource(image.float()), 3, padded_size(SIZE, 32))
    sink = TensorSink(3, SIZE, torch.device("cpu"))
    cropped = CroppedSink(sink, padded.offset, SIZE, DivergedError)
    write_all(cropped, pad(image.float(), padded.size).half(), side=10)
    assert torch.equal(sink.image, image.float())


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_network_that_diverged_is_an_error_and_nothing_of_it_is_written(value):
    sink = TensorSink(1, (4, 4), torch.device("cpu"))
    sink.image.zero_()
    cropped = CroppedSink(sink, (0, 0), (4, 4), lambda: DivergedError("the network gave NaN"))
    tile = torch.ones(1, 1, 4, 4)
    tile[0, 0, 1, 2] = value
    with pytest.raises(DivergedError, match="the network gave NaN"):
        cropped.write(Box(Span(0, 4), Span(0, 4)), tile)
    assert not sink.image.any()
