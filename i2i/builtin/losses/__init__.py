"""The built-in losses: their options and specs. Imports no torch."""

from i2i.plugins import LossSpec

SPECS: tuple[LossSpec, ...] = ()
