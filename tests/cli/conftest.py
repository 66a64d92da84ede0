"""Third-party packages, as installed ones: real distributions on the import path."""

from ..helpers.fixtures import install

__all__ = ["install"]
