"""Programs that run an exported file as its users do, without i2i: see :mod:`i2i.exporting.comparison`."""
