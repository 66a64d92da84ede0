"""What TensorBoard's own reader finds in the files."""

import pytest
from PIL import Image

import i2i
from i2i.plugins.protocols import ObservedRun

pytest.importorskip("tensorboard")


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder / "tensorboard" / "i2i"))
    accumulator.Reload()
    return accumulator


def started(folder, step=0):
    observer = i2i.create("observer", "tensorboard")
    observer.started(ObservedRun(folder, {"training": {"seed": 7}}, step, {}))
    return observer


def test_values_metrics_and_configuration_are_there(tmp_path):
    observer = started(tmp_path)
    observer.logged(1, {"loss/G": 0.5, "learning_rate": 2e-4})
    observer.evaluated(1, {"AtoB": {"l1": 3.0}, "BtoA": {"l1": 4.0}})
    observer.ended(None)

    found = read(tmp_path)
    values = {tag: [(event.step, event.value) for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}
    assert values == {
        "loss/G": [(1, 0.5)],
        "learning_rate": [(1, pytest.approx(2e-4))],
        "AtoB/l1": [(1, 3.0)],
        "BtoA/l1": [(1, 4.0)],
    }
    text = found.Tensors("configuration/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "    training:\n      seed: 7\n" in text


def test_a_sheet_is_shown_as_it_is_on_white(tmp_path):
    sheet = Image.new("RGBA", (4, 2), (255, 0, 0, 255))
    sheet.putpixel((0, 0), (0, 0, 0, 0))
    sheet.save(tmp_path / "sheet.png")
    observer = started(tmp_path)
    observer.pictured(3, {"AtoB": tmp_path / "sheet.png"})
    observer.failed(3, "a reason")

    (picture,) = read(tmp_path).Images("samples/AtoB")
    (tmp_path / "shown.png").write_bytes(picture.encoded_image_string)
    with Image.open(tmp_path / "shown.png") as shown:
        assert (picture.step, shown.mode, shown.size) == (3, "RGB", (4, 2))
        assert shown.getpixel((0, 0)) == (255, 255, 255)
        assert shown.getpixel((1, 0)) == (255, 0, 0)


def test_what_was_written_after_the_checkpoint_is_replaced_by_the_resumed_run(tmp_path):
    killed = started(tmp_path)
    for step, value in ((1, 1.0), (2, 2.0), (3, 3.0)):
        killed.logged(step, {"loss/G": value})
    killed.saved(3, tmp_path)
    (file,) = (tmp_path / "tensorboard" / "i2i").iterdir()
    file.rename(file.with_name("events.out.tfevents.0000000001.killed"))  # of the same second, their order is chance
    resumed = started(tmp_path, step=1)
    resumed.logged(2, {"loss/G": 20.0})
    resumed.ended(None)

    assert [(event.step, event.value) for event in read(tmp_path).Scalars("loss/G")] == [(1, 1.0), (2, 20.0)]
