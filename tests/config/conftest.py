from ..plugins.conftest import install

__all__ = ["install"]
