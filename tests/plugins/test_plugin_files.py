"""Plugins that are one file: found, known by their content, and a clear error where they cannot be loaded."""

import hashlib
import pickle
import sys

import pytest

from i2i.errors import PluginError
from i2i.plugins.manager import PluginManager
from i2i.plugins.plugin_files import PluginFile, load_plugin_files, loaded_plugin_files, provider

OAK = """
from i2i.plugins import LossSpec, Options, hookimpl

class Oak:
    def __call__(self, image, target):
        raise ZeroDivisionError("no acorns")

@hookimpl
def i2i_losses():
    return [LossSpec(name="oak", family="pixel", summary="A tree.", build=lambda options: Oak())]
"""


@pytest.fixture
def oak(tmp_path):
    path = tmp_path / "oak tree.py"
    path.write_text(OAK)
    return path


def test_its_components_are_found_with_its_name_and_hash(oak):
    manager = PluginManager({}, files=[oak])
    plugin = manager.find("loss", "oak").plugin

    assert (plugin.name, plugin.package, plugin.file) == ("oak tree", "oak tree.py", str(oak))
    assert plugin.version == f"sha256:{hashlib.sha256(oak.read_bytes()).hexdigest()[:16]}"
    assert str(manager.find("loss", "oak").called) == f"loss 'oak' of file oak tree.py ({plugin.version})"
    assert manager.files == [str(oak)]
    assert "oak" not in [component.spec.name for component in PluginManager({}).components("loss")]


def test_it_is_run_once_for_each_content_and_may_be_given_twice(oak, monkeypatch):
    monkeypatch.chdir(oak.parent)
    first = PluginManager({}, files=[oak, oak.name]).find("loss", "oak")
    assert PluginManager({}, files=[oak]).find("loss", "oak").plugin.module == first.plugin.module
    assert sys.modules[first.plugin.module].__file__ == str(oak)

    oak.write_text(OAK.replace("A tree.", "Another tree."))
    assert PluginManager({}, files=[oak]).find("loss", "oak").spec.summary == "Another tree."
    assert not list(oak.parent.glob("**/*.pyc"))


def test_two_files_that_claim_a_name_are_both_named_with_a_way_out(oak):
    other = oak.with_name("other.py")
    other.write_text(OAK)
    manager = PluginManager({}, files=[oak, other])

    with pytest.raises(
        PluginError, match=r"claimed by oak tree\.py sha256:\w+ and other\.py .*leave out --plugin .*other"
    ):
        manager.find("loss", "oak")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import no_such_module\n", r"ModuleNotFoundError: .*no_such_module.* \(line 1\)$"),
        ("\n\n1 / 0\n", r"ZeroDivisionError: .* \(line 3\)$"),
        ("def i2i_losses(:\n", r"SyntaxError: .*oak\.py, line 1\)$"),
        ("raise SystemExit\n", r"SystemExit: .* \(line 1\)$"),
        ("a = 1\n", r"implements no hook"),
        (OAK.replace("i2i_losses", "i2i_loses"), r"did you mean 'i2i_losses'"),
    ],
)
def test_one_that_cannot_be_loaded_is_an_error_with_the_line(tmp_path, source, said):
    path = tmp_path / "oak.py"
    path.write_text(source)

    with pytest.raises(PluginError, match=f"plugin file .*oak.py cannot be loaded: .*{said}"):
        PluginManager({}, files=[path])


def test_one_that_is_not_there_or_no_python_is_refused(tmp_path):
    with pytest.raises(PluginError, match=r"oak\.py cannot be read: No such file"):
        PluginManager({}, files=[tmp_path / "oak.py"])
    with pytest.raises(PluginError, match=r"must be a Python file such as my_loss\.py; got .*oak\.txt"):
        PluginManager({}, files=[tmp_path / "oak.txt"])


def test_its_objects_come_to_a_process_that_loads_it_first(oak):
    module = PluginFile.read(oak).load()
    packed = pickle.dumps(module.Oak())
    files = loaded_plugin_files()
    assert str(oak) in files

    del sys.modules[module.__name__]
    with pytest.raises(ModuleNotFoundError):
        pickle.loads(packed)
    load_plugin_files([*files, str(oak.with_name("gone.py"))])
    assert type(pickle.loads(packed)).__name__ == "Oak"


def test_messages_say_what_brings_a_component():
    assert provider("i2i-oak 1.2") == "package i2i-oak 1.2"
    assert provider("unknown") == "package unknown"
    assert provider("oak tree.py sha256:0123") == "file oak tree.py (sha256:0123)"
