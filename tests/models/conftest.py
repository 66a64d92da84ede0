from ..helpers.fixtures import exported, images, quick_exports

__all__ = ["exported", "images", "quick_exports"]
