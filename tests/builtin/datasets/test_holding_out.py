"""What belongs together is held out together, and what decided is told."""

from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from i2i.builtin.datasets import FolderOptions
from i2i.builtin.datasets.holding_out import check_held_out, hold_out, settled_names
from i2i.builtin.datasets.split import choose_test
from i2i.errors import DataError

SLICES = [f"patient{patient:02d}_{number:03d}" for patient in range(20) for number in range(10)]
TILES = [f"{row:04d}_{column:04d}" for row in range(0, 4096, 256) for column in range(0, 4096, 256)]


def chosen(domains, **options):
    return hold_out("data", domains, FolderOptions(**options))


def test_without_options_the_split_is_that_of_the_names():
    found = chosen([SLICES, SLICES[:50]])
    assert found.test == choose_test([SLICES, SLICES[:50]], 0.1)
    assert found.rule == "a hash of the name (test_fraction 0.1)"


def test_a_group_is_on_one_side_in_both_domains():
    found = chosen([SLICES, [name.replace("_", "_b") for name in SLICES]], group=r"^(patient\d+)_")
    held_out = {name[:9] for name in found.test}
    assert len(held_out) >= 1
    assert len(found.test) == 20 * len(held_out)
    assert re.fullmatch(r"group \(data\.group=.*, test_fraction 0\.1: \d+ of 20 groups\)", found.rule)
    assert not found.caveat


def test_cells_of_a_grid_have_fewer_neighbours_and_those_are_told():
    by_name, by_cell = chosen([TILES]), chosen([TILES], group_grid=4)
    touching = int(re.findall(r"and (\d+) of", by_name.caveat)[0])
    left = int(by_cell.caveat.split()[0])
    assert touching == len(by_name.test)
    assert left < len(by_cell.test)
    assert "data.group_grid=" in by_name.cure
    assert by_cell.held_out_by.endswith("touch a training tile")


@pytest.mark.parametrize(
    ("names", "options", "told"),
    [
        (["a_1", "a_2", "b"], {"group": "^(.)_"}, "finds no group in 1 name:\n  b"),
        (["1_1", "b"], {"group_grid": 2}, "finds no place, two numbers as in 0278_0256, in 1 name:\n  b"),
        (["a_1", "a_2"], {"group": "^(.)_"}, "of one group .* set data.test_fraction=0"),
    ],
)
def test_names_that_do_not_fit_the_option_are_listed(names, options, told):
    with pytest.raises(DataError, match=told):
        chosen([names], **options)


@pytest.mark.parametrize("options", [{"group": "("}, {"group": "a+"}, {"group": "(a)", "group_grid": 2}])
def test_a_pattern_that_cannot_group_is_refused(options):
    with pytest.raises(ValidationError, match="group"):
        FolderOptions(**options)


def test_a_list_names_images_with_or_without_suffix_or_groups(tmp_path):
    (tmp_path / "test.txt").write_text("patient03_004\n\npatient05_001.png\n")
    found = hold_out(str(tmp_path), [SLICES], FolderOptions(test_names="test.txt"))
    assert found.test == {"patient03_004", "patient05_001"}
    assert found.held_out_by.startswith("the names in test.txt")
    (tmp_path / "test.txt").write_text("patient03")
    found = hold_out(str(tmp_path), [SLICES], FolderOptions(test_names="test.txt", group="^(.+)_"))
    assert found.test == {name for name in SLICES if name.startswith("patient03")}


@pytest.mark.parametrize(
    ("lines", "options", "told"),
    [
        ("patient99_001", {}, "1 name belongs to no image:\n  patient99_001"),
        ("", {}, "names none of the 200 images"),
        ("\n".join(SLICES), {}, "names all of the 200 images"),
        ("patient03_004", {"group": "^(.+)_"}, "1 group is on two sides.*\n  patient03"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(tmp_path, lines, options, told):
    (tmp_path / "test.txt").write_text(lines)
    with pytest.raises(DataError, match=told):
        hold_out(str(tmp_path), [SLICES], FolderOptions(test_names="test.txt", **options))


def test_a_list_that_is_missing_says_where_it_is_looked_for(tmp_path):
    with pytest.raises(DataError, match=r"a name a line, in .* or by its path"):
        hold_out(str(tmp_path), [SLICES], FolderOptions(test_names="gone.txt"))


def test_a_list_beside_the_images_moves_with_them_and_another_is_kept_by_its_whole_path(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "inside.txt").touch()
    (tmp_path / "outside.txt").touch()
    monkeypatch.chdir(tmp_path)
    assert settled_names("data", FolderOptions(test_names="inside.txt")) == {}
    kept = settled_names("data", FolderOptions(test_names="outside.txt"))
    assert kept == {"test_names": str(tmp_path / "outside.txt")}
    assert settled_names("data", FolderOptions(**kept)) == {}


def test_folders_are_asked_for_whole_groups_and_warned_of_relatives():
    train, test = SLICES[:150], SLICES[150:]
    rule = "the folders testA and testB"
    assert check_held_out("data", [train], [test], FolderOptions(group="^(.+)_"), rule).rule.startswith(rule)
    with pytest.raises(DataError, match=r"1 group is on two sides.*testA and testB.*\n  patient15"):
        check_held_out("data", [[*train, "patient15_000"]], [test[1:]], FolderOptions(group="^(.+)_"), rule)
    leaky = check_held_out("data", [TILES[1::2]], [TILES[::2]], FolderOptions(), rule)
    assert "128 of 128 held-out images touch a training tile" in leaky.held_out_by
    assert "data.group_grid" in leaky.notes[0]
    numbered_anew = check_held_out("data", [TILES], [TILES[:40]], FolderOptions(), rule)
    assert not numbered_anew.notes
