"""The page on hooks names every hook, every field of every spec and every member of every protocol."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

import pytest

from i2i.plugins import exporter_protocol, hookspecs, image_formats, protocols
from i2i.plugins.hookspecs import HOOKS
from i2i.plugins.specs import Spec

PAGE = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
COMMON = [field.name for field in dataclasses.fields(Spec)]
PROTOCOLS = {
    "i2i_losses": [protocols.AdversarialLoss, protocols.PenalisedLoss, protocols.SteppedLoss],
    "i2i_buffers": [protocols.Buffer],
    "i2i_methods": [protocols.Method, protocols.Parts, protocols.Update],
    "i2i_datasets": [protocols.Dataset, protocols.Sample],
    "i2i_metrics": [protocols.SetMetric],
    "i2i_observers": [protocols.RunObserver, protocols.ObservedRun],
    "i2i_augmentations": [protocols.AdaptiveAugmentation],
    "i2i_readers": [image_formats.ImageReader, image_formats.ImageHeader, image_formats.ReadImage],
    "i2i_exporters": [
        exporter_protocol.Exporter,
        exporter_protocol.ReadingExporter,
        exporter_protocol.PreparingExporter,
        exporter_protocol.TracedTranslator,
        exporter_protocol.OpenedFile,
    ],
}


def rows(section: str) -> dict[str, list[str]]:
    """The rows of all tables in a section, by each name in their first cell."""
    found = {}
    for line in SECTIONS[section].splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            for name in re.findall(r"`(\w+)`", cells[0]):
                found[name] = cells[1:]
    return found


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_has_a_section_with_its_exact_signature(hook: str) -> None:
    signature = str(inspect.signature(getattr(hookspecs, hook), eval_str=False)).replace("'", "")
    assert f"```python\ndef {hook}{signature}: ...\n```" in SECTIONS[hook]
    assert f"[`{hook}`](#{hook})" in PAGE


@pytest.mark.parametrize("hook", HOOKS)
def test_each_section_names_its_spec_and_the_signature_of_build(hook: str) -> None:
    spec_type = HOOKS[hook]
    signature = re.search(r"``(build\(.*?\))", spec_type.__doc__ or "")
    assert signature is not None
    assert f"`{spec_type.__name__}`: `{signature[1]} ->" in SECTIONS[hook]


@pytest.mark.parametrize("hook", HOOKS)
def test_each_field_of_a_spec_has_a_row_and_required_ones_say_so(hook: str) -> None:
    described = rows(hook)
    for field in dataclasses.fields(HOOKS[hook]):
        assert field.name in described
        if field.name not in COMMON:
            required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
            assert (described[field.name][1] == "required") == required, field.name


def test_the_common_fields_are_described_once() -> None:
    described = rows("What every spec has")
    assert list(described) == COMMON
    assert {name for name, cells in described.items() if cells[1] == "required"} == {"name", "summary", "build"}


def test_no_section_describes_what_does_not_exist() -> None:
    assert [title for title in SECTIONS if title.startswith("i2i_")] == list(HOOKS)


@pytest.mark.parametrize("hook", PROTOCOLS)
def test_each_member_of_a_protocol_is_named(hook: str) -> None:
    for protocol in PROTOCOLS[hook]:
        members = {name for name in [*vars(protocol), *inspect.get_annotations(protocol)] if not name.startswith("_")}
        for name in members:
            assert re.search(rf"`{name}\b", SECTIONS[hook]), f"{protocol.__name__}.{name}"
