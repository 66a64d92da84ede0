from ..helpers.fixtures import images, no_page, pairs

__all__ = ["images", "no_page", "pairs"]
