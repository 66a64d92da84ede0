"""Running an exported file on images of several sizes, as its users will, and comparing with the translator."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from i2i.environment.available_memory import available_memory
from i2i.errors import ExportError
from i2i.exporting.formats import ExportFormat
from i2i.exporting.time_limit import TimeLimit
from i2i.models.exported_record import ANY_SHAPE, FixedShape
from i2i.models.info import TranslatorInfo
from i2i.progress import counted, working
from i2i.tensors.padding import Size, padded_size
from i2i.tensors.pixels import to_uint8, to_unit
from i2i.translation.translator import Translator

RAW_TOLERANCE = 1e-4
"""How far values of a raw export may be from the translator's; [-1, 1] is 2 wide, and a level of 8 bits 0.0078."""
RAW_PAGE_TOLERANCE = 2 / 255
"""The same on the flat page, where norms multiply what any two programs differ by: a level."""
LEVEL_TOLERANCE = 1
"""How many levels of 8 bits; values that lie between two levels may be rounded to either."""
PATIENCE_SECONDS = 600
COMPARING = "comparing the file with the model"
SEED = 0

PAGE_SIDES = (2048, 1536, 1024, 768, 512, 384, 256)
"""Of the white page with a few marks, on which sums in float32 show: as large as time and memory allow."""
PAGE_SECONDS = 8.0
"""How long the translator may compute the page; the file takes about as long again."""
PAGE_MEMORY_SHARE = 0.25
"""Of the memory that is available; the file runs after the translator, in a process of its own."""
ALIVE_AT_ONCE = 4
"""How many tensors of the largest size a generator holds at a time, at most, in any of the runtimes."""
TRIAL_SIDE = 128
"""Of the page on which time and memory are measured."""


@dataclass(frozen=True)
class Check:
    """What one batch gave.

    Attributes:
        images: images in the batch.
        height: of the images, in pixels.
        width: of the images, in pixels.
        difference: the largest from the translator's output: levels of 0..255, or of raw exports values in [-1, 1].
        allowed: the largest that is accepted, in the same unit.
    """

    images: int
    height: int
    width: int
    difference: float
    allowed: float


def perhaps_one_size(fixed: FixedShape) -> str:
    """What to try where a trace turned out to hold for the sizes of its example alone."""
    if fixed.size is not None:
        return ""
    return "; perhaps this network cannot be exported with free sizes; try `i2i export --size HxW`"


def tolerance(raw: bool) -> float:
    """The largest difference that is accepted but on the page, in the unit of :attr:`Check.difference`."""
    return RAW_TOLERANCE if raw else LEVEL_TOLERANCE


def batch_shapes(multiple: int, smallest: int = 1, fixed: FixedShape = ANY_SHAPE) -> list[tuple[int, int, int]]:
    """``(images, height, width)`` of the batches: a size that needs no padding, and each kind of padding.

    The second is too small to be mirrored that far, so that its edges are repeated; the others are mirrored up to one
    and several multiples. Batches differ in size, too. Of what is fixed there is but one.
    """
    side, _ = padded_size((1, 1), multiple, smallest)
    shapes = [(1, side, side), (3, 5, 7), (1, side + 1, 2 * side - 3), (2, side - 3, 2 * side + multiple // 2 + 1)]
    return list(
        dict.fromkeys((fixed.batch or images, *(fixed.size or (height, width))) for images, height, width in shapes)
    )


def check(
    path: Path,
    chosen: ExportFormat,
    translator: Translator,
    network: nn.Module,
    *,
    raw: bool,
    fixed: FixedShape,
    limit: TimeLimit,
    largest_page: int | None = None,
) -> list[Check]:
    """Run a file in a process of its own, which imports no i2i (and no torch for ONNX), and compare.

    Args:
        path: the file.
        chosen: its format, which says what runs it.
        translator: what it was made from, on the CPU in fp32.
        network: the generator in it.
        raw: whether it takes float tensors.
        fixed: what of its input is fixed.
        limit: how long all of it may take.
        largest_page: the largest side of the flat page.

    Returns:
        A check for each of :func:`batch_shapes` and one for a flat page, of the size that is fixed or else a large one,
        also where the difference is too large.

    Raises:
        ExportError: the file does not run, or not in time, or gives something of another shape or type.
    """
    batches = _batches(translator.info, fixed)
    images = fixed.batch or 1
    with working("measuring how large a page this machine translates"):
        size = fixed.size or (page_side(translator, network, images, largest_page),) * 2
    limit.require(COMPARING)
    large = "page"
    batches[large] = page(size, translator.info.in_channels).repeat(images, axis=0)
    given = {name: _scaled(batch) if raw else batch for name, batch in batches.items()}
    with working(f"running the file on {len(batches)} batches, the last a page of {size[0]} x {size[1]} pixels"):
        outputs = _run_alone(path, chosen.exporter.runner, given, fixed, limit)
    checks = []
    for name, batch in counted(batches.items(), "running the model on the same", len(batches)):
        limit.require(COMPARING)
        expected = _expected(translator, batch, raw=raw)
        output = outputs.get(name)
        if output is None or output.shape != expected.shape or output.dtype != expected.dtype:
            got = "nothing" if output is None else f"{output.dtype} of shape {list(output.shape)}"
            raise ExportError(
                f"the exported file gave {got} for {batch.dtype} images of shape {list(batch.shape)}; expected "
                f"{expected.dtype} of shape {list(expected.shape)}; it was not kept{perhaps_one_size(fixed)}"
            )
        difference = np.abs(output.astype(np.float64) - expected.astype(np.float64)).max()
        images, height, width, _ = batch.shape
        allowed = RAW_PAGE_TOLERANCE if raw and name == large else tolerance(raw)
        checks.append(Check(images, height, width, float(difference), allowed))
    return checks


def run_program(command: Sequence[str], patience: float) -> subprocess.CompletedProcess[str]:
    """Run the program of an exporter to its end, and keep what it says.

    Raises:
        subprocess.TimeoutExpired: it took longer than ``patience``, in seconds.
    """
    return subprocess.run(command, capture_output=True, text=True, timeout=patience, check=False)


def page(size: Size, channels: int) -> npt.NDArray[np.uint8]:
    """A white page ``[1, height, width, channels]`` with a few dark marks, and a pixel that is alone."""
    image = np.full((1, *size, channels), 255, np.uint8)
    for place, shade in (((0.21, 0.33), 0), ((0.55, 0.7), 60), ((0.8, 0.12), 120)):
        top, left = (int(side * share) for side, share in zip(size, place, strict=True))
        image[:, top : top + 24, left : left + 9] = shade
        image[:, top : top + 3, left : left + 40, -1] = shade
    image[:, size[0] // 2, size[1] // 2] = 0
    return image


def page_side(translator: Translator, network: nn.Module, images: int = 1, largest_side: int | None = None) -> int:
    """How large a page this machine translates, so many at once, in :data:`PAGE_SECONDS` and a share of its memory."""
    trial = torch.from_numpy(_scaled(page((TRIAL_SIDE, TRIAL_SIDE), translator.info.in_channels)))
    largest = 0

    def keep_largest(_module: nn.Module, _given: Any, output: Any) -> None:
        nonlocal largest
        if isinstance(output, Tensor):
            largest = max(largest, output.numel() * output.element_size())

    hooks = [module.register_forward_hook(keep_largest) for module in network.modules()]
    try:
        translator.translate([trial])  # also gets everything ready that the next call uses
    finally:
        for hook in hooks:
            hook.remove()
    begin = time.perf_counter()
    translator.translate([trial])
    seconds = time.perf_counter() - begin
    memory = PAGE_MEMORY_SHARE * available_memory(torch.device("cpu"))
    for side in PAGE_SIDES:
        if largest_side is not None and side > largest_side:
            continue
        times = images * (side / TRIAL_SIDE) ** 2
        if times * seconds <= PAGE_SECONDS and times * largest * ALIVE_AT_ONCE <= memory:
            return side
    return PAGE_SIDES[-1]


def _batches(info: TranslatorInfo, fixed: FixedShape) -> dict[str, npt.NDArray[np.uint8]]:
    """Images ``[N, H, W, C]`` of smooth shapes and noise: flat ones tell rounding apart, not programs."""
    random = np.random.default_rng(SEED)
    batches = {}
    for images, height, width in batch_shapes(info.size_multiple, info.smallest_size, fixed):
        phases = random.uniform(0, 2 * np.pi, (2, images, 1, 1, info.in_channels))
        down, across = np.mgrid[:height, :width] / 6
        waves = np.sin(down[None, :, :, None] + phases[0]) + np.sin(across[None, :, :, None] + phases[1])
        noise = random.normal(0, 25, (images, height, width, info.in_channels))
        batches[f"{images}x{height}x{width}"] = (127.5 + 50 * waves + noise).round().clip(0, 255).astype(np.uint8)
    return batches


def _scaled(batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """``[N, H, W, C]`` of uint8 as ``[N, C, H, W]`` in [-1, 1]."""
    return np.ascontiguousarray(to_unit(batch.transpose(0, 3, 1, 2).astype(np.float32)))


def _expected(translator: Translator, batch: npt.NDArray[np.uint8], *, raw: bool) -> npt.NDArray[Any]:
    (output,) = translator.translate([torch.from_numpy(_scaled(batch))])
    result: npt.NDArray[Any] = output.numpy() if raw else to_uint8(output).permute(0, 2, 3, 1).numpy()
    return result


def _run_alone(
    path: Path, runner: Path, given: dict[str, Any], fixed: FixedShape, limit: TimeLimit
) -> dict[str, npt.NDArray[Any]]:
    patience = PATIENCE_SECONDS if limit.left is None else min(PATIENCE_SECONDS, limit.left)
    with tempfile.TemporaryDirectory(prefix="i2i-export-") as folder:
        inputs, outputs = Path(folder, "inputs.npz"), Path(folder, "outputs.npz")
        np.savez(inputs, **given)
        command = [sys.executable, str(runner), str(path), str(inputs), str(outputs)]
        try:
            done = run_program(command, patience)
        except subprocess.TimeoutExpired as error:
            if limit.left == 0:
                raise limit.over("running the file") from error
            raise ExportError(f"the exported file did not end in {patience:.3g} seconds; it was not kept") from error
        if done.returncode != 0:
            reason = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
            raise ExportError(
                f"the exported file does not run in a process of its own ({reason}); it was not kept"
                f"{perhaps_one_size(fixed)}"
            )
        with np.load(outputs) as arrays:
            return {name: arrays[name] for name in arrays.files}
