"""The functions behind ``import i2i``; every command is a thin front of one of them. Imports torch on first use."""

from i2i.api.training import create, resolve, run
from i2i.api.using import convert, evaluate, export, load

__all__ = ["convert", "create", "evaluate", "export", "load", "resolve", "run"]
