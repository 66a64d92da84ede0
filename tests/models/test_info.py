"""What a translator says about itself."""

from dataclasses import replace
from pathlib import Path

import i2i


def test_where_it_comes_from_in_words():
    info = i2i.load("sample:flat-3d", device="cpu").info
    info = replace(info, checkpoint=Path("file.pth"), step=None, chosen="", moving_average=False)
    assert info.origin == "file.pth"
    assert replace(info, step=0).origin == "step 0 of file.pth"
    assert replace(info, step=7, chosen="the latest").origin == "step 7 of file.pth (the latest)"
    average = replace(info, moving_average=True)
    assert average.origin == "moving average in file.pth"
    assert replace(average, step=7).origin == "moving average at step 7 of file.pth"
