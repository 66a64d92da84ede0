import json
import re
from datetime import datetime

import pytest
import yaml

from i2i.api import resolve
from i2i.errors import RunFolderError
from i2i.training.records import run_folder
from i2i.training.records.run_folder import RunFolder

from ...helpers.running import SERVER


@pytest.fixture(scope="module")
def config():
    return resolve("pictures/my horses & zebras", generator="resnet6", steps=3)


def test_a_new_folder_holds_the_configuration_and_the_environment(tmp_path, config):
    folder = RunFolder.create(tmp_path / "deep" / "run", config)
    assert yaml.safe_load(folder.config_file.read_text()) == config.to_dict() == folder.config_values()
    facts = json.loads((folder.path / "environment.json").read_text())
    assert {"i2i", "python", "torch", "system", "threads"} <= set(facts)
    assert folder.is_new


def test_without_out_each_run_gets_a_readable_name_of_its_own(tmp_path, config, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Noon(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 1, 31, 12, 0, 5, tzinfo=tz)

    monkeypatch.setattr(run_folder, "datetime", Noon)
    names = [RunFolder.create(None, config).path.name for _ in range(3)]
    first = "20260131-120005-cyclegan-resnet6-my-horses-zebras"
    assert names == [first, f"{first}-2", f"{first}-3"]
    assert all((tmp_path / "runs" / name / "config.yaml").exists() for name in names)


def test_an_empty_folder_is_taken(tmp_path, config):
    assert RunFolder.create(tmp_path, config).path == tmp_path


@pytest.mark.parametrize("run", [True, False])
def test_a_folder_in_use_is_refused_with_the_ways_on(tmp_path, config, run):
    (tmp_path / ("config.yaml" if run else "holiday.jpg")).write_text("mine")
    with pytest.raises(RunFolderError) as raised:
        RunFolder.create(tmp_path, config)
    assert f"--out {tmp_path} exists and is not empty" in str(raised.value)
    assert "pick another --out" in str(raised.value)
    assert (f"i2i run --resume {tmp_path}" in str(raised.value)) is run
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("place", ["/proc/run", "file", "file/run"])
def test_a_place_that_cannot_be_written_is_named(tmp_path, config, place):
    (tmp_path / "file").write_text("")
    path = tmp_path / place
    with pytest.raises(RunFolderError, match=f"--out {re.escape(str(path))} cannot be written: .*; pick another"):
        RunFolder.create(path, config)


def test_a_discarded_folder_is_free_again(tmp_path, config):
    for _ in range(2):
        RunFolder.create(tmp_path / "run", config).discard()
        assert not (tmp_path / "run").exists()
    folder = RunFolder.create(tmp_path / "run", config)
    (folder.path / "holiday.jpg").write_text("mine")
    folder.discard()
    assert [path.name for path in folder.path.iterdir()] == ["holiday.jpg"], "what others put there stays"


def hold(path, config, held, done):
    folder = RunFolder.create(path, config)
    held.set()
    done.wait(60)
    folder.unlock()


def test_two_processes_do_not_train_in_one_folder(tmp_path, config, monkeypatch):
    monkeypatch.setattr(run_folder, "ORPHANS_SECONDS", 0.1)
    held, done = SERVER.Event(), SERVER.Event()
    other = SERVER.Process(target=hold, args=(tmp_path / "run", config, held, done))
    other.start()
    assert held.wait(60)
    with pytest.raises(RunFolderError, match="in use by another process that trains in it; wait for its end"):
        RunFolder.open(tmp_path / "run")
    done.set()
    other.join(60)
    RunFolder.open(tmp_path / "run").unlock()


def test_opening_a_run_removes_what_a_killed_process_left_half_written(tmp_path, config):
    RunFolder.create(tmp_path / "run", config).unlock()
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    (tmp_path / "run" / ".components.json.writing").write_text("[")

    RunFolder.open(tmp_path / "run").unlock()

    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == names


def test_opening_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match=r"config\.yaml is missing; expected a run folder made by i2i run"):
        RunFolder.open(tmp_path)


@pytest.mark.parametrize("content", [b"a: [1", b"\xff\xff"])
def test_a_damaged_configuration_is_named(tmp_path, content):
    (tmp_path / "config.yaml").write_bytes(content)
    with pytest.raises(RunFolderError, match=r"(?s)config\.yaml is damaged: .*checkpoint\.json"):
        RunFolder(tmp_path).config_values()


def test_later_steps_and_a_torn_line_are_forgotten(tmp_path):
    folder = RunFolder(tmp_path)
    for step in (1, 2, 3, 4):
        folder.append_metrics({"kind": "train", "step": step})
    with folder.metrics_file.open("a") as file:
        file.write('{"kind": "tra')
    for step in (0, 2, 4):
        sheet = folder.samples / "AtoB" / f"step-{step:08d}.png"
        sheet.parent.mkdir(parents=True, exist_ok=True)
        sheet.write_bytes(b"")
    folder.forget_after(2)
    lines = folder.metrics_file.read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]
    assert sorted(path.name for path in (folder.samples / "AtoB").iterdir()) == [
        "step-00000000.png",
        "step-00000002.png",
    ]
    folder.forget_after(0)
    assert folder.metrics_file.read_text() == ""


def test_metrics_that_cannot_be_written_name_the_file_and_the_way_on(tmp_path):
    folder = RunFolder(tmp_path)
    folder.metrics_file.mkdir()
    with pytest.raises(RunFolderError, match=r"metrics\.jsonl cannot be written: .*--resume"):
        folder.append_metrics({"step": 1})
