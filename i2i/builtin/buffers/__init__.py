"""The built-in buffers: their options and specs. Imports no torch."""

from i2i.plugins import BufferSpec

SPECS: tuple[BufferSpec, ...] = ()
