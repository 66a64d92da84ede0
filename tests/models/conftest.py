from ..helpers.fixtures import exported, images, small_page

__all__ = ["exported", "images", "small_page"]
