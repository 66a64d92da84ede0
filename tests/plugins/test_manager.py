"""What becomes of working, broken, clashing and disabled plugins. Each is an installed distribution."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from i2i.api import create
from i2i.errors import PluginError
from i2i.plugins import GeneratorSpec, LossSpec, Options
from i2i.plugins.manager import Plugin, PluginManager

Install = Callable[..., str]

WORKING = """
    from i2i.plugins import GeneratorSpec, hookimpl

    @hookimpl
    def i2i_generators():
        return [GeneratorSpec(name="{name}", summary="One of the tests.", build=lambda options, **channels: None)]
"""

SPEC = 'GeneratorSpec(name="maple", summary="A tree.", build=print)'


def hooks(body: str, imports: str = "GeneratorSpec, LossSpec, hookimpl") -> str:
    return f"from i2i.plugins import {imports}\n\n{textwrap.dedent(body)}"


def plugin_of(manager: PluginManager, package: str) -> Plugin:
    """The one plugin of a package."""
    (plugin,) = [plugin for plugin in manager.plugins if plugin.package == package]
    return plugin


def warnings_about(manager: PluginManager, text: str) -> list[str]:
    """The warnings that mention a text: the environment may have warnings of its own."""
    return [warning for warning in manager.warnings if text in warning]


def test_a_working_plugin_is_found_with_its_package_and_version(install: Install) -> None:
    install("i2i-oak", WORKING.format(name="oak"))

    manager = PluginManager({})

    component = manager.find("generator", "oak")
    assert component.plugin == plugin_of(manager, "i2i-oak")
    assert (component.plugin.name, component.plugin.version, component.plugin.status) == (
        "oak",
        "1.2",
        "loaded",
    )
    assert component.plugin.module == "i2i_oak"
    assert manager.spec(GeneratorSpec, "oak") is component.spec
    assert component in list(manager.components("generator"))
    assert component not in list(manager.components("loss"))
    assert not warnings_about(manager, "i2i-oak")


def test_built_in_components_come_through_the_same_hooks() -> None:
    manager = PluginManager({})

    assert plugin_of(manager, "i2i").module == "i2i.builtin.plugin"
    assert plugin_of(manager, "i2i").status == "loaded", manager.warnings
    assert manager.spec(LossSpec, "lsgan").family == "adversarial"


def test_components_are_ordered_by_kind_then_name_then_package(install: Install) -> None:
    install("i2i-zelkova", WORKING.format(name="oak"))
    install("i2i-aspen", WORKING.format(name="oak"))
    install("i2i-beech", WORKING.format(name="beech"))

    components = list(PluginManager({}).components())

    kinds = [component.spec.kind for component in components]
    assert list(dict.fromkeys(kinds)) == sorted(set(kinds), key=kinds.index)
    generators = [(c.spec.name, c.plugin.package) for c in components if c.spec.kind == "generator"]
    assert generators == sorted(generators)
    assert {("oak", "i2i-aspen"), ("oak", "i2i-zelkova"), ("beech", "i2i-beech")} <= set(generators)


BROKEN = {
    "an import of something missing": ("import i2i_forest_of_none\n", "ModuleNotFoundError: No module named"),
    "an import of a name that is not there": ("from i2i.plugins import hokimpl\n", "ImportError: cannot import name"),
    "a syntax error": ("def i2i_generators(:\n", "SyntaxError: invalid syntax"),
    "an exception of its own": ("raise RuntimeError('no licence\\nsecond line')\n", "RuntimeError: no licence"),
    "an exception without words": ("raise RuntimeError\n", "RuntimeError: no message"),
    "a call of sys.exit": ("import sys\nsys.exit('bye')\n", "SystemExit: bye"),
    "no hook": ("def i2i_generators():\n    return []\n", "it implements no hook; expected functions decorated"),
    "a misspelt hook": (
        hooks(f"@hookimpl\ndef i2i_genertors():\n    return [{SPEC}]"),
        "there is no hook called 'i2i_genertors'; did you mean 'i2i_generators'?",
    ),
    "a hook with arguments that do not exist": (
        hooks(f"@hookimpl\ndef i2i_generators(config):\n    return [{SPEC}]"),
        "for hook 'i2i_generators': Argument(s) {'config'} are declared",
    ),
    "one spec instead of a list": (
        hooks(f"@hookimpl\ndef i2i_generators():\n    return {SPEC}"),
        "i2i_generators must return a list of GeneratorSpec; got GeneratorSpec",
    ),
    "no return value": (
        hooks("@hookimpl\ndef i2i_generators():\n    pass"),
        "i2i_generators must return a list of GeneratorSpec; got NoneType",
    ),
    "a dictionary": (
        hooks("@hookimpl\ndef i2i_generators():\n    return {'maple': print}"),
        "i2i_generators must return a list of GeneratorSpec; got dict",
    ),
    "a spec of another kind": (
        hooks(f"@hookimpl\ndef i2i_losses():\n    return [{SPEC}]"),
        "i2i_losses must return a list of LossSpec; one item is a GeneratorSpec",
    ),
    "a hook that raises": (
        hooks("@hookimpl\ndef i2i_generators():\n    return [1 / 0]"),
        "ZeroDivisionError: division",
    ),
    "a generator function that raises half way": (
        hooks(f"@hookimpl\ndef i2i_generators():\n    yield {SPEC}\n    raise KeyError('root')"),
        "KeyError: 'root'",
    ),
    "a name that is not lower case": (
        hooks(f"@hookimpl\ndef i2i_generators():\n    return [{SPEC.replace('maple', 'Maple')}]"),
        "ValueError: GeneratorSpec 'Maple': name must be a lower-case string without outer spaces; got 'Maple'",
    ),
    "the same name twice": (
        hooks(f"@hookimpl\ndef i2i_generators():\n    return [{SPEC}, {SPEC}]"),
        "it registers generator 'maple' more than once",
    ),
}


@pytest.mark.parametrize(("source", "problem"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_plugin_is_one_line_and_harms_no_other(install: Install, source: str, problem: str) -> None:
    install("i2i-maple", source)
    install("i2i-pine", WORKING.format(name="pine"))

    manager = PluginManager({})

    assert manager.find("generator", "pine").plugin.package == "i2i-pine"
    assert manager.find("loss", "lsgan").plugin.package == "i2i"
    plugin = plugin_of(manager, "i2i-maple")
    assert plugin.status == "failed"
    assert problem in plugin.problem
    (warning,) = warnings_about(manager, "i2i-maple ")
    assert "\n" not in warning
    assert warning.startswith("plugin 'maple' of package i2i-maple was not loaded: ")
    assert warning.endswith("I2I_DISABLE_PLUGINS=maple)")
    with pytest.raises(PluginError, match=r"plugins that are not loaded: .*maple.*i2i plugins list"):
        manager.find("generator", "maple")


def test_ctrl_c_while_plugins_load_ends_the_program(install: Install) -> None:
    install("i2i-maple", "raise KeyboardInterrupt\n")

    with pytest.raises(KeyboardInterrupt):
        PluginManager({})


def test_a_module_that_does_not_exist_or_cannot_be_named_fails_alone(install: Install) -> None:
    install("i2i-maple", "", entry_points="gone = i2i_maple_moved.plugin\nodd = not a module")

    problems = {p.name: p.problem for p in PluginManager({}).plugins if p.package == "i2i-maple"}

    assert problems["gone"] == "ModuleNotFoundError: No module named 'i2i_maple_moved'"
    assert problems["odd"]


def test_a_package_without_metadata_can_still_bring_a_plugin(install: Install) -> None:
    install("i2i-maple", WORKING.format(name="maple"), metadata=False)

    assert PluginManager({}).find("generator", "maple").plugin.name == "maple"


def test_a_name_clash_hurts_only_whoever_asks_for_that_name(install: Install) -> None:
    install("i2i-oak", WORKING.format(name="tree"))
    install("i2i-elm", WORKING.format(name="tree"), version="3.0")
    install("i2i-pine", WORKING.format(name="pine"))

    manager = PluginManager({})

    assert not warnings_about(manager, "tree")
    assert manager.find("generator", "pine").plugin.package == "i2i-pine"
    expected = (
        "generator 'tree' is claimed by i2i-elm 3.0 and i2i-oak 1.2; disable one of them, "
        "for example I2I_DISABLE_PLUGINS=oak"
    )
    with pytest.raises(PluginError) as caught:
        manager.find("generator", "tree")
    assert str(caught.value) == expected
    assert PluginManager({"I2I_DISABLE_PLUGINS": "oak"}).find("generator", "tree").plugin.version == "3.0"


def test_a_clash_with_a_built_in_never_advises_to_disable_the_built_in(install: Install) -> None:
    install("i2i-oak", WORKING.format(name="resnet9"))

    with pytest.raises(PluginError, match=r"claimed by i2i \S+ and i2i-oak 1.2; .*=oak$"):
        PluginManager({}).find("generator", "resnet9")


def test_entry_points_of_one_name_are_told_apart_by_package(install: Install) -> None:
    install("i2i-oak", WORKING.format(name="tree"), entry_points="tree = i2i_oak")
    install("i2i-elm", WORKING.format(name="tree"), entry_points="tree = i2i_elm")

    with pytest.raises(PluginError, match=r"I2I_DISABLE_PLUGINS=i2i-oak$"):
        PluginManager({}).find("generator", "tree")


@pytest.mark.parametrize("name", ["oak", "i2i-oak", "I2I_Oak", " nothing, i2i-oak ,"])
def test_a_disabled_plugin_is_never_imported(install: Install, name: str, tmp_path: Path) -> None:
    traces = tmp_path / "imported"
    module = install("i2i-oak", f"open({str(traces)!r}, 'w').close()\n" + textwrap.dedent(WORKING.format(name="oak")))

    manager = PluginManager({"I2I_DISABLE_PLUGINS": name})

    assert plugin_of(manager, "i2i-oak").status == "disabled"
    assert not warnings_about(manager, "i2i-oak was")
    assert module not in sys.modules
    assert not traces.exists()
    with pytest.raises(PluginError, match=r"plugins that are not loaded: oak"):
        manager.find("generator", "oak")
    assert PluginManager({}).find("generator", "oak")
    assert traces.exists()


def test_a_name_to_disable_that_no_plugin_has_is_a_warning(install: Install) -> None:
    install("i2i-oak", WORKING.format(name="oak"))

    manager = PluginManager({"I2I_DISABLE_PLUGINS": "i2i-oack"})

    assert warnings_about(manager, "i2i-oack") == [
        "I2I_DISABLE_PLUGINS names 'i2i-oack', which is not an installed plugin or package; did you mean 'i2i-oak'?"
    ]
    assert plugin_of(manager, "i2i-oak").status == "loaded"


def test_tracing_says_what_is_loaded_called_refused_and_skipped(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("i2i-oak", WORKING.format(name="oak"))
    install("i2i-maple", "raise RuntimeError('sap')\n")
    install("i2i-pine", WORKING.format(name="pine"))

    PluginManager({"I2I_TRACE_PLUGINS": "1", "I2I_DISABLE_PLUGINS": "i2i-pine"})

    printed = capsys.readouterr()
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert all(line.startswith("i2i plugins: ") for line in lines)
    assert "i2i plugins: loading oak of i2i-oak 1.2 from i2i_oak" in lines
    assert "i2i plugins: i2i_generators returned oak" in lines
    assert "i2i plugins: maple failed: RuntimeError: sap" in lines
    assert "i2i plugins: pine of i2i-pine is disabled" in lines
    PluginManager({})
    assert capsys.readouterr().err == ""


def test_the_environment_is_read_when_none_is_given(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("i2i-oak", WORKING.format(name="oak"))
    monkeypatch.setenv("I2I_DISABLE_PLUGINS", "i2i-oak")

    assert plugin_of(PluginManager(), "i2i-oak").status == "disabled"


def test_managers_share_nothing(install: Install) -> None:
    before = PluginManager({})
    install("i2i-oak", WORKING.format(name="oak"))

    assert PluginManager({}).find("generator", "oak")
    with pytest.raises(PluginError):
        before.find("generator", "oak")


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("generater", "oak", "there is no kind of plugin called 'generater'; did you mean 'generator'?"),
        ("generator", "resnet99", "there is no generator called 'resnet99'; did you mean 'resnet9'? (installed: "),
        ("loss", "lsgna", "there is no loss called 'lsgna'; did you mean 'lsgan'? (installed: "),
        ("buffer", "qqq", "there is no buffer called 'qqq' (installed: "),
    ],
)
def test_a_name_that_is_not_there_brings_the_nearest(kind: str, name: str, message: str) -> None:
    with pytest.raises(PluginError) as caught:
        PluginManager({}).find(kind, name)
    assert str(caught.value).startswith(message)


def test_a_builder_that_returns_no_module_is_named_with_its_package(install: Install) -> None:
    install("i2i-oak", WORKING.format(name="oak"))

    with pytest.raises(PluginError, match=r"oak.*i2i-oak.*build must return a torch\.nn\.Module; got NoneType"):
        create("generator", "oak")


def test_a_package_that_pip_installed_is_found_in_a_fresh_process(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "i2i_willow.py").write_text(textwrap.dedent(WORKING.format(name="willow")))
    (project / "pyproject.toml").write_text(
        textwrap.dedent("""
            [build-system]
            requires = ["setuptools"]
            build-backend = "setuptools.build_meta"

            [project]
            name = "i2i-willow"
            version = "0.3"

            [project.entry-points.i2i]
            willow = "i2i_willow"

            [tool.setuptools]
            py-modules = ["i2i_willow"]
        """)
    )
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(site), str(project)], check=True, capture_output=True)
    program = (
        "from i2i.plugins.manager import PluginManager\n"
        "component = PluginManager().find('generator', 'willow')\n"
        "print(component.plugin.package, component.plugin.version, component.spec.summary)"
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}

    found = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True)

    assert found.stdout.strip() == "i2i-willow 0.3 One of the tests."


@pytest.mark.parametrize("answer", ["'16'", "0", "None"])
def test_a_size_that_is_none_names_the_package(install: Install, answer: str) -> None:
    spec = SPEC.replace("build=print", f"build=print, size_multiple=lambda _: {answer}")
    install("i2i-oak", hooks(f"@hookimpl\ndef i2i_generators():\n    return [{spec}]"))

    with pytest.raises(PluginError, match=r"'maple' of package i2i-oak 1\.2 raised TypeError: size_multiple must give"):
        PluginManager({}).ask("generator", "maple", "size_multiple", Options())


FOR_A_LATER_I2I = hooks(
    f"""
    @hookimpl
    def i2i_generators():
        return [{SPEC}]

    @hookimpl(optionalhook=True)
    def i2i_portals(door, *, width=1):
        from i2i.plugins import PortalSpec

        return [PortalSpec(name="gate")]
    """
)


def test_an_optional_hook_of_a_later_i2i_is_passed_over(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install("i2i-oak", FOR_A_LATER_I2I)

    manager = PluginManager({"I2I_TRACE_PLUGINS": "1"})

    assert manager.find("generator", "maple").plugin.passed_over == ("i2i_portals",)
    assert plugin_of(manager, "i2i-oak").status == "loaded"
    assert not warnings_about(manager, "i2i-oak")
    assert "i2i plugins: i2i_portals is passed over: this i2i has no such hook" in capsys.readouterr().err


def test_a_plugin_of_optional_hooks_alone_loads_with_nothing(install: Install) -> None:
    install(
        "i2i-oak", hooks("@hookimpl(optionalhook=True)\ndef i2i_portals():\n    raise RuntimeError('never called')")
    )

    plugin = plugin_of(PluginManager({}), "i2i-oak")

    assert (plugin.status, plugin.passed_over) == ("loaded", ("i2i_portals",))


def test_an_optional_hook_that_is_known_is_used(install: Install) -> None:
    install("i2i-oak", hooks(f"@hookimpl(optionalhook=True)\ndef i2i_generators():\n    return [{SPEC}]"))

    assert PluginManager({}).find("generator", "maple").plugin.passed_over == ()
