"""Memory that large images take, untiled and in tiles: ``python benchmarks/large_images.py``.

Translates one picture of many emoji with the translator that ships with i2i (resnet9, 16 base channels) and with a
resnet9 of 64 base channels and random weights, each way in a process of its own, and records the most resident memory
that the translating added (Linux's own count), the processor's seconds, and the greatest difference to the untiled
result. Writes ``benchmarks/results/large_images.json``, which ``docs/generate.py`` puts into ``docs/large-images.md``.

``--huge`` has ``i2i translate`` take 16384x16384 pixels from file to file instead, and adds what that took to the same
results: a quarter of an hour. ``--picture`` makes ``docs/images/tiles.png`` instead.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import i2i

ROOT = Path(__file__).parents[1]
EMOJI = ROOT / "i2i" / "data" / "emoji" / "flat"
RESULT = ROOT / "benchmarks" / "results" / "large_images.json"
PICTURE = ROOT / "docs" / "images" / "tiles.png"
SHIPPED = "sample:flat-3d"
WIDE = "resnet9 of 64 base channels"

EXACT: dict[str, Any] = {"tile": 512}
WAYS: dict[str, dict[str, Any]] = {
    "untiled": {},
    "--tile 512": EXACT,
    "--tile 512 --tile-memory 0.5": {**EXACT, "tile_memory": 0.5},
    "--tile 512 --tile-memory 0": {**EXACT, "tile_memory": 0},
    "--tile 256 --tile-memory 0.1": {"tile": 256, "tile_memory": 0.1},
    "--tile 512 --tile-statistics estimate": {"tile": 512, "tile_statistics": "estimate"},
}
CASES = [
    *((SHIPPED, 2048, way) for way in WAYS if "256" not in way),
    *((SHIPPED, 4096, way) for way in ("untiled", "--tile 512", "--tile 512 --tile-memory 0.5")),
    *((WIDE, 1024, way) for way in ("untiled", "--tile 256 --tile-memory 0.1")),
]


def compose(side: int) -> Image.Image:
    """A picture whose parts differ: emoji of many sizes on white, more and larger ones towards the lower right."""
    random = np.random.default_rng(0)
    drawings = [Image.open(path).convert("RGBA") for path in sorted(EMOJI.glob("*.webp"))]
    picture = Image.new("RGB", (side, side), "white")
    for _ in range(side * side // 12_000):
        x, y = random.power(2, 2) * side
        size = int(32 + 160 * (x + y) / (2 * side) * random.random())
        drawing = drawings[random.integers(len(drawings))].resize((size, size), Image.Resampling.BICUBIC)
        picture.paste(drawing, (int(x) - size // 2, int(y) - size // 2), drawing)
    return picture


def load(name: str, **options: Any) -> Any:
    """The shipped translator, or one like it with more channels and random weights."""
    if name == SHIPPED:
        return i2i.load(SHIPPED, device="cpu", **options)
    import torch

    from i2i.translation.network_runner import NetworkRunner
    from i2i.translation.tiles.tile_settings import parse_tiles
    from i2i.translation.tiles.tiling import Tiling
    from i2i.translation.translator import Translator

    torch.manual_seed(0)
    network = i2i.create("generator", "resnet9", base_channels=64, init_gain=0.05)
    tiles = parse_tiles(options.get("tile"), options.get("tile_statistics"), options.get("tile_memory"))
    runner = NetworkRunner(network, i2i.load(SHIPPED).info, device="cpu")
    return Translator(runner, None if tiles is None else Tiling(tiles, runner))


def resident(name: str) -> int:
    """Bytes: ``VmRSS`` now, ``VmHWM`` at most since it was reset."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {name}")


def child(name: str, side: int, way: str, out: Path) -> None:
    """Translate, and print what it took."""
    import torch

    torch.set_num_threads(1)
    translator = load(name, **WAYS[way])
    translator(Image.new("RGB", (64, 64)))
    picture = compose(side)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, begin = resident("VmRSS"), time.process_time()
    result = translator(picture)
    figures = {"peak_bytes": resident("VmHWM") - before, "seconds": round(time.process_time() - begin, 1)}
    np.save(out, np.asarray(result))
    print(json.dumps(figures))


def measure() -> None:
    """Measure every case, print and write."""
    import torch

    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, side, way in CASES:
            out = Path(folder) / "result.npy"
            command = [sys.executable, __file__, "--child", name, str(side), way, str(out)]
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
            row = {"translator": name, "side": side, "way": way, **json.loads(done.stdout.splitlines()[-1])}
            whole = Path(folder) / "whole.npy"
            if way == "untiled":
                out.rename(whole)
            elif any(other["side"] == side and other["way"] == "untiled" for other in rows):
                difference = np.abs(np.load(out).astype(int) - np.load(whole).astype(int))
                row |= {"most_levels": int(difference.max()), "mean_levels": float(difference.mean())}
            rows.append(row)
            print(row, flush=True)
    keep(
        what="one Pillow image; most resident memory added by translating it, and seconds of the processor",
        setting="one thread, fp32, CPU",
        torch=torch.__version__,
        rows=rows,
    )


def keep(**found: Any) -> None:
    """Write what was found beside what other calls have found."""
    result = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else {}
    RESULT.write_text(json.dumps({**result, **found}, indent=2) + "\n", encoding="utf-8")


def measure_huge(side: int = 16384) -> None:
    """Have the command translate a file of this many pixels a side, as a person would, and keep what it took."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "huge.png", Path(folder) / "result.png"
        compose(side).save(source, compress_level=1)
        options = ["--tile", "auto", "--max-pixels", str(side * side), "--device", "cpu"]
        command = [sys.executable, "-m", "i2i", "translate", SHIPPED, str(source), "-o", str(target), *options]
        told = subprocess.run(command, check=True, capture_output=True, text=True)
        took = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(told.stdout, told.stderr)
        Image.MAX_IMAGE_PIXELS = side * side
        with Image.open(target) as result:
            assert result.size == (side, side)
        keep(
            huge={
                "command": f"i2i translate {SHIPPED} huge.png -o result.png {' '.join(options)}",
                "side": side,
                "peak_bytes": took.ru_maxrss * 1024,
                "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
                "processor_minutes": round((took.ru_utime + took.ru_stime) / 60, 1),
            }
        )


def draw() -> None:
    """Show a part of a large picture: the input, tiles that normalise themselves, and tiles of i2i."""
    side, tile, corner, part = 2048, 512, 768, 512
    picture = compose(side)
    whole = load(SHIPPED)
    naive = Image.new("RGB", picture.size)
    for top in range(0, side, tile):
        for left in range(0, side, tile):
            naive.paste(whole(picture.crop((left, top, left + tile, top + tile))), (left, top))
    exact = load(SHIPPED, **EXACT)(picture)
    estimate = load(SHIPPED, tile=tile, tile_statistics="estimate")(picture)
    expected = np.asarray(whole(picture)).astype(int)
    box = (corner, corner, corner + part, corner + part)
    tops, bottoms = [picture.crop(box)], [Image.new("RGB", (part, part), "white")]
    for result in (naive, estimate, exact):
        tops.append(result.crop(box))
        difference = np.abs(np.asarray(result).astype(int) - expected)
        print(f"greatest difference {difference.max()}, mean {difference.mean():.4f} of 255")
        amplified = Image.fromarray((255 - (difference * 4).clip(0, 255)).astype(np.uint8))
        bottoms.append(amplified.resize((part, part), Image.Resampling.BILINEAR))
    bottoms[0] = Image.fromarray(expected.astype(np.uint8)).crop(box)
    sheet = Image.new("RGB", (4 * part + 3 * 16, 2 * part + 16), "white")
    for row, pictures in enumerate((tops, bottoms)):
        for column, shown in enumerate(pictures):
            sheet.paste(shown, (column * (part + 16), row * (part + 16)))
    small = sheet.resize((sheet.width // 2, sheet.height // 2), Image.Resampling.LANCZOS)
    small.quantize(160, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1000:.0f} kB")


def main() -> None:
    """Choose what to do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", action="store_true", help="make the picture of the documentation")
    parser.add_argument("--huge", action="store_true", help="16384x16384 pixels, from file to file")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        name, side, way, out = arguments.child
        child(name, int(side), way, Path(out))
    elif arguments.picture:
        draw()
    elif arguments.huge:
        measure_huge()
    else:
        measure()


if __name__ == "__main__":
    main()
