"""The first user of each hook through all that a run is good for: ``python benchmarks/first_users.py``.

What stands around the step of a run, such as methods, metrics, observers, readers and exporters, comes through hooks;
each row of :data:`USERS` is a small run with one or two of their first users. It goes through ``i2i run``, ``kill -9``
and ``run --resume``, ``translate``, ``evaluate``, ``export``, ``translate`` with what was exported, and ``serve`` with
an upload by curl; then what its user alone leaves behind is looked at, such as event files. The images are real: the
emoji that ship inside, and the CT and MR images that come with pydicom.

``--only NAME`` takes one row anew. Needs the packages of ``plugins/`` with what they depend on (MLflow whole), the
extras ``export``, ``serve`` and ``track``, and curl. Writes ``benchmarks/results/first_users.json``: each step with its
command and what was found. Times are printed, and mean little, for everything is small.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from journey import EVERY, Journey, killed_and_resumed, latest, measured, require, same_files, served, values_of
from PIL import Image

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
RESULT = HERE / "results" / "first_users.json"
STEPS, SIDE = 8, 64
EMOJI = resources.files("i2i") / "data" / "emoji"
PIX2PIX = ("--method", "pix2pix")
ONE_SIZE = ("--size", f"{SIDE}x{SIDE}")


# ---- what is trained on --------------------------------------------------------------------------------------------


def emoji(style: str, number: int) -> list[Path]:
    """Some of the pictures that ship inside."""
    return sorted(Path(str(EMOJI / style)).glob("*.webp"))[:number]


def pairs(folder: Path) -> Path:
    """Some pairs of the pictures that ship inside."""
    for domain, style in (("A", "flat"), ("B", "3d")):
        for number, path in enumerate(emoji(style, 10)):
            target = folder / f"{'test' if number > 7 else 'train'}{domain}" / path.name
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target)
    return folder


def small(path: Path) -> np.ndarray[Any, Any]:
    """A picture as floats in [0, 1], ``[SIDE, SIDE, 3]``, over white."""
    picture = Image.open(path).convert("RGBA")
    opaque = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return np.asarray(opaque.resize((SIDE, SIDE)), np.float32) / 255


def values(folder: Path, *, suffix: str) -> Path:
    """Pairs of six bands (colours and their slopes down) and one band of floats (the solid picture's lightness)."""
    import tifffile

    pairs = zip(emoji("flat", 10), emoji("3d", 10), strict=True)
    for number, (flat, solid) in enumerate(pairs):
        colours = small(flat)
        bands = np.concatenate([colours, np.abs(np.diff(colours, axis=0, append=colours[-1:]))], axis=2)
        lightness = small(solid).mean(axis=2) * 100
        for domain, found in (("A", bands), ("B", lightness)):
            target = folder / f"{'test' if number > 7 else 'train'}{domain}" / f"{flat.stem}{suffix}"
            target.parent.mkdir(exist_ok=True)
            if suffix == ".npy":
                np.save(target, found)
            elif domain == "A":
                kind = {"photometric": "minisblack", "planarconfig": "contig"}
                tifffile.imwrite(target, np.round(found * 10000).astype(np.uint16), **kind)
            else:
                tifffile.imwrite(target, found, photometric="minisblack")
    return folder


def dicom(folder: Path, *, compressed: bool) -> Path:
    """Parts of pydicom's CT image, and its MR image as it is and mirrored, as DICOM files."""
    import pydicom
    from pydicom.data import get_testdata_file
    from pydicom.uid import RLELossless, generate_uid

    ct, mr = (pydicom.dcmread(str(get_testdata_file(name))) for name in ("CT_small.dcm", "MR_small.dcm"))
    for domain, whole in (("A", ct), ("B", mr)):
        pixels = whole.pixel_array
        corners = [(y, x) for y in range(0, len(pixels), SIDE) for x in range(0, len(pixels), SIDE)]
        parts = [pixels[y : y + SIDE, x : x + SIDE] for y, x in corners]
        turned = [np.ascontiguousarray(np.rot90(part, turn)) for part in parts for turn in range(4)]
        for number, part in enumerate(turned):
            target = folder / f"{'test' if number % 4 == 3 else 'train'}{domain}" / f"{number}.dcm"
            target.parent.mkdir(exist_ok=True)
            whole.Rows, whole.Columns, whole.PixelData = *part.shape, part.tobytes()
            whole.SOPInstanceUID = generate_uid()
            written = pydicom.dcmread(_saved(whole, target))
            if compressed:
                written.compress(RLELossless)
                written.save_as(target)
    return folder


def _saved(image: Any, target: Path) -> Path:
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.save_as(target)
    return target


def table(folder: Path, *, suffix: str) -> Path:
    """A table of pairs of the pictures that ship inside, which stay where they are."""
    pairs = list(zip(emoji("flat", 16), emoji("3d", 16), strict=True))
    rows = [(str(a), str(b), "test" if number > 12 else "train") for number, (a, b) in enumerate(pairs)]
    target = folder / f"pairs{suffix}"
    if suffix == ".csv":
        target.write_text("\n".join(["A,B,split", *map(",".join, rows)]) + "\n", encoding="utf-8")
    else:
        import pyarrow
        import pyarrow.parquet

        columns = dict(zip(("A", "B", "split"), zip(*rows, strict=True), strict=True))
        pyarrow.parquet.write_table(pyarrow.table({name: list(column) for name, column in columns.items()}), target)
    return target


def pictures(folder: Path) -> Path:
    """Pictures of several sizes to translate."""
    for number, (path, size) in enumerate(zip(emoji("line", 3), ((75, 50), (64, 64), (20, 33)), strict=True)):
        Image.open(path).convert("RGB").resize(size).save(folder / f"{number}.png")
    return folder


# ---- what users leave behind ---------------------------------------------------------------------------------------


def logged(name: str, journey: Journey) -> None:
    """Look for a value of that name in the run's log."""
    begin = time.perf_counter()
    lines = [json.loads(line) for line in (journey.run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    found = [line for line in lines if name in json.dumps(line)]
    require(bool(found), f"{journey.name}: {name} is in no line of metrics.jsonl")
    journey.keep("the log", [], f"{name} in {len(found)} lines of metrics.jsonl", begin)


def stopped_early(journey: Journey) -> None:
    """The run ended long before its last step, and the one that was killed at the same."""
    begin, last = time.perf_counter(), int(latest(journey.run).name.removeprefix("step-"))
    require(last < 400, f"{journey.name}: it was not ended early")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(next(journey.run.rglob("events.out.tfevents*")).parent))
    events.Reload()
    tags = events.Tags()
    require(bool(tags["scalars"]) and bool(tags["images"]), f"{journey.name}: the event files hold {tags}")
    found = f"step {last} of 400; event files: {len(tags['scalars'])} curves, {len(tags['images'])} sheets"
    journey.keep("what was left", [], found, begin)


def in_mlflow(journey: Journey) -> None:
    """Both runs are in MLflow, finished, with each step of the log once."""
    from mlflow.tracking import MlflowClient

    config = yaml.safe_load((journey.run / "config.yaml").read_text(encoding="utf-8"))
    (observer,) = config["observers"]
    begin, client = time.perf_counter(), MlflowClient(tracking_uri=observer["tracking_uri"])
    (experiment,) = client.search_experiments(filter_string="name = 'i2i'")
    runs = client.search_runs([experiment.experiment_id])
    require(len(runs) == 2, f"{journey.name}: {len(runs)} runs in MLflow; expected 2, one of them resumed")
    for run in runs:
        losses = [name for name in run.data.metrics if name.startswith("loss/")]
        steps = [each.step for each in client.get_metric_history(run.info.run_id, losses[0])]
        require(steps == list(range(1, STEPS + 1)), f"{journey.name}: MLflow holds the steps {steps}")
        require(run.info.status == "FINISHED", f"{journey.name}: MLflow holds a run that is {run.info.status}")
    journey.keep("MLflow", [], f"2 runs, finished, with {STEPS} steps each", begin)


def timed_by_openvino(journey: Journey) -> None:
    """The command of the same package takes the file."""
    words: list[str | Path] = ["openvino-speed", journey.folder / "model.xml", "--side", str(SIDE), "--repeat", "2"]
    journey.do("openvino-speed", words, lambda output: f"{len(output.splitlines())} lines of times")


def drawn_beside(journey: Journey) -> None:
    """The command of a plugin file draws a picture beside its translation."""
    out = journey.folder / "both.png"
    words: list[str | Path] = ["beside", journey.run, journey.folder / "pictures" / "0.png", "-o", out]
    journey.do("beside", words, lambda _: "{} x {} pixels".format(*Image.open(out).size))


def lpips_weights(folder: Path) -> Path:
    """Weights of the right shapes: the true ones are a download."""
    from i2i_lpips.backbones import make_backbone

    torch.manual_seed(0)
    torch.save(make_backbone("alex").state_dict(), folder / "alex.pth")
    return folder / "alex.pth"


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """A server of MLflow on this machine, and its address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder / 'server.db'}",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 180
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
                break
            except OSError:
                require(process.poll() is None and time.monotonic() < until, (folder / "server.log").read_text())
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


# ---- the rows ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class User:
    """A row: a run with one or two first users.

    Attributes:
        words: of ``i2i run``, besides those that all rows have.
        data: writes what is trained on into a folder, and returns what to give to ``--data``.
        inputs: the files to translate, of that folder, by a pattern; without, pictures of several sizes.
        plugins: titles of one-file plugins in the docs.
        exported: the exported file's suffix.
        export: further words of ``i2i export``; with a size, that of :data:`SIDE`, pictures of others are not given to
            the file.
        not_served: why a server refuses it; empty where it serves it.
        seen: looks at what the user alone leaves behind.
    """

    words: tuple[str, ...]
    data: Callable[[Path], Path] = pairs
    inputs: str = ""
    plugins: tuple[str, ...] = ()
    exported: str = ".pt2"
    export: tuple[str, ...] = ONE_SIZE
    not_served: str = ""
    seen: Callable[[Journey], None] | None = None


GREY = ("--set", "data.channels_A=1", "--set", "data.channels_B=1")
SIX_TO_ONE = ("--set", "data.channels_A=6", "--set", "data.channels_B=1")
MLFLOW = ("--observer", "mlflow", "--set", "observers.mlflow.tracking_uri={mlflow}")

USERS: dict[str, User] = {
    "cut": User(("--method", "cut"), exported=".onnx", export=(), seen=partial(logged, "NCE_identity")),
    "fastcut, adamw": User(
        ("--method", "fastcut", "--optimizer", "adamw", "--set", "optimizer.discriminators.learning_rate=4e-4"),
        seen=partial(logged, "NCE"),
    ),
    "two pixel losses, feature matching": User(
        (
            *(*PIX2PIX, "--pixel-loss", "l1", "--pixel-loss", "charbonnier", "--set", "pixel_loss.1.weight=0.5"),
            *("--set", "method.feature_matching=10"),
        ),
        seen=partial(logged, "charbonnier"),
    ),
    "diffaugment, table (CSV)": User((*PIX2PIX, "--augment", "diffaugment"), partial(table, suffix=".csv")),
    "diffaugment (adapt), table (Parquet)": User(
        (*PIX2PIX, "--augment", "diffaugment", "--set", "augmentations.diffaugment.adapt=true"),
        partial(table, suffix=".parquet"),
        seen=partial(logged, "diffaugment/probability"),
    ),
    "early stopping, tensorboard": User(  # a gain that nothing has: it ends after three evaluations without one
        (
            *(*PIX2PIX, "--steps", "400", "--observer", "early-stopping", "--observer", "tensorboard"),
            *("--set", "observers.early-stopping.patience=3", "--set", "observers.early-stopping.least_gain=1000"),
        ),
        seen=stopped_early,
    ),
    "mlflow (sqlite)": User((*PIX2PIX, *MLFLOW), seen=in_mlflow),
    "mlflow (server), lpips, ms-ssim": User(
        (
            *(*PIX2PIX, *MLFLOW, "--metric", "lpips", "--metric", "ms-ssim", "--image-size", "164"),
            *("--set", "metrics.lpips.weights={weights}", "--set", "metrics.lpips.other_weights=true"),
        ),
        seen=in_mlflow,
    ),
    "dicom": User(
        ("--method", "cyclegan", *GREY),
        partial(dicom, compressed=False),
        inputs="testA",
        export=("--raw", *ONE_SIZE),
        not_served="no pictures",
    ),
    "dicom (compressed)": User(
        ("--method", "cyclegan", *GREY, "--set", "readers.dicom.values=window"),
        partial(dicom, compressed=True),
        inputs="testA",
    ),
    "tiff (six bands)": User(
        (*PIX2PIX, *SIX_TO_ONE),
        partial(values, suffix=".tif"),
        inputs="testA",
        export=("--raw", *ONE_SIZE),
        not_served="no pictures",
    ),
    "npy": User(
        (*PIX2PIX, *SIX_TO_ONE),
        partial(values, suffix=".npy"),
        inputs="testA",
        exported=".onnx",
        export=("--raw", *ONE_SIZE),
        not_served="no pictures",
    ),
    "openvino": User(PIX2PIX, exported=".xml", seen=timed_by_openvino),
    "--plugin FILE, a command": User(
        (*PIX2PIX, "--pixel-loss", "slope"), plugins=("slope.py", "beside.py"), seen=drawn_beside
    ),
}


def written(title: str, folder: Path) -> Path:
    """A one-file plugin, as it stands in the docs."""
    for page in ("one-file-plugin.md", "writing-a-plugin.md"):
        text = (DOCS / page).read_text(encoding="utf-8")
        if found := re.search(rf'```python title="{re.escape(title)}"\n(.*?)```', text, re.DOTALL):
            (folder / title).write_text(found[1], encoding="utf-8")
            return folder / title
    raise SystemExit(f"the docs hold no {title}")


def go(name: str, user: User, folder: Path, addresses: dict[str, str]) -> Journey:
    """Take one row through everything."""
    data, given = (folder / each for each in ("data", "pictures"))
    for path in (data, given):
        path.mkdir()
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    journey = Journey(name, folder, environment, tuple(written(title, folder) for title in user.plugins))
    root = user.data(data)
    given = data / user.inputs if user.inputs else pictures(given)
    settings = [f"training.checkpoint_every={EVERY}", "training.log_every=1", "training.keep=9"]
    settings += ["training.evaluation_images=2", "generator.base_channels=8", "discriminator.base_channels=8"]
    usual = {"--generator": "resnet6", "--steps": str(STEPS), "--image-size": str(SIDE), "--device": "cpu"}
    words: list[str | Path] = [
        *("run", "--data", root, *(word for setting in settings for word in ("--set", setting))),
        *(word for option, value in usual.items() if option not in user.words for word in (option, value)),
        *(word.format(**addresses) for word in user.words),
    ]
    killed_and_resumed(journey, words)
    first, file, again = folder / "translated", folder / f"model{user.exported}", folder / "again"
    count = len(list(given.iterdir()))

    def all_there(_: str) -> str:
        shapes = [values_of(path).shape for path in sorted(first.iterdir())]
        require(len(shapes) == count, f"{name}: {len(shapes)} of {count} files were translated")
        return f"{count} files, {', '.join('x'.join(map(str, shape)) for shape in dict.fromkeys(shapes))}"

    journey.do("translate", ["translate", journey.run, given, "--device", "cpu", "-o", first], all_there)
    journey.do("evaluate", ["evaluate", journey.run, "--device", "cpu", "--metrics", "pairs", "--json"], measured)
    journey.do("export", ["export", journey.run, "-o", file, *user.export], lambda _: "checked by i2i export")
    only = given / "1.png" if "--size" in user.export and not user.inputs else given
    translate: list[str | Path] = ["translate", file, only, "--device", "cpu", "-o", again]
    journey.do(f"translate with {user.exported}", translate, lambda _: same_files(again, first))
    if user.not_served:
        journey.refused("serve", ["serve", journey.run, "--port", "0", "--device", "cpu"], user.not_served)
    else:
        picture = min(given.iterdir())
        served(journey, picture, first / picture.name)
    if user.seen:
        user.seen(journey)
    return journey


def main() -> None:
    """Take all rows, or one, through everything, and keep how it went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(USERS), action="append", help="this row alone; repeat for several")
    parser.add_argument("--no-result", action="store_true", help="write no file")
    options = parser.parse_args()
    result: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8")) if options.only and RESULT.exists() else {}
    result |= {"torch": torch.__version__, "machine": platform.machine(), "users": result.get("users", {})}
    with tempfile.TemporaryDirectory(prefix="i2i-first-users-") as temporary:
        for number, name in enumerate(options.only or USERS):
            folder = Path(temporary, str(number))
            folder.mkdir()
            asked = USERS[name].words
            addresses = {"weights": str(lpips_weights(folder)) if "lpips" in asked else ""}
            with mlflow_server(folder) if "server" in name else nullcontext(f"sqlite:///{folder}/mlflow.db") as address:
                journey = go(name, USERS[name], folder, {**addresses, "mlflow": address})
            result["users"][name] = journey.steps
            if not options.no_result:
                RESULT.write_text(f"{json.dumps(result, indent=2)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
