"""How large an image may be, and whose colours count. Imports next to nothing, for options are read at every start."""

from typing import Literal

Color = Literal["keep", "srgb"]
"""Whether the numbers of a picture count as they stand, or its colour profile is applied."""

DEFAULT_MAX_PIXELS = 178_956_970
"""Where Pillow itself refuses to open an image."""
