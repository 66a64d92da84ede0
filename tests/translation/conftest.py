from ..helpers.fixtures import exported, install, quick_exports

__all__ = ["exported", "install", "quick_exports"]
