"""Whatever a component raises becomes one message that says whose it is, and what to do."""

import pytest
import torch

from i2i.errors import ConfigError, DataError, I2IError, PluginError
from i2i.plugins.calls import Called, calling, lacks_memory, mark, unmark

OAK = Called("generator", "oak", "i2i-oak", "1.2", "i2i_oak")
DATA = Called("dataset", "acorns", "i2i-oak", "1.2", "i2i_oak")


class Part:
    """What a component built; it may call another part."""

    def __init__(self, error=None, inner=None):
        self.error, self.inner = error, inner

    def step(self):
        if self.inner is not None:
            self.inner.step()
        if self.error is not None:
            raise self.error


def part(called=OAK, error=None, inner=None):
    built = Part(error, inner)
    mark(built, called)
    return built


def raised(built, *, way_on=""):
    with pytest.raises(I2IError) as caught, calling(built, "step 3", way_on):
        built.step()
    return caught.value


def test_the_message_names_the_component_its_package_and_version():
    error = raised(part(error=ValueError("no leaves\nat all")), way_on="step 2 is saved")

    assert type(error) is PluginError
    assert str(error).startswith(
        "step 3 failed: generator 'oak' of package i2i-oak 1.2 raised ValueError: no leaves; step 2 is saved. "
    )
    assert "report it to package i2i-oak, or choose another generator; I2I_TRACE_PLUGINS=1 shows where" in str(error)


def test_the_innermost_component_is_blamed():
    inner = part(Called("loss", "bark", "i2i-bark", "0.1", "i2i_bark"), ZeroDivisionError("by zero"))
    assert "loss 'bark' of package i2i-bark 0.1 raised ZeroDivisionError" in str(raised(part(inner=inner)))


def test_the_exit_of_a_strangers_code_does_not_end_the_program_without_a_word():
    assert "raised SystemExit" in str(raised(part(error=SystemExit(1))))


def test_errors_of_i2i_pass_unchanged():
    error = ConfigError("an option is wrong")
    assert raised(part(error=error)) is error


def test_a_file_that_cannot_be_read_is_no_fault_of_a_data_set():
    error = raised(part(DATA, PermissionError(13, "Permission denied", "a.png")))
    assert type(error) is DataError
    assert "data set 'acorns' of package i2i-oak 1.2 could not read: " in str(error)
    assert type(raised(part(OAK, PermissionError(13, "Permission denied")))) is PluginError


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate"), torch.OutOfMemoryError("CUDA")]
)
def test_memory_that_is_short_is_no_fault_of_a_component(error):
    assert lacks_memory(error)
    told = raised(part(error=error))
    assert not isinstance(told, PluginError)
    assert "there is not enough memory" in str(told)
    assert "--batch-size" in str(told)


def test_an_object_that_takes_no_mark_is_called_by_its_type():
    class Slotted:
        __slots__ = ()

        def step(self):
            raise ValueError("odd")

    built = Slotted()
    mark(built, OAK)
    assert "component 'Slotted' of package " in str(raised(built))


def test_an_object_that_leaves_i2i_keeps_no_mark():
    built = part()
    unmark(built)
    assert set(vars(built)) == {"error", "inner"}


def test_the_traceback_is_shown_to_who_asks_for_it(monkeypatch, capsys):
    raised(part(error=ValueError("odd")))
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("I2I_TRACE_PLUGINS", "1")
    raised(part(error=ValueError("odd")))
    assert "in step" in capsys.readouterr().err


def test_a_function_among_the_parts_is_blamed_by_its_module():
    bark = Called("loss", "bark", "i2i-bark", "0.1", "i2i_bark.plugin")
    method = Called("method", "cyclegan", "i2i", "0.1", "i2i.builtin.plugin", parts=(OAK, bark))
    theirs = {"__name__": "i2i_bark.distance"}
    exec("def distance():\n    raise AssertionError('too near')", theirs)

    told = r"loss 'bark' of package i2i-bark 0\.1 raised AssertionError: too near"
    with pytest.raises(PluginError, match=told), calling(method, "step 3"):
        theirs["distance"]()
