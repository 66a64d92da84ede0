"""TIFF files of noise, whatever their layout; and what i2i reads from one, or why it does not."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import tifffile

from i2i.images.reading import UnusableImageError, decode

RANDOM = np.random.default_rng(0)


def bands(count, kind=np.uint16, size=(37, 45)):
    return RANDOM.integers(0, np.iinfo(kind).max, (*size, count), kind, endpoint=True)


def write(path, samples, *, planar=False, **options):
    """Write ``[H, W, samples]``."""
    options = {"photometric": "rgb", "metadata": None, **options}
    if samples.shape[2] == 1:
        data = samples[:, :, 0]
    elif planar:
        data, options["planarconfig"] = np.ascontiguousarray(samples.transpose(2, 0, 1)), "separate"
    else:
        data, options["planarconfig"] = samples, "contig"
    tifffile.imwrite(path, data, **options)
    return path


def pixels(path):
    return np.asarray(decode(path).image)


def reason(path):
    with pytest.raises(UnusableImageError) as caught:
        decode(path)
    return str(caught.value)


def patch(path, tag, value, kind=None):
    """Overwrite the value of a tag of one short or long in the first directory of a little-endian file."""
    content = bytearray(path.read_bytes())
    (offset,) = struct.unpack_from("<I", content, 4)
    for place in range(struct.unpack_from("<H", content, offset)[0]):
        at = offset + 2 + 12 * place
        if struct.unpack_from("<H", content, at)[0] == tag:
            if kind is not None:
                struct.pack_into("<HI", content, at + 2, *kind)
            struct.pack_into("<I", content, at + 8, value)
            path.write_bytes(content)
            return
    raise AssertionError(f"no tag {tag}")
