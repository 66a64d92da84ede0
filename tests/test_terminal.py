import io

import pytest
from rich.console import Console

from i2i import terminal
from i2i.terminal import Silent, Status, Terminal, describe_losses

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
