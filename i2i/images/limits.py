"""How large an image may be. Imports nothing, for options are read at every start."""

DEFAULT_MAX_PIXELS = 178_956_970
"""Where Pillow itself refuses to open an image."""
