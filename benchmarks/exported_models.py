"""Exported files beside the translator: ``python benchmarks/exported_models.py``.

Two questions:

- How many levels of 0..255 does a white page with a few marks, and one of a single colour, come out differently from
  ``i2i translate``? Asked of ONNX Runtime, OpenVINO in f32, OpenCV and the ``.pt2`` file, of the norm that these
  programs have themselves (``own norm``: the file as i2i 0.1.0 wrote it) as well as of the one that i2i writes; and of
  ONNX Runtime for the web where ``--web FOLDER`` names one in which ``npm install onnxruntime-web`` was done (``node``
  runs it).
- How fast is the file beside the one with the own norm? They take turns, so that a machine that gets busy hurts both.

Writes ``benchmarks/results/exported_models.json``. ``--accuracy`` and ``--speed`` do one of them; speed wants a quiet
machine. OpenVINO and OpenCV are measured where they are installed: ``pip install openvino opencv-python-headless``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
import torch

import i2i
from i2i.exporting import comparison, exporter, onnx_file
from i2i.exporting.comparison import page

RESULT = Path(__file__).parent / "results" / "exported_models.json"
MODEL = "sample:flat-3d"
OWN, EXACT = "own norm", "i2i"
NODE = """
import ort from 'onnxruntime-web'; import fs from 'fs';
const [,, model, side, input, output] = process.argv;
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(model, {executionProviders: ['wasm']});
const images = new ort.Tensor('uint8', new Uint8Array(fs.readFileSync(input)), [1, +side, +side, 3]);
fs.writeFileSync(output, (await session.run({images}))[session.outputNames[0]].data);
"""
Image = npt.NDArray[np.uint8]
Call = Callable[[Image], Image]


def export_both(folder: Path) -> dict[str, Path]:
    """The ONNX file as it is, and with the operators that i2i 0.1.0 wrote, without a check."""
    paths = {EXACT: folder / "exact.onnx", OWN: folder / "own.onnx"}
    i2i.export(MODEL, paths[EXACT])
    with (
        mock.patch.object(onnx_file, "write_exact_norms"),
        mock.patch.object(exporter, "_require_agreement"),
        mock.patch.object(onnx_file, "_join_upsampling"),
        mock.patch.object(onnx_file, "_split_thin_convolutions"),
        mock.patch.object(onnx_file, "_bound_tanh"),
        mock.patch.object(comparison, "PAGE_SIDES", (256,)),
    ):
        i2i.export(MODEL, paths[OWN])
    return paths


def onnxruntime_call(path: Path, threads: int) -> Call:
    """ONNX Runtime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images})[0]


def openvino_call(path: Path, threads: int) -> Call:
    """OpenVINO on the CPU, told to compute in f32."""
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    request = core.compile_model(core.read_model(path), "CPU", settings).create_infer_request()
    return lambda images: request.infer({0: images})[0]


def opencv_call(path: Path) -> Call:
    """OpenCV's own engine."""
    import cv2

    net = cv2.dnn.readNetFromONNX(str(path))

    def call(images: Image) -> Image:
        net.setInput(images)
        return np.asarray(net.forward()).reshape(images.shape)

    return call


def web_call(path: Path, web: Path, folder: Path) -> Call:
    """ONNX Runtime's build for the web, under Node."""
    program = web / "exported_models.mjs"
    program.write_text(NODE, encoding="utf-8")
    given, got = folder / "given.raw", folder / "got.raw"

    def call(images: Image) -> Image:
        images.tofile(given)
        command = ["node", program.name, str(path), str(images.shape[1]), str(given), str(got)]
        subprocess.run(command, check=True, cwd=web)
        return np.fromfile(got, np.uint8).reshape(images.shape)

    return call


def torch_call(path: Path) -> Call:
    """``torch.export.load``."""
    program = torch.export.load(path).module()

    def call(images: Image) -> Image:
        with torch.no_grad():
            result: Image = program(torch.from_numpy(images)).numpy()
        return result

    return call


def measure_accuracy(folder: Path, sides: list[int], web: Path | None, threads: int) -> list[dict[str, Any]]:
    """The largest difference from the translator, of every way of running the file, for each page."""
    paths = export_both(folder)
    i2i.export(MODEL, folder / "exact.pt2")
    makers: dict[str, Callable[[], Call]] = {"torch (.pt2)": partial(torch_call, folder / "exact.pt2")}
    for kind, path in paths.items():
        makers[f"ONNX Runtime, {kind}"] = partial(onnxruntime_call, path, threads)
        if importlib.util.find_spec("openvino"):
            makers[f"OpenVINO f32, {kind}"] = partial(openvino_call, path, threads)
        if web is not None:
            makers[f"ONNX Runtime for the web, {kind}"] = partial(web_call, path, web, folder)
    if importlib.util.find_spec("cv2"):
        makers[f"OpenCV, {EXACT}"] = partial(opencv_call, paths[EXACT])
    translator = i2i.load(MODEL, device="cpu")
    rows = []
    for side in sides:
        pages = {"marks": page((side, side), 3), "white": np.full((1, side, side, 3), 255, np.uint8)}
        expected = {name: np.asarray(translator(images[0])).astype(int) for name, images in pages.items()}
        for way, make in makers.items():
            call = make()  # anew, since each keeps gigabytes for the next picture
            for name, images in pages.items():
                levels = int(np.abs(call(images)[0].astype(int) - expected[name]).max())
                rows.append({"side": side, "page": name, "way": way, "most_levels": levels})
                print(f"{side:5} {name:6} {way:36} {levels}", flush=True)
            del call
    return rows


def measure_speed(folder: Path, sides: list[int], rounds: int, threads: int) -> list[dict[str, Any]]:
    """Times of the two files in turns: ``ratio`` is the time with the own norm divided by the time of i2i's file."""
    paths = export_both(folder)
    makers: dict[str, Callable[[Path, int], Call]] = {"ONNX Runtime": onnxruntime_call}
    if importlib.util.find_spec("openvino"):
        makers["OpenVINO f32"] = openvino_call
    rows = []
    for side in sides:
        images = page((side, side), 3)
        for name, make in makers.items():
            calls = {kind: make(path, threads) for kind, path in paths.items()}
            seconds: dict[str, list[float]] = {kind: [] for kind in calls}
            for turn in range(rounds + 1):
                for kind, call in calls.items():
                    begin = time.perf_counter()
                    call(images)
                    if turn:  # the first gets everything ready
                        seconds[kind].append(time.perf_counter() - begin)
            medians = {kind: statistics.median(each) for kind, each in seconds.items()}
            ratio = round(medians[OWN] / medians[EXACT], 3)
            rows.append({"side": side, "runtime": name, "seconds": medians, "ratio": ratio})
            print(f"{side:5} {name:14} {medians[OWN]:.3f} s, i2i {medians[EXACT]:.3f} s, ratio {ratio}", flush=True)
    return rows


def main() -> None:
    """Measure, tell, and keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accuracy", action="store_true", help="levels alone")
    parser.add_argument("--speed", action="store_true", help="times alone")
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 1024, 1536, 2048])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--web", type=Path, help="a folder in which onnxruntime-web is installed")
    parser.add_argument("--no-result", action="store_true", help="write no file")
    options = parser.parse_args()
    both = options.accuracy == options.speed
    result = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else {}
    result |= {"model": MODEL, "torch": torch.__version__, "machine": platform.machine(), "threads": options.threads}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("accuracy", "speed"):
            (folder / part).mkdir()
        if both or options.accuracy:
            result["accuracy"] = measure_accuracy(folder / "accuracy", options.sides, options.web, options.threads)
        if both or options.speed:
            result["speed"] = measure_speed(folder / "speed", options.sides, options.rounds, options.threads)
    if not options.no_result:
        RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
