"""Long work is reported while it lasts, and only where somebody listens."""

import io
import os
import subprocess
import sys
import threading
import time

import pytest
from rich.console import Console

from i2i import terminal
from i2i.progress import Work, counted, listening, working
from i2i.terminal import Terminal, Watch, watching


@pytest.fixture
def at_once(monkeypatch):
    """Show work from its begin on."""
    monkeypatch.setattr(terminal, "FIRST_WORD_SECONDS", 0)


def watched(terminal=False, **options):
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=100, color_system=None, soft_wrap=True)
    return file, Watch(console, **options)


def test_without_a_listener_nothing_is_printed(at_once, capsys):
    with working("reading") as step:
        step()
    assert list(counted("abc", "counting")) == ["a", "b", "c"]
    with watching(False), working("reading"):
        pass
    assert capsys.readouterr() == ("", "")


def test_short_work_is_not_spoken_of():
    file, watch = watched()
    with listening(watch):
        for _ in range(100):
            with working("reading"):
                pass
    assert file.getvalue() == ""
    assert threading.active_count() < 20


def test_long_work_prints_lines_where_there_is_no_terminal(at_once):
    file, watch = watched()
    with listening(watch):
        assert sum(counted(range(5), "checking \x1b[1mimages")) == 10
        with working("loading"):
            pass
    lines = file.getvalue().splitlines()
    assert lines[0].startswith("checking \\x1b[1mimages")
    assert "checking \\x1b[1mimages: 5/5" in lines
    assert lines[-1] == "loading ... (0:00)"


def test_one_long_call_is_seen_while_it_lasts(monkeypatch):
    monkeypatch.setattr(terminal, "FIRST_WORD_SECONDS", 0.01)
    monkeypatch.setattr(terminal, "LINE_EVERY_SECONDS", 0.01)
    file, watch = watched()
    with listening(watch), working("loading the model"):
        until = time.monotonic() + 30
        while file.getvalue().count("loading the model ...") < 3 and time.monotonic() < until:
            time.sleep(0.01)
    assert file.getvalue().count("loading the model ...") >= 3


def test_a_terminal_has_a_bar_that_passes(at_once):
    file, watch = watched(terminal=True)
    with listening(watch):
        list(counted([1, 2], "checking images"))
    text = file.getvalue()
    assert "checking images" in text
    assert "2/2" in text
    assert text.endswith("\x1b[2K"), "the bar is wiped away"


def test_a_terminal_that_has_a_bar_gets_lines(at_once):
    file, watch = watched(terminal=True, busy=lambda: True)
    with listening(watch):
        list(counted([1, 2], "measuring"))
    assert "measuring: 2/2" in file.getvalue()
    assert "\x1b" not in file.getvalue()


def test_work_within_work_prints_nothing(at_once):
    file, watch = watched()
    with listening(watch):
        with working("outer"), working("inner"):
            list(counted("ab", "innermost"))
        with working("next"):
            pass
    assert [line.split(" ...")[0] for line in file.getvalue().splitlines()] == ["outer", "next"]


def test_work_that_is_left_half_done_prints_no_more(monkeypatch):
    monkeypatch.setattr(terminal, "FIRST_WORD_SECONDS", 0.01)
    before = threading.active_count()
    file, watch = watched()
    with listening(watch):
        items = counted(range(100), "left alone")
        next(items)
    assert threading.active_count() == before
    said = file.getvalue()
    next(items)
    with listening(watch), pytest.raises(KeyboardInterrupt), working("interrupted"):
        raise KeyboardInterrupt
    assert threading.active_count() == before
    assert "left alone" not in file.getvalue().removeprefix(said)
    items.close()


@pytest.mark.parametrize("stream", ["pipe", "closed", "none"])
def test_a_standard_error_that_is_gone_ends_no_work(stream):
    code = f"""
import os, sys
from i2i import terminal
from i2i.terminal import Status, Terminal, watching
from i2i.progress import counted
terminal.FIRST_WORD_SECONDS = terminal.LINE_EVERY_SECONDS = 0
if {stream!r} == "closed":
    sys.stderr.close()
if {stream!r} == "none":
    sys.stderr = None
reporter = Terminal()
for step in range(3):
    reporter.note("a note")
    reporter.update(Status(step, 0.1, 1.0, 1.0, {{}}))
with watching():
    assert list(counted("ab", "counting")) == ["a", "b"]
reporter.close()
print("the end")
"""
    reading, writing = os.pipe()
    os.close(reading)  # nobody reads
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=writing, check=False, timeout=60)
    os.close(writing)
    assert done.stdout.strip() == b"the end"
    assert done.returncode in (0, 120), "Python's own, where it cannot write the rest at its end"


def test_standard_error_is_whatever_it_is_at_the_moment(capsys, monkeypatch):
    reporter = Terminal()
    reporter.note("one")
    assert capsys.readouterr().err == "one\n"
    other = io.StringIO()
    monkeypatch.setattr("sys.stderr", other)
    reporter.note("two")
    assert other.getvalue() == "two\n"


def test_threads_of_the_work_itself_are_not_heard(at_once):
    file, watch = watched()
    with listening(watch):
        thread = threading.Thread(target=lambda: list(counted("ab", "elsewhere")))
        thread.start()
        thread.join()
    assert file.getvalue() == ""


def test_a_pace_beside_the_count():
    assert terminal.describe_work(Work("images", 4, 2, "1.5 images/s")) == "images: 2/4  1.5 images/s"
    assert terminal.describe_work(Work("frames", None, 2)) == "frames: 2/?"
    assert terminal.describe_work(Work("listing")) == "listing ..."
