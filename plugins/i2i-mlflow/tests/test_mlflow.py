"""The contract of every observer, and what MLflow has of a run, in a data base and on a server."""

from __future__ import annotations

import json
import math
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from i2i_mlflow.plugin import MlflowOptions, build, i2i_observers
from PIL import Image

import i2i
from i2i.errors import ConfigError
from i2i.plugins.manager import PluginManager
from i2i.plugins.protocols import ObservedRun
from i2i.testing import SMALL_RUN, check_observer, write_pairs

mlflow = pytest.importorskip("mlflow")
pytest.importorskip("sqlalchemy", reason="pip install mlflow: mlflow-skinny has no data base of its own")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

(SPEC,) = i2i_observers()
CONFIG = {
    "training": {"seed": 0, "steps": None, "device": "cpu"},
    "discriminator": [{"name": "patch70"}, {"name": "pixel", "layers": 2}],
    "augmentations": [],
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A data base, made once: that takes seconds."""
    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    mlflow.MlflowClient(uri).create_experiment("i2i", artifact_location=(folder / "files").as_uri())
    return uri


@pytest.fixture(autouse=True)
def default_store(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)


def observer(**options: Any) -> Any:
    return SPEC.build(MlflowOptions(**options))


def observed(folder: Path, step: int = 0, config: Any = CONFIG) -> ObservedRun:
    folder.mkdir(exist_ok=True)
    return ObservedRun(folder, config, step, {})


def run_of(folder: Path, uri: str) -> Any:
    return mlflow.MlflowClient(uri).get_run(json.loads((folder / "mlflow.json").read_text())["run"])


def history(folder: Path, uri: str, key: str) -> list[tuple[int, float]]:
    client = mlflow.MlflowClient(uri)
    found = client.get_metric_history(run_of(folder, uri).info.run_id, key)
    return sorted((value.step, value.value) for value in found)


def files(folder: Path, uri: str, path: str | None = None) -> list[str]:
    client, name = mlflow.MlflowClient(uri), run_of(folder, uri).info.run_id
    return [each.path for each in client.list_artifacts(name, path)]


def test_it_keeps_the_contract_of_an_observer() -> None:
    check_observer(SPEC)


def test_the_installed_package_registers_it() -> None:
    assert PluginManager(environ={}).find("observer", "mlflow").plugin.package == "i2i-mlflow"


def test_the_module_that_i2i_loads_imports_no_mlflow() -> None:
    code = "import sys, i2i_mlflow.plugin; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_run_has_its_configuration_values_metrics_and_sheets(tmp_path: Path, store: str) -> None:
    made, folder = observer(), tmp_path / "few"
    made.started(observed(folder))
    sheet = folder / "sheet.png"
    Image.new("RGBA", (6, 4), (255, 0, 0, 0)).save(sheet)
    made.pictured(0, {"AtoB": sheet})
    made.logged(2, {"loss/G_A": 1.5, "learning_rate": 2e-4})
    made.evaluated(2, {"AtoB": {"l1": 18.0, "psnr": math.inf}, "BtoA": {"l1": math.nan}})
    made.ended(SimpleNamespace(finished=True))

    run = run_of(folder, store)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "few")
    assert run.data.tags["i2i.folder"] == str(folder)
    assert run.data.params == {
        "training.seed": "0",
        "training.steps": "none",
        "training.device": "cpu",
        "discriminator.0.name": "patch70",
        "discriminator.1.name": "pixel",
        "discriminator.1.layers": "2",
        "augmentations": "[]",
    }
    assert history(folder, store, "loss/G_A") == [(2, 1.5)]
    assert history(folder, store, "AtoB/l1") == [(2, 18.0)]
    assert math.isnan(run.data.metrics["BtoA/l1"])
    assert "config.json" in files(folder, store)
    (picture,) = [path for path in files(folder, store, "images") if path.endswith(".png")]
    local = mlflow.artifacts.download_artifacts(
        run_id=run.info.run_id, artifact_path=picture, dst_path=str(tmp_path), tracking_uri=store
    )
    with Image.open(local) as shown:
        assert (shown.size, shown.convert("RGB").getpixel((0, 0))) == ((6, 4), (255, 255, 255))


def test_a_killed_run_goes_on_as_one_run_and_logs_no_step_twice(tmp_path: Path, store: str) -> None:
    first, folder = observer(), tmp_path / "killed"
    first.started(observed(folder))
    for step in (1, 2, 3):
        first.logged(step, {"loss/G": step / 10})
    before = run_of(folder, store).info.run_id

    longer = {**CONFIG, "training": {"seed": 0, "steps": 99, "device": "cuda"}}
    second = observer()
    second.started(observed(folder, 1, longer))
    for step in (2, 3, 4):
        second.logged(step, {"loss/G": step / 10, "learning_rate": 0.5})
    second.ended(SimpleNamespace(finished=False))

    run = run_of(folder, store)
    assert (run.info.run_id, run.info.status) == (before, "KILLED")
    assert history(folder, store, "loss/G") == [(1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4)]
    assert history(folder, store, "learning_rate") == [(2, 0.5), (3, 0.5), (4, 0.5)]
    assert run.data.params["training.device"] == "cpu", "parameters are those that it began with"
    kept = mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/config.json")
    assert kept["training"]["device"] == "cuda"


def test_a_run_that_is_gone_from_mlflow_begins_anew(tmp_path: Path, store: str) -> None:
    folder = tmp_path / "gone"
    observer().started(observed(folder))
    before = run_of(folder, store).info.run_id
    mlflow.MlflowClient(store).delete_run(before)
    observer().started(observed(folder, 3))
    assert run_of(folder, store).info.run_id != before


def test_it_resumes_in_its_data_base_from_any_folder(
    tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    observer(tracking_uri=store).started(observed(folder))
    before = run_of(folder, store).info.run_id
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.chdir(tmp_path)
    observer().started(observed(folder, 1))
    assert run_of(folder, store).info.run_id == before
    assert not (tmp_path / "mlflow.db").exists()


def test_a_run_that_fails_says_why(tmp_path: Path, store: str) -> None:
    made, folder = observer(), tmp_path / "failed"
    made.started(observed(folder))
    made.failed(7, "the disk is full")
    run = run_of(folder, store)
    assert run.info.status == "FAILED"
    assert run.data.tags["i2i.failed"] == "after step 7: the disk is full"


def test_names_that_mlflow_refuses_are_told_apart_all_the_same(tmp_path: Path, store: str) -> None:
    made, folder = observer(), tmp_path / "names"
    made.started(observed(folder))
    made.logged(1, {"FID@2048": 1.0, "FID^2048": 2.0, "/a//b/../c": 3.0, "ü" * 300: 4.0, "kid": 5.0})
    metrics = run_of(folder, store).data.metrics
    assert sorted(metrics.values()) == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert metrics["FID_2048"] == 1.0
    assert metrics["FID_2048_2"] == 2.0
    assert metrics["a/b/c"] == 3.0


@pytest.mark.parametrize("uri", ["file:///tmp/mlruns", "mlruns"])
def test_a_folder_is_refused_before_training(uri: str) -> None:
    with pytest.raises(ConfigError, match=r"tracking_uri must name a server or a data base"):
        observer(tracking_uri=uri)


def test_a_data_base_without_the_packages_for_it_is_refused_before_training(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install mlflow; or give it a server"):
        observer(tracking_uri=store)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("data"))


def train_and_resume(pairs: Path, folder: Path, uri: str) -> None:
    """Two steps, then one more, and what MLflow has of them."""
    more = {**SMALL_RUN, "data.mode": "none", "observers.mlflow.tracking_uri": uri}
    i2i.run(pairs, observer="mlflow", steps=2, out=folder, set=more)
    i2i.run(resume=folder, steps=3)
    run = run_of(folder, uri)
    assert run.info.status == "FINISHED"
    assert run.data.params["generator.base_channels"] == str(SMALL_RUN["generator.base_channels"])
    assert [step for step, _ in history(folder, uri, "loss/G")] == [1, 2, 3]
    assert [step for step, _ in history(folder, uri, "AtoB/l1")] == [2, 3]
    assert files(folder, uri, "images")


def test_a_run_and_its_resume_are_one_run_in_a_data_base(pairs: Path, tmp_path: Path, store: str) -> None:
    train_and_resume(pairs, tmp_path / "run", store)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{tmp_path / 'server.db'}"]
    command += ["--artifacts-destination", str(tmp_path / "files")]
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, (tmp_path / "server.log").read_text()
                assert time.monotonic() < until, (tmp_path / "server.log").read_text()
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.slow
def test_a_run_and_its_resume_are_one_run_on_a_server(
    pairs: Path, tmp_path: Path, server: str, capfd: pytest.CaptureFixture[str]
) -> None:
    train_and_resume(pairs, tmp_path / "run", server)
    assert capfd.readouterr().out == "", "standard output is for --json"


def test_mlflow_that_is_not_there_is_to_be_installed(monkeypatch):
    monkeypatch.delitem(sys.modules, "i2i_mlflow.observer", raising=False)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ConfigError, match="not installed here: pip install mlflow-skinny"):
        build(MlflowOptions())
