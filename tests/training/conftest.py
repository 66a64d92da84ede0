from ..helpers.fixtures import images, no_page, one_thread, pairs, quick_exports
from ..plugins.conftest import install

__all__ = ["images", "install", "no_page", "one_thread", "pairs", "quick_exports"]
