"""A run says in one line what a check would say, as far as files tell."""

from __future__ import annotations

import shutil

from i2i.builtin.datasets.first_look import same_files


def said(dataset):
    return [note for note in dataset.notes if "i2i data check" in note]


def test_a_training_file_that_is_held_out_too_is_said(draw, build, tmp_path):
    for name in ("trainA/1.png", "trainA/2.png", "trainB/3.png", "testA/4.png", "testB/5.png"):
        draw(name)
    assert said(build()) == []
    shutil.copy(tmp_path / "trainA" / "2.png", tmp_path / "testA" / "again.png")
    (line,) = said(build())
    assert line.startswith("a check would say, from the files alone: 1 held-out file of A is in training too (i2i data")
    assert said(build(split="test")) == []


def test_what_tells_the_domains_apart_is_said_in_the_same_line_where_there_are_enough_images(draw, build, tmp_path):
    for number in range(40):
        draw(f"A/a{number}.png")
    for number in range(10):
        draw(f"B/b{number}.jpg", (24, 32))
    (line,) = said(build())
    assert "; the kind of file alone tells A (.png) from B (.jpg); the size alone tells A (32 x 32) from B" in line
    assert "A has 3" in line
    assert "\n" not in line


def test_files_of_one_size_are_the_same_only_with_the_same_bytes(tmp_path):
    for name, content in (("a", b"xy"), ("b", b"xz"), ("c", b"xy"), ("d", b"x")):
        (tmp_path / name).write_bytes(content)
    paths = {name: tmp_path / name for name in "abcde"}
    assert set(same_files({paths["a"], paths["d"], paths["e"]}, {paths["b"], paths["c"]})) == {paths["a"]}


def test_many_files_of_one_size_are_left_to_the_check(tmp_path, monkeypatch):
    monkeypatch.setattr("i2i.builtin.datasets.first_look.MOST_READ", 1)
    for name in "ab":
        (tmp_path / name).write_bytes(b"same")
    assert list(same_files({tmp_path / "a"}, {tmp_path / "b"})) == []
