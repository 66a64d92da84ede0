"""``i2i plugins``: what is installed, one component's options, and the contract checks."""

import json

import pytest
from click.testing import CliRunner
from rich.console import Console

from i2i.cli import output
from i2i.cli.main import main

GOOD = """
from pydantic import Field
from i2i.plugins import BufferSpec, Options, hookimpl

class Pass:
    def exchange(self, images):
        return images.detach()
    def state_dict(self):
        return {}
    def load_state_dict(self, state):
        pass

class PassOptions(Options):
    size: int = Field(3, ge=1, le=9, description="does nothing")

@hookimpl
def i2i_buffers():
    build = lambda options, *, generator: Pass()
    return [BufferSpec(name="pass", summary="passes on", options=PassOptions, build=build)]
"""
BREAKS_ITS_CONTRACT = GOOD.replace("images.detach()", "images[:1] * 3").replace('"pass"', '"worse"')
RAISES = "raise RuntimeError('no licence found')"


def invoke(*arguments, **options):
    return CliRunner().invoke(main, ["plugins", *arguments], **options)


def test_list_names_components_with_their_package(install):
    install("i2i-pass", GOOD)
    result = invoke("list")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].split() == ["Kind", "Name", "Summary", "Package", "Version"]
    (line,) = [line for line in result.stdout.splitlines() if "passes on" in line]
    assert line.split() == ["buffer", "pass", "passes", "on", "i2i-pass", "1.2"]
    assert any(line.split()[:2] == ["generator", "resnet9"] for line in result.stdout.splitlines())


def test_piped_list_has_one_line_a_component_and_no_padding():
    lines = invoke("list").stdout.splitlines()

    assert len(lines) == 1 + len(json.loads(invoke("list", "--json").stdout)["components"])
    assert all(line == line.rstrip() and "\x1b" not in line for line in lines)


def test_table_keeps_every_word_at_80_columns(capsys):
    table = output.new_table("Kind", "Name", "Summary", "Package", "Version")
    table.add_row(
        "discriminator", "encoder-decoder", "a summary that is too long for its column " * 3, "i2i-package", "0.1"
    )
    console = Console(width=80, color_system=None)
    console.print(table)
    lines = capsys.readouterr().out.splitlines()

    assert max(map(len, lines)) <= 80
    assert "discriminator" in lines[1]
    assert "encoder-decoder" in lines[1]


def test_list_of_one_kind():
    components = json.loads(invoke("list", "--kind", "loss", "--json").stdout)["components"]

    assert {component["kind"] for component in components} == {"loss"}
    assert "lsgan" in {component["name"] for component in components}


def test_list_says_what_is_not_loaded_and_why(install):
    install("i2i-broken", RAISES)
    install("i2i-pass", GOOD)
    result = invoke("list", env={"I2I_DISABLE_PLUGINS": "pass"})

    assert result.exit_code == 0
    assert "broken (i2i-broken 1.2) failed: RuntimeError: no licence found" in result.stdout
    assert "pass (i2i-pass 1.2) disabled by I2I_DISABLE_PLUGINS" in result.stdout
    plugins = json.loads(invoke("list", "--json").stdout)["plugins"]
    assert {plugin["name"]: plugin["status"] for plugin in plugins}["broken"] == "failed"


def test_list_says_which_hooks_are_of_a_later_i2i(install):
    install("i2i-pass", f"{GOOD}\n\n@hookimpl(optionalhook=True)\ndef i2i_portals():\n    return []\n")
    result = invoke("list")

    assert "this i2i has no such hooks; a later one may:\n  pass (i2i-pass 1.2): i2i_portals" in result.stdout
    plugins = json.loads(invoke("list", "--json").stdout)["plugins"]
    assert {plugin["name"]: plugin["passed_over"] for plugin in plugins}["pass"] == ["i2i_portals"]


def test_show_gives_type_bounds_default_and_description(install):
    install("i2i-pass", GOOD)
    result = invoke("show", "buffer", "pass")

    assert result.exit_code == 0
    assert "buffer pass (i2i-pass 1.2)" in result.stdout
    assert "--set buffer.OPTION=VALUE" in result.stdout
    assert "does nothing [integer, >= 1, <= 9, default 3]" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_show_as_json(install):
    install("i2i-pass", GOOD)
    shown = json.loads(invoke("show", "buffer", "pass", "--json").stdout)

    assert shown["package"] == "i2i-pass"
    assert shown["options"] == [
        {"name": "size", "type": "integer", "default": 3, "bounds": ">= 1, <= 9", "description": "does nothing"}
    ]


def test_show_method_says_what_it_starts_from():
    assert "name=lsgan" in invoke("show", "method", "cyclegan").stdout
    assert json.loads(invoke("show", "method", "cyclegan", "--json").stdout)["defaults"]["loss"] == {"name": "lsgan"}


def test_show_names_the_inner_layers_of_a_network():
    assert "(taps): layer1, layer2, layer3, layer4." in invoke("show", "discriminator", "patch70").stdout
    assert json.loads(invoke("show", "generator", "unet128", "--json").stdout)["taps"][-1] == "down6"
    assert "taps" not in json.loads(invoke("show", "loss", "hinge", "--json").stdout)


def test_show_names_the_section_of_a_pixel_loss():
    assert "--set pixel_loss.OPTION=VALUE" in invoke("show", "loss", "huber").stdout


def test_show_component_without_options():
    assert "It has no options." in invoke("show", "loss", "l1").stdout


def test_show_unknown_name_suggests_the_nearest():
    result = invoke("show", "generator", "resnet99")

    assert result.exit_code == 1
    assert "did you mean 'resnet9'?" in result.stderr


def test_warning_of_a_broken_plugin_is_printed_once(install):
    install("i2i-broken", RAISES)
    result = invoke("show", "loss", "hinge")

    assert result.exit_code == 0
    assert result.stderr.count("no licence found") == 1
    assert "I2I_DISABLE_PLUGINS=broken" in result.stderr


@pytest.mark.parametrize("target", ["i2i-pass", "i2i_pass", "pass"])
def test_check_by_package_or_name(install, target):
    install("i2i-pass", GOOD)
    result = invoke("check", target)

    assert result.exit_code == 0, result.output
    assert "buffer pass (i2i-pass 1.2)" in result.stdout
    assert "  ok      state round trip" in result.stdout
    assert result.stdout.splitlines()[-3:] == [
        "plugin pass (i2i-pass 1.2)",
        "  ok      dependencies",
        "1 component, 14 checks, 0 failed",
    ]


def test_check_says_what_is_broken_and_exits_1(install):
    install("i2i-worse", BREAKS_ITS_CONTRACT)
    result = invoke("check", "worse")

    assert result.exit_code == 1
    assert "  FAILED  as many images: images in [-1, 1] came back as" in result.stdout
    assert "  FAILED  detached: exchange must return detached images" in result.stdout


def test_check_of_a_package_that_does_not_load(install):
    install("i2i-broken", RAISES)
    result = invoke("check", "i2i-broken")

    assert result.exit_code == 1
    assert "FAILED  loads: RuntimeError: no licence found" in result.stdout


def test_check_of_kind_and_name_is_one_component(install):
    install("i2i-hinge", GOOD)
    result = invoke("check", "loss", "hinge")

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].startswith("loss hinge (i2i ")
    assert result.stdout.splitlines()[-1].startswith("1 component, ")


def test_check_of_a_word_that_is_a_package_and_a_component_says_so(install):
    install("i2i-hinge", GOOD)
    first, second, *_ = invoke("check", "hinge").stdout.splitlines()

    assert "a package, which is checked, and of a component: i2i plugins check loss hinge" in first
    assert second == "buffer pass (i2i-hinge 1.2)"


def test_check_of_a_package_that_is_all_of_its_name_says_nothing_more(install):
    install("i2i-pass", GOOD)

    assert "which is checked" not in invoke("check", "pass").stdout
    assert "which is checked" not in invoke("check", "hinge").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["los", "hinge"], "'los' is not one of 'generator'"),
        (["loss", "hinge", "lsgan"], "expected NAME or KIND NAME; got loss hinge lsgan"),
        (["loss", "hinge", "--kind", "loss"], "expected NAME or KIND NAME; got loss loss hinge"),
        (["hinge", "--kind", "los"], "'los' is not one of 'generator'"),
        ([], "Missing argument"),
    ],
)
def test_check_refuses_other_words(words, message):
    result = invoke("check", *words)

    assert result.exit_code == 2
    assert message in result.stderr


def test_check_of_kind_and_unknown_name_suggests_the_nearest():
    result = invoke("check", "loss", "hing")

    assert result.exit_code == 1
    assert "there is no loss called 'hing'; did you mean 'hinge'?" in result.stderr


def test_check_unknown_target_suggests_the_nearest():
    result = invoke("check", "replya")

    assert result.exit_code == 1
    assert "there is no package or component called 'replya'; did you mean 'replay'?" in result.stderr


def test_check_reads_the_data_it_is_given(tmp_path):
    result = invoke("check", "folder", "--data", str(tmp_path / "missing"))

    assert result.exit_code == 1
    assert "FAILED  builds a data set" in result.stdout
    assert "missing" in result.stdout


@pytest.mark.parametrize("words", [["hinge", "--kind", "loss"], ["hinge", "--kind=loss"], ["--kind", "loss", "hinge"]])
def test_check_takes_the_kind_as_an_option_as_it_once_did(words):
    result = invoke("check", *words)

    assert result.exit_code == 0, result.output
    assert "Note: NAME --kind KIND is now KIND NAME" in result.stderr
    assert result.stdout.splitlines()[0].startswith("loss hinge (i2i ")


def test_check_of_a_kind_and_a_package_is_that_kind_of_it(install):
    install("i2i-two", GOOD)

    assert invoke("check", "buffer", "i2i-two").stdout.splitlines()[-1] == "1 component, 13 checks, 0 failed"
    missing = invoke("check", "generator", "i2i-two")
    assert missing.exit_code == 1
    assert "there is no package or component called 'i2i-two' with a generator" in missing.stderr


def test_check_as_json(install):
    install("i2i-worse", BREAKS_ITS_CONTRACT)
    install("i2i-broken", RAISES)

    result = invoke("check", "worse", "--json")
    checked, package = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (package["name"], package["package"], package["ok"]) == ("worse", "i2i-worse", True)
    assert (checked["kind"], checked["name"], checked["ok"]) == ("buffer", "worse", False)
    assert {"name": "state round trip", "ok": True, "message": ""} in checked["results"]
    (broken,) = json.loads(invoke("check", "broken", "--json").stdout)
    assert broken["status"] == "failed"
    assert broken["results"] == [{"name": "loads", "ok": False, "message": "RuntimeError: no licence found"}]


def test_exports_under_check_have_a_limit_of_time():
    result = invoke("check", "generator", "resnet", "--timeout", "0.001", "--json")
    assert result.exit_code == 1
    (checked,) = json.loads(result.stdout)
    failed = {check["name"]: check["message"] for check in checked["results"] if not check["ok"]}
    assert set(failed) == {"export to torch", "export to onnx"}
    assert all("seconds of --timeout were over" in message for message in failed.values())

    wrong = invoke("check", "generator", "resnet", "--timeout", "0")
    assert wrong.exit_code == 2
