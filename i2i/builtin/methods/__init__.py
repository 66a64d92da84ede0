"""The built-in methods: their options and specs. Imports no torch."""

from i2i.plugins import MethodSpec

SPECS: tuple[MethodSpec, ...] = ()
