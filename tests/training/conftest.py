from ..helpers.fixtures import images, install, no_page, one_thread, pairs, quick_exports

__all__ = ["images", "install", "no_page", "one_thread", "pairs", "quick_exports"]
