from ..helpers.fixtures import images, one_thread, pairs, small_page
from ..plugins.conftest import install

__all__ = ["images", "install", "one_thread", "pairs", "small_page"]
