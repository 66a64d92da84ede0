"""The version of i2i: the build reads it, too."""

__version__ = "0.1.0"
