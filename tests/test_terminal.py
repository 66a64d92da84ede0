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
from i2i.terminal import Silent, Status, Terminal, Watch, describe_losses, watching

LOSSES = {
    "G_A": 0.861,
    "G_B": 0.752,
    "cycle_A": 5.08,
    "cycle_B": 5.15,
    "identity_A": 2.61,
    "identity_B": 2.55,
    "D_A": 0.374,
    "D_B": 0.302,
}


def status(step=120, fraction=0.1, seconds=60.0, losses=LOSSES):
    return Status(step=step, fraction=fraction, seconds=seconds, images_per_second=25.34, losses=losses)


def drawn(width, *statuses, terminal=True):
    file = io.StringIO()
    # The size is fixed and nothing is coloured, so that the last drawing can be read as plain text.
    console = Console(file=file, force_terminal=terminal, width=width, color_system=None, soft_wrap=True)
    reporter = Terminal(console)
    for each in statuses:
        reporter.update(each)
    reporter.close()
    return file.getvalue()


def test_the_terms_of_both_domains_share_a_name():
    assert describe_losses(LOSSES) == "G 0.86/0.75  cycle 5.08/5.15  identity 2.61/2.55  D 0.37/0.30"
    assert describe_losses({"D": 0.5, "G": 1.0, "L1": 31.256}) == "D 0.50  G 1.00  L1 31.26"
    assert describe_losses({"W_AB": 12345.6, "_A": 1.0}) == "W_AB 1.23e+04  _A 1.00"


@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_the_live_lines_never_wrap(width):
    text = drawn(width, status())
    lines = text.rsplit("\x1b[2K", 1)[-1].removesuffix("\x1b[?25h").splitlines()  # since the last line was wiped
    assert len(lines) == 2, lines
    assert all(len(line.rstrip()) <= width for line in lines)
    if width >= 80:
        assert "10%" in lines[0]
        assert "step 120  25.3 images/s  9:00 left" in lines[0]
        assert lines[1].rstrip() == describe_losses(LOSSES)


def test_without_a_terminal_there_is_a_line_now_and_then_and_the_last_one(monkeypatch):
    clock = iter([0.0, 0.0, 5.0, 11.0, 11.0, 12.0, 13.0, 13.0])
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(clock))
    text = drawn(80, *(status(step) for step in (1, 2, 3, 4, 5)), terminal=False)
    assert [line.split("step ")[1].split()[0] for line in text.splitlines()] == ["1", "3", "5"]
    assert text.splitlines()[0] == f" 10%  step 1  25.3 images/s  9:00 left  {describe_losses(LOSSES)}"


def test_the_time_left_follows_from_the_time_used():
    assert status(fraction=0.25, seconds=100).seconds_left == 300
    assert status(fraction=0).seconds_left is None
    assert "1:23:20 left" in drawn(80, status(fraction=0.5, seconds=5000), terminal=False)
    assert "left" not in drawn(80, status(fraction=0), terminal=False)
    assert "1:05 in all" in drawn(80, status(fraction=1, seconds=65), terminal=False)


def test_markup_in_a_note_is_printed_as_it_stands():
    file = io.StringIO()
    Terminal(Console(file=file, width=80)).note("data: [bold] is a folder's name")
    assert file.getvalue() == "data: [bold] is a folder's name\n"


def test_a_long_note_breaks_between_words_on_a_terminal_only():
    text = "word " * 30
    for is_terminal, lines in ((True, 4), (False, 1)):
        file = io.StringIO()
        Terminal(Console(file=file, width=40, force_terminal=is_terminal, color_system=None)).note(text)
        assert len(file.getvalue().splitlines()) == lines
        assert set(file.getvalue().split()) == {"word"}


def test_silence(capsys):
    reporter = Silent()
    reporter.note("a")
    reporter.update(status())
    reporter.close()
    assert capsys.readouterr() == ("", "")


def test_a_note_cannot_steer_the_terminal():
    file = io.StringIO()
    Terminal(Console(file=file, width=80)).note("data: \x1b[2J:smile:\n  one\x07")
    assert file.getvalue() == "data: \\x1b[2J:smile:\n  one\\x07\n"


@pytest.fixture
def at_once(monkeypatch):
    """Show work from its begin on."""
    monkeypatch.setattr(terminal, "FIRST_WORD_SECONDS", 0)


def watched(terminal=False, **options):
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=100, color_system=None, soft_wrap=True)
    return file, Watch(console, **options)


def test_nobody_is_told_who_does_not_listen(at_once, capsys):
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


def test_long_work_is_told_in_lines_where_there_is_no_terminal(at_once):
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


def test_work_within_work_is_not_told(at_once):
    file, watch = watched()
    with listening(watch):
        with working("outer"), working("inner"):
            list(counted("ab", "innermost"))
        with working("next"):
            pass
    assert [line.split(" ...")[0] for line in file.getvalue().splitlines()] == ["outer", "next"]


def test_what_is_left_half_done_is_not_told_for_ever(monkeypatch):
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
progress.FIRST_WORD_SECONDS = progress.LINE_EVERY_SECONDS = 0
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
