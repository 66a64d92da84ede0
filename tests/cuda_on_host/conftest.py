"""What the tests of the kernels on the CPU share."""

from __future__ import annotations

import pytest

from . import building
from .on_host import OnHost


@pytest.fixture(scope="session", autouse=True)
def _emulator_possible() -> None:
    reason = building.why_missing()
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def _library() -> OnHost:
    return OnHost(building.build("kernels.so", [*building.KERNEL_SOURCES, "library.cpp"], building.QUICK))


@pytest.fixture
def on_host(_library: OnHost) -> OnHost:
    """The kernels, with the default settings."""
    _library.run_as()
    _library.threads = None
    return _library
