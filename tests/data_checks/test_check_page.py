"""The page of a check opens anywhere, whatever files are called."""

from __future__ import annotations

import i2i


def test_the_page_is_one_file_that_asks_nothing_of_the_network_and_escapes_names(photos, tmp_path):
    (photos / "trainA" / "2.png").rename(photos / "trainA" / "<b>x.png")
    page = tmp_path / "page.html"
    i2i.check_data(photos, image_size=48, out=page)
    text = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;x" in text
    assert "<b>x" not in text
    assert "data:image/webp;base64," in text
    assert "http" not in text
    assert "nearly the same" in text
