"""Libraries that are compiled at first use: made once, kept in the user's cache, never half written."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from i2i.errors import printable
from i2i.files import caches
from i2i.files.atomic import replacing
from i2i.ops.native import toolchain
from i2i.ops.native.toolchain import BuildError


@dataclass(frozen=True)
class KernelBuild:
    """What compiles a library, once the tools for it are found.

    Attributes:
        compiler: its name, for messages.
        configuration: tells apart what other tools make of the same sources.
        compile: compiles in a folder and returns the library in it; raises BuildError.
    """

    compiler: str
    configuration: str
    compile: Callable[[Path], Path]


@dataclass(frozen=True)
class Recipe:
    """A library that can be compiled.

    Attributes:
        what: its name in messages, a plural.
        file: its file name.
        name: what it depends on beside the tools: sources, torch, machine.
        work: in a checkout, the beginning of the name of the folder below ``build`` where it is compiled.
        prepare: finds the tools; raises BuildError.
    """

    what: str
    file: str
    name: str
    work: str
    prepare: Callable[[], KernelBuild]


def keep_compiled(recipe: Recipe, folder: Path, *, again: bool) -> Path:
    """Return the library of a recipe, compiled now if it is not in the cache.

    Args:
        recipe: what to compile.
        folder: the sources, as :func:`i2i.ops.native.toolchain.sources` gives them.
        again: whether to retry what has failed before.

    Raises:
        BuildError: it cannot be had.
    """
    kept = cache_folder()
    try:
        build = recipe.prepare()
    except BuildError:
        for library in sorted(kept.glob(f"{recipe.name}-*/{recipe.file}")):  # made when the tools were there
            return library
        raise
    name = f"{recipe.name}-{build.configuration}"
    library, failure = kept / name / recipe.file, kept / f"{name}.failed"
    if library.is_file():
        return library
    try:
        kept.mkdir(parents=True, exist_ok=True)
        with _locked(kept / f"{name}.lock", recipe.what):
            if library.is_file():
                return library
            if failure.is_file() and not again:
                raise BuildError(f"{failure.read_text('utf-8')} (tried before; to try again, delete {failure})")
            try:
                _compile(recipe, build, folder, library)
            except BuildError as error:
                if error.output:  # the compiler would say the same again
                    failure.write_text(str(error), "utf-8")
                raise
            failure.unlink(missing_ok=True)
    except (OSError, NotImplementedError) as error:
        raise BuildError(f"{kept} cannot be used: {error}; XDG_CACHE_HOME names another place") from error
    return library


def cache_folder() -> Path:
    """Return the folder for libraries that were compiled at first use.

    Raises:
        BuildError: this user has no home.
    """
    try:
        return caches.cache_folder("native")
    except RuntimeError as error:
        raise BuildError(f"there is no home folder to keep the kernels in ({error}); set XDG_CACHE_HOME") from error


def _compile(recipe: Recipe, build: KernelBuild, folder: Path, library: Path) -> None:
    """Compile, and put the result in its place in one step."""
    with _work_folder(recipe, folder, library) as work:
        _say(f"compiling {recipe.what} with {build.compiler}, once for this version; this can take a minute")
        built = build.compile(work)
        library.parent.mkdir(exist_ok=True)
        with replacing(library) as temporary:
            shutil.copyfile(built, temporary)
    _say(f"kept {recipe.what} in {library.parent}")


@contextmanager
def _work_folder(recipe: Recipe, folder: Path, library: Path) -> Iterator[Path]:
    """Give a folder to compile in: in a checkout one that stays, so that next time only what changed is compiled."""
    if toolchain.in_checkout(folder):
        configuration = library.parent.name.rpartition("-")[2]
        work = folder / "build" / f"{recipe.work}-{configuration}"
        work.mkdir(parents=True, exist_ok=True)
        with _locked(work.with_name(f"{work.name}.lock"), recipe.what):
            yield work
    else:
        prefix = f".{library.parent.name}."
        for left in library.parent.parent.glob(f"{prefix}*"):  # by one that was killed: one at a time comes here
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=prefix, dir=library.parent.parent) as temporary:
            yield Path(temporary)


@contextmanager
def _locked(path: Path, what: str) -> Iterator[None]:
    """Hold a lock that the system releases when its holder ends, however it ends."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0.1)
    except Timeout:
        _say(f"another process is compiling {what}; waiting for it")
        try:
            lock.acquire(timeout=toolchain.TIMEOUT)
        except Timeout:
            raise BuildError(f"another process has held {path} for {toolchain.TIMEOUT // 60} minutes") from None
    try:
        yield
    finally:
        lock.release()


def _say(message: str) -> None:
    print(f"i2i: {printable(message, lines=True)}", file=sys.stderr, flush=True)
