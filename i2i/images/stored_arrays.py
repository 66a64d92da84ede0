"""A part of an array that stands in a file value by value: what lies outside is not read. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt


def read_part(
    file: BinaryIO, begin: int, shape: Sequence[int], dtype: npt.DTypeLike, part: Sequence[slice]
) -> npt.NDArray[Any]:
    """Read a part of an array whose last axis runs fastest.

    The file is read, not mapped: a disk that fails under a mapped one ends the process.

    Args:
        file: seekable.
        begin: where in it the array begins, in bytes.
        shape: of the whole array.
        dtype: of its values, with their byte order.
        part: a slice of each axis, with begin and end inside it and step 1.

    Returns:
        The part, in the file's byte order.

    Raises:
        ValueError: the file ends before.
    """
    kind = np.dtype(dtype)
    at_once = len(shape) - 1  # the axis of which a run of neighbours is read in one go: all later ones are whole
    while at_once and part[at_once] == slice(0, shape[at_once]):
        at_once -= 1
    run = part[at_once]
    behind = math.prod(shape[at_once + 1 :])
    size = (run.stop - run.start) * behind * kind.itemsize
    pieces = []
    for index in product(*(range(each.start, each.stop) for each in part[:at_once])):
        place = 0
        for length, position in zip(shape, (*index, run.start), strict=False):
            place = place * length + position
        file.seek(begin + place * behind * kind.itemsize)
        piece = file.read(size)
        if len(piece) < size:
            raise ValueError("the file is cut off")
        pieces.append(piece)
    return np.frombuffer(b"".join(pieces), kind).reshape([each.stop - each.start for each in part])
