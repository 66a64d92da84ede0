from ..helpers.fixtures import images, one_thread, pairs, quick_exports
from ..plugins.conftest import install

__all__ = ["images", "install", "one_thread", "pairs", "quick_exports"]
