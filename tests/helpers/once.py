"""What takes long to make, made once a session: by the first worker of pytest-xdist that asks, for all of them."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]) -> Any:
    """Return what ``make(folder)`` returned, which can be pickled, and leave its folder in place.

    Args:
        factory: the fixture ``tmp_path_factory``.
        name: of the folder, unique among all tests.
        make: called with the empty folder, in one process alone.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # the session's; below it each worker has its own
    folder, made = root / name, root / f"{name}.pickle"
    with FileLock(root / f"{name}.lock"):
        if not made.exists():
            folder.mkdir()
            made.write_bytes(pickle.dumps(make(folder)))
        return pickle.loads(made.read_bytes())
