from ..helpers.fixtures import images, install, no_page, quick_exports

__all__ = ["images", "install", "no_page", "quick_exports"]
