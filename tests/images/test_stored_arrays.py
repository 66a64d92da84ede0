"""Parts of stored arrays are what slicing gives, and nothing else is read."""

import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2i.images.stored_arrays import read_part


class Counted(io.BytesIO):
    """A file that counts the bytes that are read of it."""

    count = 0

    def read(self, size=-1):
        found = super().read(size)
        self.count += len(found)
        return found


@st.composite
def arrays_and_parts(draw):
    shape = draw(st.lists(st.integers(1, 5), min_size=2, max_size=3))
    begins = [draw(st.integers(0, length - 1)) for length in shape]
    return shape, [
        slice(begin, draw(st.integers(begin + 1, length))) for begin, length in zip(begins, shape, strict=True)
    ]


@given(arrays_and_parts(), st.sampled_from(["<u2", ">u2", "<f4"]), st.integers(0, 9))
def test_a_part_is_a_slice_and_no_more_is_read(drawn, kind, begin):
    shape, part = drawn
    whole = np.arange(math.prod(shape)).reshape(shape).astype(kind)
    file = Counted(bytes(begin) + whole.tobytes())
    found = read_part(file, begin, shape, kind, part)
    np.testing.assert_array_equal(found, whole[tuple(part)])
    assert file.count == found.nbytes


def test_a_file_that_ends_before_is_refused():
    with pytest.raises(ValueError, match="cut off"):
        read_part(io.BytesIO(bytes(11)), 0, [2, 3], "<u2", [slice(1, 2), slice(0, 3)])
