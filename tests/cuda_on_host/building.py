"""Compiling the kernels for the emulator, each build once: the results are kept by what they are made of.

Who comes second, in another worker or session, waits for the first.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from filelock import FileLock

from . import toolkit

HERE = Path(__file__).parent
EMULATOR = HERE / "emulator"
SOURCES = HERE.parents[1] / "csrc"
KERNEL_SOURCES = (
    "cuda/instance_norm/instance_norm_act.cu",
    "cuda/instance_norm/instance_norm_add.cu",
    "cuda/residual_block/residual_block.cu",
    "cuda/runtime/device.cu",
    "cuda/unmeasured/reflect_convolution.cu",
)
COMPILER = shlex.split(os.environ.get("CXX") or "c++")
CACHE = Path(tempfile.gettempdir()) / f"i2i-cuda-on-host-{os.getuid()}"
FLAGS = ("-std=c++17", "-fPIC", "-pthread", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-DI2I_CUDA_ON_HOST")

QUICK = ("-O1", "-g1")
"""Flags for a library whose kernels are run much."""
TORCH = Path(torch.__file__).parent
TORCH_FLAGS = ("-fvisibility=hidden", "-DTORCH_TARGET_VERSION=0x020d000000000000", f"-isystem{TORCH / 'include'}")
TORCH_LINKING = (f"-L{TORCH / 'lib'}", "-Wl,--no-as-needed", "-ltorch_cpu")


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
    result: str,
    sources: Sequence[str],
    flags: Sequence[str],
    patches: Mapping[str, tuple[str, str]] | None = None,
    *,
    with_torch: Sequence[str] = (),
) -> Path:
    """Compile kernels and emulator.

    Args:
        result: ``NAME.so`` for a shared library, else a program.
        sources: files of ``csrc`` or of this folder.
        flags: for compiling and linking.
        patches: for files of ``csrc``, a text that must occur in it and what to put in its place.
        with_torch: more files, compiled against torch's headers and linked with it.

    Returns:
        The file, made now or before.
    """
    CACHE.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        ours = _patched(patches, Path(name) / "csrc") if patches else SOURCES
        emulator = _objects_of_the_emulator(tuple(flags))
        jobs = []
        for source in (*sources, *with_torch):
            place = next(folder / source for folder in (ours, HERE) if (folder / source).is_file())
            torchs = TORCH_FLAGS if source in with_torch else ()
            jobs.append(_Object(place, (*flags, *torchs, f"-I{ours}", f"-I{HERE}")))
        objects = sorted(map(str, [*emulator, *_compiled(jobs)]))
        linking = TORCH_LINKING if with_torch else ()
        made = CACHE / f"{_digest([result, *flags, *linking, *objects])}-{result}"
        with FileLock(made.with_name(f"{made.name}.lock")):
            if made.is_file():
                return made
            kind = ["-shared"] if result.endswith(".so") else ["-rdynamic"]
            linked = Path(name) / result
            _run([*COMPILER, *flags, "-pthread", *kind, *objects, *linking, "-ldl", "-o", str(linked)])
            linked.replace(made)
    return made


@dataclass(frozen=True)
class _Object:
    """One source and how it is compiled: again only where it, or a header that it includes, has changed."""

    source: Path
    flags: tuple[str, ...]

    def compiled(self) -> Path:
        include = toolkit.include_folder()
        flags = [f"-I{EMULATOR}", f"-isystem{include}", *FLAGS, *self.flags]
        command = [*COMPILER, *flags, "-x", "c++"]
        texts = [file.read_text("utf-8") for file in _made_of(command, self.source)]
        wherever = [flag for flag in flags if not flag.startswith("-I")]
        made = CACHE / f"{_digest([*COMPILER, *wherever, *texts])}.o"
        with FileLock(made.with_suffix(".lock")):
            if made.is_file():
                return made
            with tempfile.TemporaryDirectory(dir=CACHE) as name:
                written = Path(name) / made.name
                _run([*command, "-c", str(self.source), "-o", str(written)])
                written.replace(made)
        return made


def _compiled(jobs: Sequence[_Object]) -> list[Path]:
    with ThreadPoolExecutor(int(os.environ.get("MAX_JOBS") or len(os.sched_getaffinity(0)))) as pool:
        return list(pool.map(_Object.compiled, jobs))


@functools.cache  # to see that a source is unchanged takes the preprocessor, and these are of every build
def _objects_of_the_emulator(flags: tuple[str, ...]) -> list[Path]:
    return _compiled([_Object(source, flags) for source in EMULATOR.glob("*.cpp")])


def _made_of(command: Sequence[str], source: Path) -> list[Path]:
    """The source and the headers that it includes, without those of the system."""
    rule = _run([*command, "-MM", str(source)]).replace("\\\n", " ")
    return [Path(name) for name in rule.partition(":")[2].split()]


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def _patched(patches: Mapping[str, tuple[str, str]], folder: Path) -> Path:
    shutil.copytree(SOURCES, folder)
    for name, (before, after) in patches.items():
        text = (folder / name).read_text("utf-8")
        if text.count(before) != 1:
            raise BuildFailed(f"{name} must have this once, and has it {text.count(before)} times: {before}")
        (folder / name).write_text(text.replace(before, after), "utf-8")
    return folder


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise BuildFailed(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout
