from ..helpers.fixtures import images, install, quick_exports

__all__ = ["images", "install", "quick_exports"]
