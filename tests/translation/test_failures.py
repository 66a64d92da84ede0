"""The causes of a failed translation are worded in one way."""

from i2i.errors import DataError, DivergedError
from i2i.translation.failures import cannot_translate, diverged


def test_values_that_are_not_finite():
    error = diverged("model.onnx", "export an earlier checkpoint")
    assert isinstance(error, DivergedError)
    assert str(error) == "model.onnx gave NaN or infinity; export an earlier checkpoint"


def test_images_that_are_refused():
    error = cannot_translate("generator resnet", 1, (16, 20), RuntimeError("too small\nby far"), " in tiles of 8")
    assert isinstance(error, DataError)
    assert str(error) == "generator resnet cannot translate an image of 16x20 pixels in tiles of 8: too small"
    assert " 3 images of 16x20 pixels: MemoryError" in str(cannot_translate("a.onnx", 3, (16, 20), MemoryError()))
