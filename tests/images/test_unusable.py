"""A path that leads to no image is refused before anything is read."""

import os

import pytest

from i2i.images.unusable import UnusableImageError, opened


def test_what_is_no_file_with_content_is_named(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "broken.png").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.png")
    reasons = {
        "empty.png": r"empty \(0 bytes\)",
        "broken.png": "a broken link",
        "missing.png": "not readable",
        "pipe.png": "not a regular file",
        ".": "not a regular file",
    }
    for name, reason in reasons.items():
        with pytest.raises(UnusableImageError, match=reason), opened(tmp_path / name):
            pytest.fail("it was opened")
