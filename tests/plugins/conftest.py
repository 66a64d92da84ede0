from ..helpers.fixtures import install

__all__ = ["install"]
