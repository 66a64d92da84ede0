from ..helpers.fixtures import images, pairs

__all__ = ["images", "pairs"]
