import pytest

from ..helpers.fixtures import exported
from ..helpers.trained import write_sample_run

__all__ = ["exported"]


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """The run folder of a tiny CycleGAN, which translates a picture in milliseconds."""
    return write_sample_run(tmp_path_factory.mktemp("served") / "tiny run")
