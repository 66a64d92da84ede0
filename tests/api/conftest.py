from ..helpers.fixtures import install, quick_exports

__all__ = ["install", "quick_exports"]
