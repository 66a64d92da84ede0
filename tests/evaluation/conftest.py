from ..helpers.fixtures import images

__all__ = ["images"]
