"""A library's remarks about its own internals do not reach people, and everything else does."""

import logging
import threading
import warnings

import pytest

from i2i.environment.quiet import quietly


def test_warnings_and_log_lines_are_dropped_and_errors_are_not(caplog):
    noisy = logging.getLogger("tests.noisy")
    with quietly("tests.noisy"):
        warnings.warn("of the insides", UserWarning, stacklevel=1)
        noisy.warning("about to retrace")
        noisy.error("lost")
    assert [record.message for record in caplog.records] == ["lost"]


def test_afterwards_all_is_as_before(caplog):
    noisy = logging.getLogger("tests.noisy")
    with pytest.raises(RuntimeError), quietly("tests.noisy"):
        raise RuntimeError
    noisy.warning("heard")
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", UserWarning, stacklevel=1)
    assert [record.message for record in caplog.records] == ["heard"]
    assert noisy.filters == []


def test_another_thread_is_heard_and_a_logger_below_too(caplog):
    def speak():
        logging.getLogger("tests.noisy").warning("of another thread")

    with quietly("tests.noisy"):
        other = threading.Thread(target=speak)
        other.start()
        other.join()
        logging.getLogger("tests.noisy.below").warning("below")
    assert [record.message for record in caplog.records] == ["of another thread", "below"]
