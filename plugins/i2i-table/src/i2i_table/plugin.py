"""What i2i loads: options, builder and the hook. Imports neither torch nor pyarrow."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from i2i.builtin.datasets import FolderOptions
from i2i.plugins import DatasetSpec, hookimpl

if TYPE_CHECKING:
    from i2i.builtin.datasets.folder import FolderDataset
    from i2i.images.readers import Readers

SUFFIXES = (".csv", ".tsv", ".parquet")


class TableOptions(FolderOptions):
    """Options of the data set ``table``: the columns, and all that a folder's pictures have."""

    column_A: str = Field("A", min_length=1, description="column with the paths of the first domain")  # noqa: N815
    column_B: str = Field("B", min_length=1, description="column with the paths of the second domain")  # noqa: N815
    column_name: str = Field(
        "name",
        min_length=1,
        description="column with a name for each row, if there is one; else the path in A names it",
    )
    column_split: str = Field(
        "split",
        min_length=1,
        description="column with train or test, if there is one; else test_fraction is held out by a hash of the name",
    )
    pictures: str | None = Field(
        None, min_length=1, description="folder that the paths start from; none: the folder of the table"
    )
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="between the cells of a text; none: a comma, or a tab in a .tsv"
    )


def accepts(root: str) -> bool:
    """Whether the name is that of a table."""
    return Path(root).suffix.lower() in SUFFIXES


def build(
    options: TableOptions, *, root: str, split: Literal["train", "test"], seed: int, readers: Readers
) -> FolderDataset:
    """Read the table, look at every picture, and return one split."""
    from i2i.builtin.datasets.folder import open_layout
    from i2i_table.listed import find_listed

    return open_layout(options, find_listed(root, options), split=split, seed=seed, readers=readers)


def write_example(options: TableOptions, *, folder: Path) -> Path:
    """Write a table of pairs, with its pictures, and return its path."""
    from i2i_table.example import write_pairs

    return write_pairs(folder, options)


@hookimpl
def i2i_datasets() -> Iterable[DatasetSpec]:
    """Return the data sets of this package."""
    return [
        DatasetSpec(
            name="table",
            summary="pictures, paired or not, listed in a CSV or Parquet file",
            options=TableOptions,
            build=build,
            accepts=accepts,
            example=write_example,
            reads_images=True,
        )
    ]
