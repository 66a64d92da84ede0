"""Writes the pages that are made from the code: ``python docs/generate.py``.

``options.md`` comes from the specs of the built-in components and of training, ``command-line.md`` from the commands'
own help, ``python.md`` from the docstrings of the API, ``results.md`` from ``benchmarks/results/``. In ``bench.md`` two
sections are made: the cases of ``i2i bench`` and what they measured; in ``cuda.md`` the table of what the CUDA kernels
read and write; in ``kernels.md`` the sizes and the profile; in ``large-images.md`` the memory; in
``using-a-translator.md`` the speed. In ``CONTRIBUTING.md`` the table of the rooms is made from their docstrings,
``images/rooms.svg`` is drawn from their imports. A test compares all of them with their sources.
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from draw_rooms import draw as rooms_picture
from references import MADE_BY, command_line_page, python_page
from rooms import table as room_lines

from i2i.benchmarking import report as bench_report
from i2i.benchmarking.cases import CASES
from i2i.config.run_config import ScheduleOptions, TrainingOptions
from i2i.config.sections import section_of
from i2i.models.scores import IDENTITY, table_of
from i2i.plugins.component_options import Options, describe_options
from i2i.plugins.manager import PluginManager

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "results" / "sample_runs"
KERNELS = DOCS.parent / "benchmarks" / "results" / "kernels.json"
CUDA_TRAFFIC = DOCS.parent / "benchmarks" / "results" / "cuda_traffic.json"
KERNEL_SIZES = DOCS.parent / "benchmarks" / "results" / "kernel_sizes.json"
KERNEL_PROFILE = DOCS.parent / "benchmarks" / "results" / "kernel_profile.json"
TRANSLATE_FOLDER = DOCS.parent / "benchmarks" / "results" / "translate_folder.json"
LARGE_IMAGES = DOCS.parent / "benchmarks" / "results" / "large_images.json"
CUDA_BANDWIDTH = 1555e9
"""Bytes a second of an A100 with 40 GB, from its data sheet."""
TRAINING: dict[str, type[Options]] = {
    "schedule": ScheduleOptions,
    "training": TrainingOptions,
}
"""The section of the configuration that a kind's options stand in, where it is not called like the kind."""


def options_page() -> str:
    """Every option of every built-in component and of training."""
    return "\n".join(_options_lines()) + "\n"


def _options_lines() -> Iterator[str]:
    yield from (
        MADE_BY,
        "# Options",
        "",
        "Every option of the built-in parts and of training, with its default. Set one with `--set`",
        "or in the `--config` file; `i2i plugins show KIND NAME` prints the same for any installed part.",
        "",
        "A method or a built-in sample may start from other values: `i2i run --dry-run` prints what counts.",
    )
    kind = ""
    for component in PluginManager({}).components():
        spec = component.spec
        if component.plugin.package != "i2i":
            continue
        if spec.kind != kind:
            kind = spec.kind
            yield from ("", f"## {kind.capitalize()}s" if kind != "loss" else "## Losses")
            if kind == "loss":
                yield from (
                    "",
                    "Adversarial losses stand in the section `loss`, pixel losses in `pixel_loss`. Of several pixel",
                    "losses `pixel_loss.1.delta` sets an option of the second, `pixel_loss.1.weight` (1) its factor.",
                )
            if kind == "discriminator":
                yield from (
                    "",
                    "`discriminator.copies` (1) makes several of each; `discriminator.0.layers` sets an option of one.",
                )
            if kind == "optimizer":
                yield from (
                    "",
                    "An option holds for all networks; `optimizer.discriminators.learning_rate` sets it for one group,",
                    "the `generators` or the `discriminators`.",
                )
            if kind == "metric":
                yield from (
                    "",
                    "Every run measures `l1`, `psnr` and `ssim`; `--metric` adds others.",
                )
        yield from ("", f"### {spec.name}", "", f"{spec.summary}.")
        yield from _table(section_of(spec), spec.options)
    yield from ("", "## Training")
    for section, options in TRAINING.items():
        yield from ("", f"### {section}")
        yield from _table(section, options)


def _table(section: str, options: type[Options]) -> Iterator[str]:
    fields = describe_options(options)
    if not fields:
        return
    yield from ("", "| option | default | allowed | meaning |", "|---|---|---|---|")
    for field in fields:
        allowed = ", ".join(part for part in (field.type, field.bounds) if part)
        cells = (f"`{section}.{field.name}`", _default(field.default), allowed, field.description)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(value: object) -> str:
    if value is None or value == ():
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


RUNS = {
    "default": (
        "The default run",
        "What `scripts/i2i run --generator resnet9 --loss lsgan` shows after its minutes: a CycleGAN, unpaired, from "
        "flat to 3D emoji. The style is there and the shapes are kept; the colours are close, the edges soft. Pixel by "
        "pixel the untouched flat drawing is still a little nearer to the truth: see the baseline.",
    ),
    "flat-3d": (
        "The same for longer",
        "The picture at the top of the README: more steps and a slightly wider generator.",
    ),
    "line-3d": (
        "pix2pix from line drawings",
        "A much wider gap, with true pairs. Shape and shading are learnt; the colours of a line drawing can only be "
        "guessed, and 185 training images teach few of them.",
    ),
}
"""The runs of benchmarks/sample_runs.py: title and what to see in the picture."""


def results_page() -> str:
    """The numbers and pictures of the runs on the built-in samples."""
    return "\n".join(_results_lines()) + "\n"


def _results_lines() -> Iterator[str]:
    yield from (
        MADE_BY,
        "# Results",
        "",
        "Runs on the built-in samples, 64x64 pixels, 185 training and 15 held-out images. Every number is measured on",
        "the held-out images at the end of the run and stands beside the identity baseline, which is what handing back",
        "the input would score. L1 is on the scale of 0 to 255. `python benchmarks/sample_runs.py NAME` makes one, its",
        "numbers ([`benchmarks/results/sample_runs`](../benchmarks/results/sample_runs)) and its picture again.",
    )
    written = table_of(PluginManager({}))
    for name, (title, text) in RUNS.items():
        result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
        threads = result["environment"]["threads"]
        yield from ("", f"## {title}", "", f"![Held-out images of the run {name}](images/{name}.png)", "", text, "")
        yield from ("```bash", result["command"], "```", "")
        yield (
            f"{result['steps']:,} steps in {result['minutes']:.1f} minutes with {threads} CPU "
            f"thread{'s' if threads > 1 else ''}, torch {result['environment']['torch']}."
        )
        yield from ("", "| direction | | L1, lower is better | PSNR in dB | SSIM |", "|---|---|---|---|---|")
        for direction, metrics in result["directions"].items():
            for label, prefix in (("translation", ""), ("input unchanged", IDENTITY.prefix)):
                numbers = (written[name].number(metrics[f"{prefix}{name}"]) for name in ("l1", "psnr", "ssim"))
                yield f"| {direction} | {label} | {' | '.join(numbers)} |"


def bench_page() -> str:
    """The page as it is, with its cases and its results made anew."""
    return _with_sections("bench.md", cases=_case_lines(), results=_measured_lines())


def cuda_page() -> str:
    """The page as it is, with its table made anew."""
    return _with_sections("cuda.md", traffic=_traffic_lines())


def _with_sections(name: str, **sections: Iterable[str]) -> str:
    page = (DOCS / name).read_text(encoding="utf-8")
    for title, lines in sections.items():
        section = re.compile(rf"(<!-- {title}: made by [^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)
        text = "".join(f"{line}\n" for line in lines)
        page = section.sub(lambda found, text=text: found[1] + text + found[2], page)
    return page


def _case_lines() -> Iterator[str]:
    yield from _markdown_table(
        ("name", "what", "`--quick`"),
        ((f"`{case.name}`", case.title, "yes" if case.quick else "") for case in CASES),
    )


def _measured_lines() -> Iterator[str]:
    if not KERNELS.is_file():
        yield "Nothing is kept here yet."
        return
    report = json.loads(KERNELS.read_text(encoding="utf-8"))
    yield from ("![Times as fast as PyTorch eager](images/bench.png)", "")
    yield from (f"{bench_report.circumstances(report)}.", "")
    yield from _markdown_table(bench_report.TIMED_COLUMNS, bench_report.timed_rows(report))
    yield ""
    yield from _markdown_table(bench_report.MEMORY_COLUMNS, bench_report.memory_rows(report))
    for heading, remarks in (("Missing", bench_report.missing_lines(report)), ("Warning", report["warnings"])):
        for remark in remarks:
            yield from ("", f"{heading}: {remark}.")


def _traffic_lines() -> Iterator[str]:
    rows = []
    for case in json.loads(CUDA_TRAFFIC.read_text(encoding="utf-8")):
        height, width, padding = case["plane"]
        moved = sum(launch["read"] + launch["written"] for launch in case["launches"])
        wide = sum((launch["read"] + launch["written"]) * launch["wide"] for launch in case["launches"]) / moved
        channels = 64 * 256 // height  # of a ResNet-9 generator where planes have this size
        seconds = moved / case["channels"] * channels / CUDA_BANDWIDTH
        rows.append(
            (
                f"`{case['operator']}`",
                f"{channels}x{height}x{width}" + (f", pad {padding}" if padding else ""),
                case["dtype"],
                case["layout"],
                str(len(case["launches"])),
                f"{moved / case['least']:.3f}",
                f"{wide:.0%}",
                f"{seconds * 1e6:.1f}",
            )
        )
    columns = ("operator", "one image", "type", "layout", "launches", "bytes / least", "by 16 bytes", "estimate, µs")
    yield from _markdown_table(columns, rows)


def kernels_page() -> str:
    """The page as it is, with its profile made anew."""
    return _with_sections("kernels.md", sizes=_size_lines(), speed=_ratio_lines(), profile=_profile_lines())


def _ratio_lines() -> Iterator[str]:
    report = json.loads(KERNELS.read_text(encoding="utf-8"))
    rows = []
    for case in report["timed"]:
        eager = next(result for result in case["results"] if result["name"] == "eager")
        for result in case["results"]:
            if result["name"] not in ("fused", "fused avx2"):
                continue
            title = case["title"] + (", AVX2 kernels" if result["name"] == "fused avx2" else "")
            times = (each["seconds"]["median"] * 1e3 for each in (eager, result))
            cells = (f"{time:,.0f} ms" if time >= 100 else f"{time:.3g} ms" for time in times)
            rows.append((title, *cells, f"{result['speedup']:.2f} x"))
    yield from _markdown_table(("what", "eager", "fused", "ratio"), rows)
    rows = []
    for case in report["memory"]:
        kept = case["bytes"]
        rows += [(f"{case['title']}, {name}", f"{size / kept['eager']:.2f}") for name, size in kept.items()][1:]
    yield ""
    yield from _markdown_table(("what", "of eager's memory"), rows)
    yield from ("", f"{bench_report.circumstances(report)}.")


def _size_lines() -> Iterator[str]:
    measured = json.loads(KERNEL_SIZES.read_text(encoding="utf-8"))
    groups: dict[tuple[str, bool, bool], list[tuple[float, list[int]]]] = {}
    for operator, training, channels_last, shape, ratio in measured["rows"]:
        groups.setdefault((operator, training, channels_last), []).append((ratio, shape))
    rows = []
    for (operator, training, channels_last), found in groups.items():
        ratios = [ratio for ratio, _ in found]
        slowest, shape = min(found)
        rows.append(
            (
                f"`{operator}`",
                "training" if training else "inference",
                "channels_last" if channels_last else "contiguous",
                str(len(found)),
                f"{statistics.median(ratios):.1f} x",
                f"{slowest:.2f} x, {'x'.join(map(str, shape))}",
            )
        )
    columns = ("operator", "", "layout", "sizes that run fused", "as fast as the reference: median", "slowest")
    yield from _markdown_table(columns, rows)
    yield ""
    yield f"{measured['device']['name']}, {measured['threads']} threads, kernels {measured['kernels']}."


def _profile_lines() -> Iterator[str]:
    profile = json.loads(KERNEL_PROFILE.read_text(encoding="utf-8"))
    device, software = profile["device"]["name"], profile["software"]
    yield (
        f"{device}, {profile['threads']} threads, torch {software['torch']}, kernels {profile['kernels']}; the "
        f"best speed of PyTorch is {profile['peak_gigaflops']:.0f} GFLOP/s."
    )
    *blocks, generator = profile["cases"]
    parts = list(dict.fromkeys(part for case in blocks for part in case["parts"]))
    yield ""
    yield from _markdown_table(
        ("milliseconds", *(case["case"].removeprefix("residual block, ") for case in blocks)),
        (
            ("**a call**", *(f"**{case['milliseconds']:.1f}**" for case in blocks)),
            (
                "floor: the products alone, at that speed",
                *(f"{c['floor_milliseconds']:.1f}" for c in blocks),
            ),
            *((part, *(f"{case['parts'].get(part, 0):.1f}" for case in blocks)) for part in parts),
        ),
    )
    yield ""
    yield from _markdown_table(
        ("milliseconds", generator["case"]),
        (
            ("**a call**", f"**{generator['milliseconds']:.0f}**"),
            *((f"`{name}`" if "::" in name else name, f"{value:.1f}") for name, value in generator["parts"].items()),
        ),
    )


def large_images_page() -> str:
    """The page as it is, with its numbers made anew."""
    return _with_sections("large-images.md", memory=_memory_lines(), huge=_huge_lines())


def using_page() -> str:
    """The page as it is, with its speed made anew."""
    return _with_sections("using-a-translator.md", speed=_speed_lines())


def contributing_page() -> str:
    """The page as it is, with its table of rooms made anew."""
    return _with_sections("../CONTRIBUTING.md", rooms=room_lines())


def _speed_lines() -> Iterator[str]:
    result = json.loads(TRANSLATE_FOLDER.read_text(encoding="utf-8"))
    options, environment = result["options"], result["environment"]
    yield (
        f"A folder of {options['images']} {options['format'].upper()} files of {options['size']} pixels a side through "
        f"a `resnet9` of {options['base_channels']} channels, on the {environment['cores']} cores that compute, too: "
        f"{result['translate_images_per_second']:.1f} images a second, {result['share_of_the_generator_alone']:.2f} of "
        "what the generator alone does in a loop. From the start of the command to the end of one image it takes "
        f"{result['start_to_end_of_one_image_seconds']:.1f} seconds."
    )


def _memory_lines() -> Iterator[str]:
    rows = []
    for row in json.loads(LARGE_IMAGES.read_text(encoding="utf-8"))["rows"]:
        far = [f"{row['most_levels']}", f"{row['mean_levels']:.4f}"] if "most_levels" in row else ["", ""]
        memory, way = f"{row['peak_bytes'] / 2**30:.2f} GiB", row["way"].replace("--", "`--", 1)
        way += "`" if way.startswith("`") else ""
        rows.append((row["translator"], str(row["side"]), way, memory, f"{row['seconds']:.0f}", *far))
    columns = ("translator", "side", "", "peak memory", "processor seconds", "greatest difference, of 255", "mean")
    yield from _markdown_table(columns, rows)


def _huge_lines() -> Iterator[str]:
    huge = json.loads(LARGE_IMAGES.read_text(encoding="utf-8"))["huge"]
    yield from ("```bash", huge["command"], "```", "")
    yield (
        f"took {huge['processor_minutes']:.0f} minutes of the processor and at most {huge['peak_bytes'] / 2**30:.1f} "
        f"GiB, the program and both pictures included, for {huge['side']}x{huge['side']} pixels on a machine with "
        f"{huge['memory_bytes'] / 2**30:.0f} GiB."
    )


def _markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        yield f"| {' | '.join(row)} |"


PAGES = {
    "options.md": options_page,
    "command-line.md": command_line_page,
    "python.md": python_page,
    "results.md": results_page,
    "bench.md": bench_page,
    "cuda.md": cuda_page,
    "kernels.md": kernels_page,
    "large-images.md": large_images_page,
    "using-a-translator.md": using_page,
    "../CONTRIBUTING.md": contributing_page,
    "images/rooms.svg": rooms_picture,
}


if __name__ == "__main__":
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")
        print(f"wrote {DOCS / name}")
