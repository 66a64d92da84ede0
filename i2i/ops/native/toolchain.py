"""Compiling the native library: one way for ``setup.py`` and for the build at first use.

``CMakeLists.txt`` says what is compiled and how; this file finds the tools and torch, runs CMake with Ninja in a folder
of its own and says in one line why that did not work. ``setup.py`` loads it by its path, before anything that i2i needs
is there, so it imports the standard library alone.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

LIBRARY = "libi2i.dylib" if sys.platform == "darwin" else "libi2i.so"
"""File name of the library with the operators."""
CUDA_LIBRARY = "libi2i_cuda.so"
"""File name of the library with the operators for CUDA."""
MODULE = "_C" + (sysconfig.get_config_var("EXT_SUFFIX") or ".so")
"""File name of the optional module ``i2i._C``."""
MARK = b"i2i-sources: "
"""What stands in a library in front of the hash of its sources."""
MODES = ("auto", "required", "off")
TIMEOUT = 900
"""Seconds after which a build is given up. On two cores it takes about one minute."""

PACKAGE = Path(__file__).resolve().parents[2]
"""The folder of the package i2i."""

_SOURCE_SUFFIXES = {".cpp", ".h", ".cu", ".cuh"}


class BuildError(Exception):
    """The library cannot be built. The message is one line; ``output`` is what the tools said, or empty."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


def mode() -> str:
    """Return what the environment variable ``I2I_BUILD`` asks for: ``auto``, ``required`` or ``off``.

    Raises:
        BuildError: it is none of these.
    """
    wanted = os.environ.get("I2I_BUILD") or "auto"
    if wanted not in MODES:
        raise BuildError(f"I2I_BUILD must be one of {', '.join(MODES)}; got {wanted!r}")
    return wanted


def sources() -> Path:
    """Return the folder with ``CMakeLists.txt`` and ``csrc``: inside an installed package, or the checkout around it.

    Raises:
        BuildError: there is none.
    """
    for folder in (PACKAGE / "_native_sources", PACKAGE.parent):
        if (folder / "CMakeLists.txt").is_file() and (folder / "csrc").is_dir():
            return folder
    raise BuildError(f"the native sources are missing at {PACKAGE / '_native_sources'}; install i2i again")


def in_checkout(folder: Path) -> bool:
    """Return whether ``folder``, as :func:`sources` gives it, is a checkout that can keep what was compiled."""
    return folder == PACKAGE.parent and os.access(folder, os.W_OK)


def source_files(folder: Path) -> list[Path]:
    """Return what native libraries are made of, relative to ``folder`` and sorted; the native tests are left out."""
    files = [Path("CMakeLists.txt")]
    for path in (folder / "csrc").rglob("*"):
        relative = path.relative_to(folder)
        is_source = path.suffix in _SOURCE_SUFFIXES or path.name == "CMakeLists.txt"
        if is_source and relative.parts[1] != "tests":
            files.append(relative)
    return sorted(files)


def sources_hash(folder: Path, *, cuda: bool = False) -> str:
    """Return 16 hexadecimal digits that change whenever a source of the CPU library does, or of the CUDA one."""
    digest = hashlib.sha256()
    for file in source_files(folder):
        if cuda or file.parts[:2] != ("csrc", "cuda"):
            content = (folder / file).read_bytes()
            digest.update(f"{file.as_posix()} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()[:16]


def hash_in(library: Path) -> str | None:
    """Return the hash of the sources that a library was built from, without loading it; None when it names none."""
    content = library.read_bytes()
    begin = content.find(MARK)
    return content[begin + len(MARK) :][:16].decode("ascii", "replace") if begin >= 0 else None


def find_torch() -> Path:
    """Return the folder of the torch package that i2i will run with, without importing it.

    pip builds in an environment of its own that holds no torch, but keeps the interpreter's prefix, and with it the
    folders where the torch of the target environment lies.

    Raises:
        BuildError: there is no torch.
    """
    folders = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *sys.path]
    spec = PathFinder.find_spec("torch", folders)
    if spec is None or spec.origin is None:
        raise BuildError("PyTorch is not installed here, and the kernels are compiled against its headers")
    return Path(spec.origin).parent


@dataclass(frozen=True)
class Tools:
    """The programs of a build. ``compiler`` is the command that the environment variable CXX gives, or a path."""

    cmake: str
    ninja: str
    compiler: str

    @property
    def identity(self) -> str:
        """What tells one compiler from another, found without running it: its command, path, size and time."""
        path = Path(shutil.which(shlex.split(self.compiler)[0]) or self.compiler).resolve()
        status = path.stat()
        return f"{self.compiler} {path} {status.st_size} {status.st_mtime_ns}"


def find_tools() -> Tools:
    """Find CMake, Ninja (those installed with i2i come first) and a C++ compiler (``CXX``, else g++, else clang++).

    Raises:
        BuildError: one is missing.
    """
    return Tools(cmake=_program("cmake", "data/bin/cmake"), ninja=_program("ninja"), compiler=find_compiler())


def find_compiler() -> str:
    """Return the C++ compiler to use.

    Raises:
        BuildError: there is none, or ``CXX`` names one that is not there.
    """
    wanted = os.environ.get("CXX", "").strip()
    if wanted:
        if shutil.which(shlex.split(wanted)[0]) is None:
            raise BuildError(f"CXX names the C++ compiler {wanted!r}, which is not there; unset it or correct it")
        return wanted
    for name in ("g++", "clang++", "c++"):
        path = shutil.which(name)
        if path is not None:
            return path
    raise BuildError("there is no C++ compiler; install one (on Debian or Ubuntu: sudo apt install g++)")


def find_nvcc() -> Path:
    """Find the CUDA compiler: that of ``CUDA_HOME`` or ``CUDA_PATH``, on PATH, of a toolkit, or installed from PyPI.

    Raises:
        BuildError: there is none.
    """
    roots = [Path(os.environ[name]) for name in ("CUDA_HOME", "CUDA_PATH") if os.environ.get(name)]
    places = [root / "bin" / "nvcc" for root in roots]
    places += [Path(found)] if (found := shutil.which("nvcc")) else []
    places += [Path("/usr/local/cuda/bin/nvcc")]
    places += sorted(Path(sysconfig.get_path("purelib"), "nvidia").glob("cu[0-9]*/bin/nvcc"), reverse=True)
    for place in places:
        if place.is_file():
            return place
    raise BuildError(f"there is no nvcc; set CUDA_HOME to a CUDA toolkit, or: {_pip_install('i2i[cuda-build]')}")


def cuda_version(nvcc: Path) -> str:
    """Return the CUDA version of a compiler, such as ``13.0``.

    Raises:
        BuildError: it cannot be run, or says something else.
    """
    try:
        told = subprocess.run([str(nvcc), "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise BuildError(f"{nvcc} cannot be run: {error}") from error
    found = re.search(r"release (\d+\.\d+)", told)
    if found is None:
        raise BuildError(f"{nvcc} does not say of which release it is: {_first_error(told)}")
    return found[1]


def configuration(tools: Tools, *more: str) -> str:
    """Return 8 hexadecimal digits that tell apart builds of the same sources with other tools, torch or arguments."""
    parts = [tools.identity, *more, os.environ.get("CMAKE_ARGS", ""), os.environ.get("CXXFLAGS", "")]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def machine() -> str:
    """Return the platform that a library runs on, such as ``linux-x86_64``."""
    return f"{sys.platform}-{platform.machine()}"


def build_library(folder: Path, work: Path, tools: Tools, torch: Path) -> Path:
    """Compile the library of the sources in ``folder`` and return its path below ``work``.

    Args:
        folder: as :func:`sources` gives it.
        work: where to compile; what an earlier build left there is used again.
        tools: as :func:`find_tools` gives them.
        torch: the folder of the torch package.

    Raises:
        BuildError: with the tools' words.
    """
    _configure(folder, work, tools, [f"-DI2I_TORCH={torch}", "-DI2I_PYTHON_MODULE=OFF"])
    _run([tools.cmake, "--build", str(work), "--target", "i2i"], tools)
    if hash_in(work / LIBRARY) != sources_hash(folder):
        raise BuildError(f"the sources in {folder} changed while they were compiled; try again")
    return work / LIBRARY


def build_cuda_library(
    folder: Path, work: Path, tools: Tools, torch: Path, nvcc: Path, architectures: Sequence[str]
) -> Path:
    """Compile the library of the CUDA kernels and return its path below ``work``. Needs no GPU.

    Args:
        folder: as :func:`sources` gives it.
        work: where to compile; what an earlier build left there is used again.
        tools: as :func:`find_tools` gives them.
        torch: the folder of the torch package.
        nvcc: as :func:`find_nvcc` gives it.
        architectures: such as ``["80", "90"]``.

    Raises:
        BuildError: with the tools' words.
    """
    settings = [f"-DI2I_NVCC={nvcc}", f"-DI2I_CUDA_ARCHITECTURES={';'.join(architectures)}", "-DI2I_CUDA=ON"]
    _configure(folder, work, tools, [f"-DI2I_TORCH={torch}", "-DI2I_PYTHON_MODULE=OFF", *settings])
    _run([tools.cmake, "--build", str(work), "--target", "i2i_cuda"], tools)
    return work / "csrc" / "cuda" / CUDA_LIBRARY


def build_module(folder: Path, work: Path, tools: Tools, torch: Path) -> Path:
    """Compile the module ``i2i._C`` for this Python, after :func:`build_library` in the same folder; return its path.

    Raises:
        BuildError: also where pybind11 or Python's headers are missing.
    """
    spec = PathFinder.find_spec("pybind11", sys.path)
    if spec is None or spec.origin is None:
        raise BuildError("pybind11 is not installed")
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        raise BuildError("Python's headers are missing (on Debian or Ubuntu: sudo apt install python3-dev)")
    pybind11 = Path(spec.origin).parent / "share" / "cmake" / "pybind11"
    settings = [f"-DI2I_TORCH={torch}", "-DI2I_PYTHON_MODULE=ON", f"-Dpybind11_DIR={pybind11}"]
    _configure(folder, work, tools, settings)
    _run([tools.cmake, "--build", str(work), "--target", "_C"], tools)
    return work / MODULE


def _configure(folder: Path, work: Path, tools: Tools, settings: Sequence[str]) -> None:
    arguments = [
        *("-S", str(folder), "-B", str(work), "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={tools.ninja}"),
        *(f"-DI2I_PYTHON={sys.executable}", f"-DI2I_SOURCES_HASH={sources_hash(folder)}"),
        *settings,
        *shlex.split(os.environ.get("CMAKE_ARGS", "")),
    ]
    _run([tools.cmake, *arguments], tools)


def _run(command: Sequence[str], tools: Tools) -> None:
    environment = {**os.environ, "CXX": tools.compiler}
    if os.environ.get("MAX_JOBS"):
        environment["CMAKE_BUILD_PARALLEL_LEVEL"] = os.environ["MAX_JOBS"]
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # so that the compilers can be ended with it
        )
    except OSError as error:
        raise BuildError(f"{command[0]} cannot be run: {error.strerror}") from error
    try:
        words, _ = process.communicate(timeout=TIMEOUT)
    except BaseException as error:
        with suppress(ProcessLookupError):  # it may have ended meanwhile
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise BuildError(f"the build took more than {TIMEOUT // 60} minutes and was given up") from error
        raise
    if process.returncode != 0:
        raise BuildError(f"the build with {tools.compiler} failed: {_first_error(words)}", words)


def _first_error(words: str) -> str:
    """The line of a build's output that says what is wrong: a compiler's, or CMake's with the line below it."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    for line in lines:
        if re.search(r"\berror: ", line):
            return line
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("CMake Error"):
            return f"{line} {following}" if line.endswith(":") else line
    return lines[-1] if lines else "no message"


def _program(name: str, inside_package: str = "") -> str:
    """The program that the Python package of this name brings along, or else the one on PATH."""
    spec = PathFinder.find_spec(name, sys.path)
    if inside_package and spec is not None and spec.origin is not None:
        path = Path(spec.origin).parent / inside_package
        if path.is_file():
            return str(path)
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if found is None:
        raise BuildError(f"{name} is missing; install it: {_pip_install(name)}")
    return found


def _pip_install(requirement: str) -> str:
    """What i2i.environment.packages.pip_install says, which cannot be imported from here."""
    return f'{sys.executable} -m pip install "{requirement}"'
