"""i2i: image-to-image translation with CycleGAN and pix2pix, made of plugins.

This package imports no torch until a function that needs it is called, so ``import i2i`` and ``i2i --help`` stay quick.

May import ``api`` and ``serving``.
"""

from i2i._version import __version__
from i2i.api import bench, convert, create, doctor, evaluate, export, load, resolve, run, translate

__all__ = [
    "__version__",
    "bench",
    "convert",
    "create",
    "doctor",
    "evaluate",
    "export",
    "load",
    "resolve",
    "run",
    "translate",
]
