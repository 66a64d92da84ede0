from ..helpers.fixtures import images, one_thread, pairs, small_page

__all__ = ["images", "one_thread", "pairs", "small_page"]
