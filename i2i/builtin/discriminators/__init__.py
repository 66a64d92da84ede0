"""The built-in discriminators: their options and specs. Imports no torch."""

from i2i.plugins import DiscriminatorSpec

SPECS: tuple[DiscriminatorSpec, ...] = ()
