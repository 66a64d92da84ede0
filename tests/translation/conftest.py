from ..helpers.fixtures import exported, quick_exports

__all__ = ["exported", "quick_exports"]
