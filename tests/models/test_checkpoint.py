import ast
import json
import os
import signal
from pathlib import Path

import pytest
import torch

import i2i
from i2i.errors import CheckpointError, RunFolderError
from i2i.models.checkpoint import CheckpointFolder, open_checkpoint

from ..helpers.running import DieAt

DESCRIPTION = {"world_size": 1, "metrics": {}}


def state_of(step):
    return {"number": step, "tensor": torch.full((3,), float(step)), "nested": [{"x": torch.arange(step)}, None, 0.1]}


def write(folder, step, score=None, world_size=1):
    for rank in range(world_size):
        folder.write_rank(step, rank, {"rank": rank, **state_of(step)})
    description = {**DESCRIPTION, "step": step, "score": None, "world_size": world_size}
    written = folder.write(step, description, {"G": {"w": torch.full((2, 2), step)}}, state_of(step), world_size)
    folder.judge(written, {}, score, 0)
    return open_checkpoint(written.path)


def assert_whole(checkpoint):
    step = checkpoint.step
    assert torch.equal(checkpoint.generator_weights("G")["w"], torch.full((2, 2), step))
    for state in (checkpoint.training_state(), checkpoint.rank_state(0)):
        assert state["number"] == step
        assert torch.equal(state["tensor"], torch.full((3,), float(step)))
        assert torch.equal(state["nested"][0]["x"], torch.arange(step))
        assert state["nested"][1:] == [None, 0.1]


def names_in(path):
    return sorted(file.name for file in path.iterdir())


def test_what_is_written_is_read_back(tmp_path):
    folder = CheckpointFolder(tmp_path / "checkpoints", keep=2)
    assert folder.latest() is None
    assert folder.best() is None
    assert folder.all() == []
    written = write(folder, 5, world_size=2)
    assert_whole(written)
    assert_whole(folder.latest())
    assert written.rank_state(1)["rank"] == 1
    assert written.rank_state(2) is None
    assert names_in(folder.path) == ["latest", "step-00000005"]


def test_the_newest_and_the_best_are_kept(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=2)
    scores = {1: 5.0, 2: 2.0, 3: 4.0, 4: 2.0, 5: 3.0, 6: None}
    for step, score in scores.items():
        write(folder, step, score)
        best = min((scores[past], past) for past in range(1, step + 1) if scores[past] is not None)[1]
        assert folder.best().step == best, "the lowest score, the earlier of two equal ones"
        assert folder.latest().step == step
        kept = {*range(max(1, step - 1), step + 1), best}
        assert [checkpoint.step for checkpoint in folder.all()] == sorted(kept)
        assert names_in(tmp_path) == ["best", "latest", *(f"step-{number:08d}" for number in sorted(kept))]


@pytest.mark.parametrize("keep", [1, 3])
def test_as_many_as_asked_for_are_kept_without_scores(tmp_path, keep):
    folder = CheckpointFolder(tmp_path, keep)
    for step in range(1, 6):
        write(folder, step)
    assert [checkpoint.step for checkpoint in folder.all()] == list(range(6 - keep, 6))
    assert folder.best() is None


def test_killed_at_every_point_of_a_write_the_old_or_the_new_one_is_there(tmp_path):
    """The child dies before its n-th change on the disk, for every n until it comes through."""
    for calls in range(1, 100):
        folder = CheckpointFolder(tmp_path / str(calls), keep=1)
        write(folder, 1, score=2.0)
        pid = os.fork()
        if pid == 0:
            DieAt(calls)()
            write(folder, 2, score=1.0)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert code in (0, -signal.SIGKILL)
        assert_whole(folder.latest())
        for checkpoint in folder.all():
            assert_whole(checkpoint)
        folder.clean()
        newest = folder.latest()
        scores = {checkpoint.step: checkpoint.score for checkpoint in folder.all() if checkpoint.score is not None}
        assert folder.best().step == min(scores, key=scores.get), "linked even when the kill came before the link"
        assert (folder.path / "latest").resolve() == newest.path.resolve()
        assert not [name for name in names_in(folder.path) if name.startswith(".")]
        if code == 0:
            assert newest.step == 2
            assert calls > 15, "the calls were not counted"
            return
    raise AssertionError("a write never comes through")


def test_a_write_that_fails_names_the_folder_and_leaves_the_last_one(tmp_path):
    folder = CheckpointFolder(tmp_path / "run" / "checkpoints", keep=1)
    write(folder, 1)
    folder.write_rank(2, 0, {})
    broken = {"G": {"w": torch.zeros(2)}, "no/such/folder": {"w": torch.zeros(2)}}
    with pytest.raises(RunFolderError) as raised:
        folder.write(2, DESCRIPTION, broken, {}, 1)
    for part in ("step 2", str(folder.path), "step-00000001, is intact", f"i2i run --resume {tmp_path / 'run'}"):
        assert part in str(raised.value)
    assert_whole(folder.latest())
    assert names_in(folder.path) == ["latest", "step-00000001"]


def damage(path, how):
    if how == "missing":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "truncated":
        path.write_bytes(path.read_bytes()[:-5])
    elif how == "truncated header":
        path.write_bytes(path.read_bytes()[:20])
    elif how == "nonsense":
        path.write_bytes(b"\xff\xfe nonsense")
    elif how == "another type":
        path.write_text("[1, 2]")


@pytest.mark.parametrize("how", ["missing", "empty", "truncated", "truncated header", "nonsense", "another type"])
@pytest.mark.parametrize(
    "name",
    ["checkpoint.json", "G.safetensors", "training.json", "training.safetensors", "rank-0.json", "rank-0.safetensors"],
)
def test_a_damaged_file_is_named(tmp_path, name, how):
    folder = CheckpointFolder(tmp_path, keep=1)
    damage(write(folder, 1).path / name, how)
    with pytest.raises(CheckpointError) as raised:
        assert_whole(folder.latest())
    assert name in str(raised.value)
    assert str(tmp_path / "step-00000001") in str(raised.value)
    assert "use another checkpoint of the run" in str(raised.value)


def test_a_lost_tensor_is_named(tmp_path):
    checkpoint = write(CheckpointFolder(tmp_path, keep=1), 1)
    (checkpoint.path / "rank-0.safetensors").rename(checkpoint.path / "training.safetensors")
    with pytest.raises(CheckpointError, match=r"training\.safetensors is damaged: it lacks the tensor 'training"):
        checkpoint.training_state()


@pytest.mark.parametrize("version", [2, 0, None, "1"])
def test_another_format_is_refused(tmp_path, version):
    checkpoint = write(CheckpointFolder(tmp_path, keep=1), 1)
    description = {**checkpoint.description, "format": version}
    (checkpoint.path / "checkpoint.json").write_text(json.dumps(description))
    with pytest.raises(CheckpointError, match=r"this i2i reads format 1.*install --upgrade i2i"):
        open_checkpoint(checkpoint.path)


def test_a_description_without_a_step_is_refused(tmp_path):
    checkpoint = write(CheckpointFolder(tmp_path, keep=1), 1)
    (checkpoint.path / "checkpoint.json").write_text('{"format": 1, "world_size": 1}')
    with pytest.raises(CheckpointError, match=r"checkpoint\.json is damaged: step or world_size is missing"):
        open_checkpoint(checkpoint.path)


def test_no_module_unpickles():
    """Nothing unpickles more than weights; only the checks for plugin authors pickle, what they made themselves."""
    forbidden = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    package = Path(i2i.__file__).parent
    for path in set(package.rglob("*.py")) - set((package / "testing").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not forbidden & {alias.name.partition(".")[0] for alias in node.names}, path
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] not in forbidden, path
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "np.load", "numpy.load"):
                given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert given.get("weights_only") == "True" or ast.unparse(node.func) != "torch.load", path
                assert "allow_pickle" not in given, path


def test_a_folder_of_another_name_is_no_checkpoint(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=2)
    written = write(folder, 9)
    written.path.rename(tmp_path / "step-00000010.damaged")
    write(folder, 8)
    assert folder.latest().step == 8
    assert [checkpoint.step for checkpoint in folder.all()] == [8]


def test_the_newest_can_be_taken_back(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=2)
    write(folder, 1, score=3.0)
    newest = write(folder, 2, score=2.0)
    folder.remove(newest)
    assert (folder.latest().step, folder.best().step) == (1, 1)
    folder.remove(folder.latest())
    assert not names_in(tmp_path)


def test_an_infinite_metric_is_valid_json_and_comes_back(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=1)
    written = write(folder, 1)
    folder.judge(written, {"AtoB": {"psnr": float("inf"), "l1": 0.0}}, 0.0, 3)
    text = (written.path / "checkpoint.json").read_text()
    assert "Infinity" not in text
    assert folder.latest().metrics == {"AtoB": {"psnr": float("inf"), "l1": 0.0}}
