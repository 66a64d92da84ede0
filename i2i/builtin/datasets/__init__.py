"""The built-in datasets: their options and specs. Imports no torch."""

from i2i.plugins import DatasetSpec

SPECS: tuple[DatasetSpec, ...] = ()
