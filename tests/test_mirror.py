"""``tests/`` mirrors ``i2i/``: whoever changes a file finds its tests by its name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import i2i

PACKAGE = Path(i2i.__file__).parent
TESTS = Path(__file__).parent

TESTED_ELSEWHERE: dict[str, str] = {
    "api/run_comparison.py": "comparing/test_side_by_side.py: compare as a user calls it",
    "api/training.py": "training: runs are its tests",
    "api/using.py": "test_api.py: load, evaluate and export as a user calls them",
    "benchmarking/training_step.py": "benchmarking/test_benchmarked_networks.py: their step",
    "builtin/buffers/__init__.py": "builtin/test_plugin.py: names and options",
    "builtin/datasets/__init__.py": "builtin/datasets/test_folder.py: the options of the one data set there is",
    "builtin/datasets/folder_notes.py": "builtin/datasets/test_folder.py: by the notes of folders",
    "builtin/exporters/__init__.py": "exporting/test_formats.py: they are chosen there",
    "builtin/exporters/onnx_format.py": "translation/test_exported.py: every file is opened by it",
    "builtin/exporters/torch_format.py": "translation/test_exported.py: likewise",
    "builtin/network_options.py": "builtin/test_generators.py: options that the networks share",
    "cli/translation_report.py": "cli/test_translate_command.py: by what is printed",
    "diagnosis.py": "cli/test_doctor_command.py: by what is printed",
    "comparing/unseen_images.py": "comparing/test_side_by_side.py: by the images that are measured",
    "evaluation/run_baselines.py": "evaluation/test_measurement.py: by what a measured run is compared with",
    "evaluation/translations.py": "evaluation/test_measurement.py: by the numbers of a translator",
    "exporting/onnx_norm.py": "exporting/test_exact_norm.py: by the file's own numbers",
    "exporting/standalone/run_torch.py": "exporting/test_exporter.py: every export is checked by it",
    "images/limits.py": "nothing: a number and a type",
    "images/video/opening.py": "images/video/test_streams.py: by the videos that are opened",
    "plugins/exporter_protocol.py": "nothing: types alone",
    "plugins/hookspecs.py": "docs/test_hooks_page.py: the page and the hooks are the same",
    "plugins/image_formats.py": "nothing: types alone",
    "plugins/protocols.py": "nothing: types alone",
    "serving/app.py": "serving/test_api.py: as a client sees it",
    "serving/messages.py": "serving/test_worker.py: by what passes between the processes",
    "serving/service.py": "serving/test_connections.py: as a client sees it",
    "translation/observer.py": "api/test_file_translation.py: by what it is told",
    "translation/tiles/traced_operators.py": "translation/tiles/test_graph.py: by the graphs they become part of",
}
"""Each source file without a test of its name: the test, or folder of tests, that would fail if it broke, or
``nothing`` to test; then why."""


def sources() -> list[str]:
    """Every file of the package that computes something: a room's ``__init__`` counts where it defines a name."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE).as_posix()
        defines = any(
            isinstance(node, ast.FunctionDef | ast.ClassDef) for node in ast.parse(path.read_text("utf-8")).body
        )
        if "templates" not in path.parts and (defines or path.stem not in ("__init__", "__main__", "_version")):
            found.append(relative)
    return found


def mirror_of(source: str) -> Path:
    path = Path(source)
    if path.name == "__init__.py":
        path = path.parent
    return TESTS / path.parent / f"test_{path.stem}.py"


@pytest.mark.parametrize("source", sources())
def test_every_file_has_a_test_of_its_name_or_a_line_that_says_where_it_is_tested(source: str) -> None:
    mirror = mirror_of(source)
    if source not in TESTED_ELSEWHERE:
        name = mirror.relative_to(TESTS.parent)
        assert mirror.is_file(), f"i2i/{source} has no {name}; write it, or say in TESTED_ELSEWHERE what tests the file"
        return
    assert not mirror.exists(), f"i2i/{source} has its test; its line in TESTED_ELSEWHERE may go"
    place, _, reason = TESTED_ELSEWHERE[source].partition(": ")
    assert reason, "a line says where, and after a colon why"
    assert place == "nothing" or (TESTS / place).exists(), f"there is no tests/{place}"


def test_no_line_is_about_a_file_that_is_gone() -> None:
    assert set(TESTED_ELSEWHERE) <= set(sources())


def test_every_slow_test_that_is_listed_is_there() -> None:
    lines = (TESTS / "slow.txt").read_text("utf-8").splitlines()
    for line in lines:
        if line and not line.startswith("#"):
            file, _, names = line.partition("::")
            source = (TESTS.parent / file).read_text("utf-8")
            assert f"def {names.rpartition('::')[2]}(" in source, f"{line}: take the line out of tests/slow.txt"
