from ..helpers.fixtures import exported, small_page

__all__ = ["exported", "small_page"]
