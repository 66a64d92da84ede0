from ..helpers.fixtures import images, small_page

__all__ = ["images", "small_page"]
