from ..helpers.fixtures import install, small_page

__all__ = ["install", "small_page"]
