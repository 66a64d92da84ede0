"""Every image below a folder is found once, by one name."""

from __future__ import annotations


def test_subfolders_links_hidden_files_and_odd_names(tmp_path, draw, build):
    for name in ("A/deep/er/one.png", "A/two words \u00e9.png", "A/.hidden.png", "A/a.b.png", "B/x.png"):
        draw(name)
    (tmp_path / "A" / "Thumbs.db").touch()
    (tmp_path / "A" / "notes.txt").touch()
    (tmp_path / "A" / "loop").symlink_to(tmp_path / "A")
    (tmp_path / "A" / "deep" / "up").symlink_to(tmp_path)
    (tmp_path / "unused").mkdir()
    dataset = build(test_fraction=0)
    names = {dataset[0, index]["A_name"] for index in range(len(dataset))}
    assert names == {"a.b", "deep/er/one", "deep/up/B/x", "two words \u00e9"}
    assert dataset.ignored == 1
    assert any("not used in" in note and "unused" in note for note in dataset.notes)
    assert any("notes.txt" in note for note in dataset.notes)


def test_what_a_network_drive_keeps_beside_pictures_is_not_trained_on(draw, build):
    for domain in "AB":
        for name in ("1.png", "2.png", "@eaDir/1.png/SYNOPHOTO_THUMB_M.png", "#recycle/3.png", "$RECYCLE.BIN/$R1.png"):
            draw(f"{domain}/{name}")
    dataset = build(test_fraction=0)
    assert dataset.names == {"A": ["1", "2"], "B": ["1", "2"]}
    assert [note.split(", ")[0] for note in dataset.notes if "left out" in note] == ["left out: 6 folders"]


def test_composed_and_decomposed_names_pair(draw, build):
    draw("A/caf\u00e9.png")
    draw("B/cafe\u0301.png")
    assert len(build(pairing="paired", test_fraction=0)) == 1
