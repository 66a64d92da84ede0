import pytest

from ..helpers.fixtures import install

__all__ = ["install"]


@pytest.fixture
def file(tmp_path):
    """Write a configuration file."""

    def write(text):
        path = tmp_path / "settings.yaml"
        path.write_text(text)
        return path

    return write
