"""The contract of every data set, and what a table says of its pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow
import pytest
from i2i_table.plugin import TableOptions, accepts, i2i_datasets
from PIL import Image
from pyarrow import parquet

import i2i
from i2i.errors import DataError
from i2i.images.readers import Readers
from i2i.plugins.manager import PluginManager
from i2i.testing import SMALL_RUN, check_dataset

(SPEC,) = i2i_datasets()
SIDE = 16


@pytest.fixture
def write(tmp_path: Path):
    """Write a table and the pictures a0 to a3 and b0 to b3, and return its path."""

    def write(text: str, name: str = "pairs.csv") -> Path:
        random = np.random.default_rng(0)
        for stem in [f"{domain}{number}" for domain in "ab" for number in range(4)]:
            Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(tmp_path / f"{stem}.png")
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


PAIRS = "A,B,split\na0.png,b0.png,train\na1.png,b1.png,train\na2.png,b2.png,test\n"


def build(path: Path, split: str = "train", **options: object):
    values = {"pairing": "paired", "image_size": SIDE, **options}
    return SPEC.build(TableOptions(**values), root=str(path), split=split, seed=0, readers=Readers())


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        build(path, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    "options", [{}, {"pairing": "paired"}, {"column_A": "photo", "column_B": "map", "delimiter": ";"}], ids=str
)
def test_it_keeps_the_contract_of_a_data_set(options: dict[str, str]) -> None:
    check_dataset(SPEC, options=options)


def test_the_installed_package_registers_it() -> None:
    assert PluginManager(environ={}).find("dataset", "table").plugin.package == "i2i-table"


@pytest.mark.parametrize(
    ("root", "expected"),
    [("pairs.csv", True), ("A.TSV", True), ("x.parquet", True), ("photos", False), ("a.png", False)],
)
def test_it_accepts_tables_by_their_suffix(root: str, expected: bool) -> None:
    assert accepts(root) is expected


def test_rows_are_pairs_and_their_split_is_that_of_the_column(write) -> None:
    path = write(PAIRS)
    train, test = build(path), build(path, "test")

    assert train.names == {"A": ["a0", "a1"], "B": ["a0", "a1"]}
    assert (len(test), test.truth) == (1, True)
    sample = test[0, 0]
    assert (sample["A_name"], sample["B_name"], sample["A_has_partner"]) == ("a2", "a2", True)
    with Image.open(path.parent / "b2.png") as picture:
        assert np.array_equal(((sample["B"].numpy() + 1) * 127.5).round(), np.asarray(picture).transpose(2, 0, 1))


def test_without_a_split_a_share_is_held_out_by_name(write) -> None:
    path = write("B,name,A\nb0.png,first,a0.png\nb1.png,second,a1.png\nb2.png,third,a2.png\n")
    train, test = build(path, test_fraction=0.3), build(path, "test", test_fraction=0.3)

    assert sorted(train.names["A"] + test.names["A"]) == ["first", "second", "third"]
    assert len(test) >= 1
    assert any("no column 'split'" in note for note in train.notes)


def test_rows_with_one_picture_are_of_one_domain(write) -> None:
    path = write("A,B\na0.png,\na1.png,\n,b0.png\na2.png,b2.png\n")
    train = build(path, pairing="unpaired", test_fraction=0)

    assert train.names == {"A": ["a0", "a1", "a2"], "B": ["a2", "b0"]}
    assert "2 rows have no pair" not in refusal(path)
    assert "row 1: only A" in refusal(path)
    assert "row 3: only B" in refusal(path)


def test_a_parquet_file_and_a_tsv_say_the_same_as_a_csv(write) -> None:
    path = write(PAIRS)
    rows = [line.split(",") for line in PAIRS.splitlines()]
    columns = dict(zip(rows[0], zip(*rows[1:], strict=True), strict=True))
    table = pyarrow.table({"size": [1, 2, 3], **{name: list(cells) for name, cells in columns.items()}})
    parquet.write_table(table.set_column(1, "A", table["A"].dictionary_encode()), path.with_suffix(".parquet"))
    tabbed = write(PAIRS.replace(",", "\t"), "pairs.tsv")

    for other in (path.with_suffix(".parquet"), tabbed):
        assert build(other).names == build(path).names


def test_names_that_look_like_numbers_or_nothing_are_texts(write) -> None:
    path = write('A,B\n001,NA\nnull,"1,5"\n')
    for source, target in (("a0", "001"), ("a1", "null"), ("b0", "NA"), ("b1", "1,5")):
        (path.parent / f"{source}.png").rename(path.parent / target)

    assert build(path, test_fraction=0).names["A"] == ["001", "null"]


def test_files_that_are_not_there_are_listed_with_their_rows(write) -> None:
    path = write(PAIRS.replace("b1.png", "gone.png").replace("a2.png", "lost.png"))
    told = refusal(path)

    assert f"{path}: 2 files are not there (rows are counted from 1" in told
    assert f"row 2: B: {path.parent / 'gone.png'}" in told
    assert f"row 3: A: {path.parent / 'lost.png'}" in told
    assert "--skip-bad" in told
    assert len(build(path, skip_bad=True)) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,B\na0.png,b0.png\n", r"there is no column 'A'.*columns: a, B.*data.column_A=..."),
        ("A;B\na0.png;b0.png\n", "are the cells divided by ';'? Then add --set data.delimiter=';'"),
        ("A,A,B\na0.png,a1.png,b0.png\n", "column 'A' is there 2 times; rename the others"),
        ("A,B\na0.png\n", "not a table that can be read"),
        ("", "not a table that can be read"),
        ("A,B\n", "there is no row below the column names"),
        ("A,B,C\na0.png,b0.png,\n,,x\n", "row 2 has no path in either column"),
        ("A,B\na0.png,\na1.png,\n", "no row has a path in the column of B"),
        ("A,B,split\na0.png,b0.png,val\n", "row 1: column 'split' must hold train or test; got 'val'"),
        ("A,B\na0.png,b0.png\na0.png,b1.png\n", "rows 1 and 2: a0"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(write, text: str, told: str) -> None:
    import re

    said = refusal(write(text))
    assert told in said or re.search(told, said)


def test_pictures_inside_a_table_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pairs.parquet"
    parquet.write_table(pyarrow.table({"A": [b"png"], "B": [b"png"]}), path)

    assert "column 'A' must hold texts; it holds binary. Paths of picture files are read" in refusal(path)


def test_a_file_that_is_not_there_or_no_parquet(tmp_path: Path) -> None:
    path = tmp_path / "pairs.parquet"
    assert "there is no such file; expected a table" in refusal(path)
    path.write_text("A,B\n")
    assert "not a table that can be read" in refusal(path)


def test_paths_may_start_from_another_folder(write, tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    path = write(PAIRS, "lists/pairs.csv")

    assert len(build(path, pictures=str(tmp_path))) == 2
    assert "files are not there" in refusal(path)


def test_a_run_takes_it_resumes_and_is_measured(write, tmp_path: Path) -> None:
    path, run = write(PAIRS), tmp_path / "run"
    i2i.run(path, image_size=SIDE, steps=1, out=run, set={**SMALL_RUN, "training.evaluation_images": 1})

    assert i2i.run(resume=run, steps=2).step == 2
    assert "name: table" in (run / "config.yaml").read_text()
    assert i2i.evaluate(run, device="cpu").to_dict()["counts"]["pairs"] == 1
    moved = tmp_path / "moved.csv"
    moved.write_text(PAIRS.replace("test", "train").replace("a0.png,b0.png,train", "a0.png,b0.png,test"))
    assert i2i.evaluate(run, data=moved, device="cpu").to_dict()["data"]["name"] == "table"
    other = i2i.evaluate("sample:flat-3d", data=path, device="cpu").to_dict()
    assert (other["data"]["name"], other["data"]["image_size"]) == ("table", 64)
    assert any("is read by data set 'table'" in note for note in other["notes"])
