"""What can be found out again is kept in the user's cache and beside a run."""

from __future__ import annotations

from i2i.files.caches import KeptText, beside_run, cache_folder, keep_newest


def test_a_text_is_kept_in_the_cache_and_in_the_run(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run = tmp_path / "run"
    run.mkdir()
    with beside_run(run):
        KeptText("kind", "a.txt", "a-run.txt", 3).keep("found")

    assert list(KeptText("kind", "a.txt", "a-run.txt", 3).texts()) == ["found"]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert list(KeptText("kind", "a.txt", "a-run.txt", 3).texts()) == []
    with beside_run(run):
        assert list(KeptText("kind", "a.txt", "a-run.txt", 3).texts()) == ["found"]


def test_a_cache_that_cannot_be_written_costs_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    kept = KeptText("kind", "a.txt", "a-run.txt", 3)
    kept.keep("found")

    assert list(kept.texts()) == []


def test_the_cache_keeps_the_newest(tmp_path, monkeypatch):
    import os

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for number in range(5):
        KeptText("kind", f"{number}.txt", "run.txt", 3).keep("text")
        path = cache_folder("kind") / f"{number}.txt"
        if path.exists():
            os.utime(path, (number, number))
    keep_newest(cache_folder("kind"), 3, ".txt")

    assert sorted(path.name for path in cache_folder("kind").iterdir()) == ["2.txt", "3.txt", "4.txt"]
