"""The built-in generators: their options and specs. Imports no torch."""

from i2i.plugins import GeneratorSpec

SPECS: tuple[GeneratorSpec, ...] = ()
