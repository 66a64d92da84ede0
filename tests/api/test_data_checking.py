"""What a check refuses before it looks at anything."""

from __future__ import annotations

import pytest

import i2i
from i2i.errors import ConfigError, DataError


def test_a_page_that_is_there_is_kept_and_one_that_is_no_page_refused(tmp_path):
    page = tmp_path / "page.html"
    page.touch()
    with pytest.raises(ConfigError, match="exists; name another file, or replace it with --force"):
        i2i.check_data("sample:flat-3d", out=page)
    with pytest.raises(ConfigError, match=r"must end in \.html"):
        i2i.check_data("sample:flat-3d", out=tmp_path / "page.pdf")


def test_data_that_are_not_there(tmp_path):
    with pytest.raises(DataError, match="there is no such folder"):
        i2i.check_data(tmp_path / "gone")


def test_only_data_are_set(tmp_path):
    with pytest.raises(ConfigError, match="no_such_option"):
        i2i.check_data("sample:flat-3d", set={"data.no_such_option": 1})
