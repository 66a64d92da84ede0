"""What a run was made with is named when it is missing, and when it is another version."""

import pytest

from i2i._version import __version__
from i2i.api import resolve
from i2i.errors import PluginError
from i2i.models.recorded_components import (
    RecordedComponent,
    changed_components,
    components_from_json,
    components_of,
    components_to_json,
    install_command,
    require_components,
)
from i2i.plugins.manager import PluginManager

BARK = RecordedComponent("loss", "bark", "i2i-bark", "1.2")


@pytest.fixture(scope="module")
def manager():
    return PluginManager({})


def test_every_kind_is_recorded_once_with_its_package_and_version(manager):
    config = resolve(discriminator=["patch70", "pixel", "patch70"], manager=manager)
    found = components_of(manager, config)

    assert {component.kind for component in found} == {kind for kind, _ in config.chosen}
    assert [component.name for component in found if component.kind == "discriminator"] == ["patch70", "pixel"]
    assert [component.name for component in found if component.kind == "loss"] == ["lsgan", "l1"]
    assert {component.owner for component in found} == {f"i2i {__version__}"}
    assert components_from_json(components_to_json(found)) == found


@pytest.mark.parametrize("damaged", [None, [], 3, [3], [{}], [{"kind": "loss"}], "text", {"a": 1}])
def test_a_record_that_is_missing_or_damaged_is_empty(damaged):
    assert components_from_json(damaged) == []


def test_each_missing_component_is_named_with_the_line_that_installs_it(manager):
    oak = RecordedComponent("dataset", "acorns", "i2i-oak", "unknown")
    hinge = RecordedComponent("loss", "hinge", "i2i", __version__)
    with pytest.raises(PluginError) as raised:
        require_components(manager, [BARK, hinge, oak], "the run runs/a")

    text = str(raised.value)
    assert text.startswith("the run runs/a needs what is not here:\n  loss 'bark' of package i2i-bark 1.2: there is no")
    assert "dataset 'acorns' of package i2i-oak unknown" in text
    assert "loss 'hinge'" not in text
    assert "-m pip install i2i-bark==1.2\n" in text
    assert text.endswith("-m pip install i2i-oak")


@pytest.mark.parametrize(
    ("file", "place"), [("/plugins/mine/oak tree.py", "'/plugins/mine/oak tree.py'"), ("", "PATH/oak.py")]
)
def test_a_plugin_file_that_is_missing_is_to_be_given(manager, file, place):
    oak = RecordedComponent("loss", "oak", "oak.py", "sha256:0123", file)
    with pytest.raises(PluginError, match=r"loss 'oak' of file oak\.py \(sha256:0123\): there is no") as raised:
        require_components(manager, [oak, oak], "the run")

    assert str(raised.value).count(f"i2i --plugin {place} ...") == 1
    assert "pip install" not in str(raised.value)
    assert components_from_json(components_to_json([oak])) == [oak]
    assert ("file" in components_to_json([oak])[0]) == bool(file)


def test_what_is_all_here_passes(manager):
    require_components(manager, [RecordedComponent("loss", "hinge", "i2i", "0.0.9")], "the run")


def test_components_of_other_versions_are_named_by_package(manager):
    same = RecordedComponent("loss", "l1", "i2i", __version__)
    older = [RecordedComponent("loss", name, "i2i", "0.0.9") for name in ("hinge", "l2")]
    moved = RecordedComponent("buffer", "none", "i2i-none", "2")

    assert changed_components(manager, [same]) == ""
    assert changed_components(manager, [same, *older, moved]) == (
        f"loss 'hinge', loss 'l2': i2i 0.0.9 then, i2i {__version__} now; "
        f"buffer 'none': i2i-none 2 then, i2i {__version__} now"
    )


def test_a_version_that_is_not_known_is_not_asked_for():
    assert install_command("i2i-oak", "unknown").endswith("-m pip install i2i-oak")
