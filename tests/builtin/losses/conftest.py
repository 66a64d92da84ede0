from ...helpers.fixtures import images, no_page  # noqa: F401
