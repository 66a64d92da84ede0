"""Fixtures of these tests."""

from ..helpers.fixtures import install

__all__ = ["install"]
