"""For all tests, before any of them imports torch."""

import gc
import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

# The tensors are small: on cores that are shared with other processes, more threads wait for each other much longer
# than they compute. Processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell that starts the tests in the background makes them, and every process that they start, ignore the first two of
# these, and nohup the third.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGQUIT"):
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# What scripts/property-test and scripts/test --fast draw with; everything else draws with the profile "ci"
# (pyproject.toml), which like "fast" takes the same examples every time.
settings.register_profile("ci", settings.get_profile("ci"), max_examples=80)
settings.register_profile("new-examples", deadline=None, print_blob=True)
settings.register_profile("fast", settings.get_profile("ci"), max_examples=10)

gc.disable()  # while the tests are collected: next to nothing of it is garbage

SLOW_FIXTURES = {"exported", "wheel"}
SLOW_TESTS = Path(__file__).with_name("slow.txt")


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a slow fixture or is listed in ``slow.txt``; and put files with slow tests first, for the last
    worker to end decides how long all take."""
    listed = {line for line in SLOW_TESTS.read_text("utf-8").splitlines() if line and not line.startswith("#")}
    for item in items:
        is_listed = item.nodeid.partition("[")[0] in listed
        if is_listed or not SLOW_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("slow")
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])  # stable, so that a file's tests stay together and in order


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """From here on garbage is looked for, but not among what was imported and collected: that takes half a second each
    time, and what is timed collects it often."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)  # before fixtures draw
def pytest_runtest_setup() -> None:
    """Let every test begin with the same random numbers, whichever tests ran before it in its worker."""
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


LEFT = "I2I_TESTS_LEFT"
"""The environment variable with a file that takes what a lost worker left: the test files that were not gone through,
one a line. Nothing is written where any test failed. See scripts/test."""

_left: set[str] = set()
_lost_or_failed = {"lost": False, "failed": False}


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_testnodedown(node, error) -> None:
    """Say what a lost worker died of, which xdist does not: a signal's number is negative."""
    process = getattr(getattr(getattr(node, "gateway", None), "_io", None), "popen", None)
    if error and process is not None:
        _lost_or_failed["lost"] = True
        print(f"\n[{node.gateway.id}] ended with exit code {process.wait(timeout=10)}: {error}", flush=True)


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_node_collection_finished(ids: list[str]) -> None:
    """Every worker collects the same tests."""
    _left.update(ids)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note which tests are over; the one in which a worker was lost has a report of none of these kinds."""
    if report.when in ("setup", "call", "teardown"):
        _lost_or_failed["failed"] |= report.failed
        if report.when == "teardown":
            _left.discard(report.nodeid)


def pytest_sessionfinish() -> None:
    """Write down what a lost worker left."""
    if _lost_or_failed["lost"] and not _lost_or_failed["failed"] and LEFT in os.environ:
        files = sorted({name.partition("::")[0] for name in _left})
        Path(os.environ[LEFT]).write_text("".join(f"{file}\n" for file in files), "utf-8")
