"""Compiling the kernels for the emulator, each build once: the results are kept by what they are made of."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import toolkit

HERE = Path(__file__).parent
EMULATOR = HERE / "emulator"
KERNELS = HERE.parents[1] / "csrc" / "cuda"
KERNEL_SOURCES = ("device.cu", "instance_norm_act.cu", "instance_norm_add.cu", "residual_block.cu")
COMPILER = shlex.split(os.environ.get("CXX") or "c++")
CACHE = Path(tempfile.gettempdir()) / f"i2i-cuda-on-host-{os.getuid()}"
FLAGS = ("-std=c++17", "-fPIC", "-pthread", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-DI2I_CUDA_ON_HOST")


class BuildFailed(Exception):  # noqa: N818
    """The compiler refused; the message is what it said."""


def why_missing() -> str | None:
    """Say what the emulator lacks on this machine, or None."""
    if toolkit.include_folder() is None:
        return f"CUDA's headers are not here: {toolkit.CURE}"
    if shutil.which(COMPILER[0]) is None:
        return f"there is no C++ compiler {COMPILER[0]!r}"
    if os.uname().machine != "x86_64":
        return f"the emulator switches fibers on x86-64 only; this is {os.uname().machine}"
    return None


def build(
    result: str, sources: Sequence[str], flags: Sequence[str], patches: Mapping[str, tuple[str, str]] | None = None
) -> Path:
    """Compile kernels and emulator.

    Args:
        result: ``NAME.so`` for a shared library, else a program.
        sources: of ``csrc/cuda`` (``.cu``) and of this folder (``.cpp``).
        flags: for compiling and linking.
        patches: for files of ``csrc/cuda``, a text that must occur in it and what to put in its place.

    Returns:
        The file, made now or before.
    """
    include = toolkit.include_folder()
    files = sorted([*KERNELS.glob("*.cu"), *KERNELS.glob("*.h"), *KERNELS.glob("*.cuh"), *EMULATOR.iterdir()])
    files += [HERE / name for name in sources if name.endswith(".cpp")]
    parts = [str(include), result, *COMPILER, *FLAGS, *sources, *flags, repr(patches)]
    digest = hashlib.sha256("\0".join(parts).encode())
    for file in files:
        digest.update(file.read_bytes())
    folder = CACHE / digest.hexdigest()[:20]
    if (folder / result).is_file():
        return folder / result
    CACHE.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        work = Path(name)
        kernels = _patched(patches, work / "kernels") if patches else KERNELS
        includes = [f"-I{EMULATOR}", f"-I{kernels}", f"-I{HERE}", f"-isystem{include}"]
        compiled = [*sorted(EMULATOR.glob("*.cpp")), *(_place(name, kernels) for name in sources)]
        objects = [work / f"{source.name}.o" for source in compiled]
        commands = [
            [*COMPILER, *FLAGS, *flags, *includes, "-x", "c++", "-c", str(source), "-o", str(made)]
            for source, made in zip(compiled, objects, strict=True)
        ]
        with ThreadPoolExecutor(int(os.environ.get("MAX_JOBS") or len(os.sched_getaffinity(0)))) as pool:
            list(pool.map(_run, commands))
        kind = ["-shared"] if result.endswith(".so") else ["-rdynamic"]
        _run([*COMPILER, *flags, "-pthread", *kind, *map(str, objects), "-ldl", "-o", str(work / result)])
        folder.mkdir(exist_ok=True)
        (work / result).replace(folder / result)
    return folder / result


def _place(name: str, kernels: Path) -> Path:
    return kernels / name if name.endswith(".cu") else HERE / name


def _patched(patches: Mapping[str, tuple[str, str]], folder: Path) -> Path:
    shutil.copytree(KERNELS, folder)
    for name, (before, after) in patches.items():
        text = (folder / name).read_text("utf-8")
        assert text.count(before) == 1, f"{name} has {text.count(before)} times: {before}"
        (folder / name).write_text(text.replace(before, after), "utf-8")
    return folder


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise BuildFailed(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")
