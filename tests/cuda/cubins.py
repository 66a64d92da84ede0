"""What the CUDA compiler made of the kernels: machine code for each architecture, its resources and instructions."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from filelock import FileLock

from ..cuda_on_host import toolkit

HERE = Path(__file__)
SOURCES = HERE.parents[2] / "csrc"
KERNELS = SOURCES / "cuda"
ARCHITECTURES = (75, 80, 86, 90, 100, 120)
FLAGS = ("-std=c++17", "-O3", "-Werror=all-warnings", "-cubin", "-Xptxas", "-v")
CUDA_SHARED_BYTES = 1 << 10
"""Of every block from sm_80 on, for CUDA itself."""
CACHE = Path(tempfile.gettempdir()) / f"i2i-cubins-{os.getuid()}"


@dataclass(frozen=True)
class Kernel:
    """One kernel of one architecture.

    Attributes:
        name: demangled, with its template arguments.
        architecture: 80 for sm_80, and so on.
        registers: of a thread.
        shared_bytes: static shared memory of a block, as the compiler counts it.
        local_bytes: local memory of a thread, its stack and what is spilled included.
        spilled_bytes: of registers stored to and loaded from local memory.
        instructions: how often each occurs, by its name with all modifiers: ``LDG.E.128``.
    """

    name: str
    architecture: int
    registers: int
    shared_bytes: int
    local_bytes: int
    spilled_bytes: int
    instructions: dict[str, int]

    @property
    def own_shared_bytes(self) -> int:
        """Static shared memory without what CUDA keeps for itself, which the compiler counts from sm_90 on."""
        counted = self.architecture >= 90 and self.shared_bytes >= CUDA_SHARED_BYTES
        return self.shared_bytes - CUDA_SHARED_BYTES if counted else self.shared_bytes

    @property
    def stem(self) -> str:
        """The name without namespaces, template arguments and parameters."""
        return re.findall(r"(\w+)(?:<.*)?\(", self.name)[0].split("::")[-1] if "(" in self.name else self.name

    def count(self, pattern: str) -> int:
        """How many instructions have a name that the regular expression matches from its start."""
        return sum(times for name, times in self.instructions.items() if re.match(pattern, name))


def why_missing() -> str | None:
    """Say what is not on this machine to look at machine code, or None."""
    if toolkit.nvcc() is None:
        return f"nvcc is not here: {toolkit.CURE}"
    if cuobjdump() is None:
        return 'cuobjdump is not here: install a CUDA toolkit, or from PyPI: pip install "i2i[cuda-build]"'
    if shutil.which("nvdisasm", path=_search_path()) is None:
        return 'nvdisasm is not here: install a CUDA toolkit, or from PyPI: pip install "i2i[cuda-build]"'
    return None


def _search_path() -> str:
    """Where cuobjdump may find nvdisasm: beside it, or on PATH."""
    viewer = cuobjdump()
    return os.pathsep.join([*([str(viewer.parent)] if viewer is not None else []), os.environ.get("PATH", "")])


@cache
def cuobjdump() -> Path | None:
    """The program that shows what is in machine code, or None."""
    compiler, on_path = toolkit.nvcc(), shutil.which("cuobjdump")
    places = [compiler.parent / "cuobjdump"] if compiler is not None else []
    places += [Path(on_path)] if on_path is not None else []
    places += sorted(Path(sysconfig.get_path("purelib"), "nvidia").glob("cu[0-9]*/bin/cuobjdump"), reverse=True)
    return next((place for place in places if place.is_file()), None)


@cache
def kernels(architecture: int) -> tuple[Kernel, ...]:
    """Every kernel of ``csrc/cuda``, compiled for one architecture now or before."""
    return tuple(kernel for source in _sources() for kernel in _of_source(source, architecture))


def compile_all() -> None:
    """Make everything that is not there yet, side by side."""
    jobs = [(source, architecture) for architecture in ARCHITECTURES for source in _sources()]
    with ThreadPoolExecutor(int(os.environ.get("MAX_JOBS") or len(os.sched_getaffinity(0)))) as pool:
        for _ in pool.map(lambda job: _of_source(*job), jobs):
            pass


def _sources() -> list[Path]:
    return [source for source in sorted(KERNELS.rglob("*.cu")) if "__global__" in _text_with_includes(source)]


@cache
def _text_with_includes(source: Path) -> str:
    """The file and, once each, those of ours that it includes."""
    files, seen = [source], [source]
    while files:
        for name in re.findall(r'#include "([\w/.]+)"', files.pop().read_text("utf-8")):
            file = SOURCES / name
            if file.is_file() and file not in seen:
                seen.append(file)
                files.append(file)
    return "".join(file.read_text("utf-8") for file in seen)


def _of_source(source: Path, architecture: int) -> list[Kernel]:
    compiler, viewer = toolkit.nvcc(), cuobjdump()
    assert compiler is not None
    assert viewer is not None
    made_of = "\0".join(
        [str(compiler), *FLAGS, str(architecture), _text_with_includes(source), HERE.read_text("utf-8")]
    )
    kept = CACHE / f"{source.stem}-sm_{architecture}-{hashlib.sha256(made_of.encode()).hexdigest()[:20]}.json"
    CACHE.mkdir(mode=0o700, exist_ok=True)
    with FileLock(kept.with_suffix(".lock")), tempfile.TemporaryDirectory(dir=CACHE) as name:
        if not kept.is_file():
            cubin, written = Path(name) / "kernels.cubin", Path(name) / "kernels.json"
            said = _run(
                [str(compiler), *FLAGS, f"-arch=sm_{architecture}", f"-I{SOURCES}", str(source), "-o", str(cubin)]
            )
            found = _read(architecture, said, _run([str(viewer), "-res-usage", "-sass", str(cubin)]))
            written.write_text(json.dumps([asdict(kernel) for kernel in found]), "utf-8")
            written.replace(kept)
    return [Kernel(**fields) for fields in json.loads(kept.read_text("utf-8"))]


def _read(architecture: int, assembler: str, dump: str) -> list[Kernel]:
    """Put together what ptxas said of each kernel and what cuobjdump shows."""
    spilled = {
        name: int(stores) + int(loads)
        for name, stores, loads in re.findall(
            r"Function properties for (\S+)\n.*?(\d+) bytes spill stores, (\d+) bytes spill loads", assembler
        )
    }
    usage = {
        name: [int(number) for number in numbers]
        for name, *numbers in re.findall(r"Function (\S+):\n\s*REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)", dump)
    }
    instructions = {}
    for text in re.split(r"^\s*Function : ", dump, flags=re.MULTILINE)[1:]:
        counts: dict[str, int] = {}
        for name in re.findall(r"^\s*/\*[0-9a-f]+\*/\s+(?:@!?\w+ )?\s*([A-Z][\w.]*)", text, re.MULTILINE):
            counts[name] = counts.get(name, 0) + 1
        instructions[text.split(maxsplit=1)[0]] = counts
    if not usage or usage.keys() != instructions.keys() or not usage.keys() <= spilled.keys():
        raise ValueError("cuobjdump or ptxas write otherwise than is understood here: kernels without their resources")
    demangled = _run(["c++filt", *usage]).splitlines()
    return [
        Kernel(readable, architecture, registers, shared, stack + local, spilled[name], instructions[name])
        for readable, (name, (registers, stack, shared, local)) in zip(demangled, usage.items(), strict=True)
    ]


def _run(command: Sequence[str]) -> str:
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(f"{command[0]} is not there")
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PATH": _search_path()})
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout + done.stderr
