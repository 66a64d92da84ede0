"""Which values of an image's file are -1 and 1 to a network, in the units of the file, and the way back.

No torch, and numpy where it computes alone: options are read at every start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from i2i.images.scaling import to_unit

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

TYPES = ("uint8", "uint16", "uint32", "int8", "int16", "int32", "float16", "float32", "float64")
"""The types of values that files may have and translations can be written with, by numpy's names."""


@dataclass(frozen=True)
class ValueRange:
    """The value that is -1 and the one that is 1; ``str`` of it is ``LOW:HIGH``."""

    low: float
    high: float

    @classmethod
    def parse(cls, text: str) -> ValueRange:
        """Read ``LOW:HIGH``.

        Raises:
            ValueError: it is not two finite numbers, the first of them the lower.
        """
        low, _, high = text.partition(":")
        try:
            found = cls(float(low), float(high))
        except ValueError:
            found = cls(math.nan, math.nan)
        if not (math.isfinite(found.low) and math.isfinite(found.high) and found.low < found.high):
            raise ValueError(f"must be two numbers, the lower first, such as 0:4095; got {text!r}")
        return found

    @classmethod
    def of_type(cls, type_name: str) -> ValueRange:
        """All that a type of whole numbers can hold; 0 to 1 for one of floats."""
        import numpy as np

        if np.dtype(type_name).kind == "f":
            return cls(0, 1)
        return cls(int(np.iinfo(type_name).min), int(np.iinfo(type_name).max))

    def scaled(self, samples: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
        """Map values of any type and shape to [0, 1]; those outside are cut."""
        import numpy as np

        unit = (samples.astype(np.float64) - self.low) / (self.high - self.low)
        return unit.clip(0, 1).astype(np.float32)

    def to_unit(self, samples: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
        """Map ``[H, W, C]`` of any type to ``[C, H, W]`` in [-1, 1]; values outside the range are cut."""
        import numpy as np

        return np.ascontiguousarray(to_unit(self.scaled(samples), 1).transpose(2, 0, 1))

    def from_unit(self, values: npt.NDArray[np.float32], type_name: str) -> npt.NDArray[np.generic]:
        """Map ``[C, H, W]`` in [-1, 1] to ``[H, W, C]`` of a type: whole numbers are the nearest, none is outside."""
        import numpy as np

        unit = ((values.astype(np.float64) + 1) / 2).clip(0, 1).transpose(1, 2, 0)
        found = np.ascontiguousarray(self.low + unit * (self.high - self.low))
        kind = np.dtype(type_name)
        if kind.kind != "f":
            bounds = np.iinfo(kind)
            found = found.round().clip(bounds.min, bounds.max)
        return found.astype(kind)

    def holds(self, least: float, most: float) -> bool:
        """Whether values from ``least`` to ``most`` lie inside."""
        return self.low <= least and most <= self.high

    def __str__(self) -> str:
        return f"{_shortest(self.low)}:{_shortest(self.high)}"


def _shortest(number: float) -> str:
    """A number that reads back as it is, whole where it is."""
    return str(int(number)) if float(number).is_integer() and abs(number) < 1e15 else repr(float(number))
