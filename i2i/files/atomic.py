"""Writing files so that a crash at any moment leaves either the old one or the new one.

Not every file system has links, renames over what is there, or a way to force things to the disk: network shares, cloud
drives, memory cards lack some of them. Where one is lacking the next best is taken, and :func:`noting_limits`
says what is lost by that.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from i2i.errors import RunFolderError

if TYPE_CHECKING:
    from torch import Tensor

UNFINISHED = ".unfinished"
"""A file in a folder that is being filled or removed under its own name, where folders cannot be renamed."""

_LACKING = frozenset(
    getattr(errno, name)
    for name in ("ENOSYS", "EOPNOTSUPP", "ENOTSUP", "EINVAL", "EPERM", "EACCES", "EXDEV", "EBADF", "EISDIR", "ENOTTY")
)
"""What file systems answer to a call that they do not have."""
_NOT_FORCED = "nothing can be forced to the disk where the run lies: a power cut may lose its newest files"
_IN_THE_WAY = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.EBUSY})

SETTLED_SECONDS = 24 * 60 * 60.0
"""A file that was last written so long ago, by a process that is gone, is a leftover. A day, for another machine or
container may share the folder: its processes are not seen here, and it may check an export long after writing it."""
_WRITING = re.compile(r"\.i2i-(\d+)-\d+\.writing")
_numbers = itertools.count()
_swept: set[Path] = set()

_note: ContextVar[Callable[[str], None] | None] = ContextVar("note", default=None)


@contextmanager
def noting_limits(note: Callable[[str], None]) -> Iterator[None]:
    """Give ``note``, once each, what the file systems written to in the block lack, and what is lost by it."""
    noted: set[str] = set()

    def once(text: str) -> None:
        if text not in noted:
            noted.add(text)
            note(text)

    token = _note.set(once)
    try:
        yield
    finally:
        _note.reset(token)


def note_limit(text: str) -> None:
    """Say what is lost by something that a file system does not have."""
    note = _note.get()
    if note is not None:
        note(text)


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write a safetensors file with the permissions of any new file; the library's own are for its owner alone."""
    from safetensors import SafetensorError
    from safetensors.torch import save, save_file

    path.touch()
    mode = path.stat().st_mode
    try:
        save_file(dict(tensors), path)
    except (OSError, SafetensorError):  # it writes to another name and renames, which does not work everywhere
        path.write_bytes(save(dict(tensors)))
    if path.stat().st_mode != mode:
        try:
            path.chmod(mode)
        except OSError:
            note_limit("permissions cannot be set where the run lies: its weights can be read by their owner alone")


@contextmanager
def replacing(path: Path, *, replace: bool = True, durable: bool = False, suffix: str = "") -> Iterator[Path]:
    """Give a temporary name to write a file under; once the block ends, the file gets its real name.

    A reader finds the old file or the new one. Where the block ends with an error, or is interrupted, the old one is
    untouched and nothing else is left. Missing folders above it are made; other threads and processes may write beside
    it, also to the same path. What a process that was killed left in the folder is removed.

    Args:
        path: the real name.
        replace: whether a file that is there at the end may be replaced.
        durable: force file and name to the disk, so that a power cut cannot lose what was there before.
        suffix: what the temporary name ends in, for libraries that ask the name what to write.

    Raises:
        FileExistsError: there is a file that may not be replaced.
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    temporary = path.with_name(f".i2i-{os.getpid()}-{next(_numbers)}.writing{suffix}")
    try:
        yield temporary
        if durable:
            with temporary.open("r+b") as file:
                _sync(file.fileno())
        if not replace and path.exists():
            raise FileExistsError(
                errno.EEXIST, "a file of this name is there since the start; it was not replaced", str(path)
            )
        _replace(temporary, path)
        if durable:
            sync_folder(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def replacing_together(
    path: Path, beside: Sequence[str], *, replace: bool = True, durable: bool = False
) -> Iterator[Path]:
    """As :func:`replacing`, for a file that others belong to, of the same name but for their suffixes.

    Who reads the first finds those that it was written with: where it is replaced, it is gone before they are, and
    comes last.

    Args:
        path: the real name of the first.
        beside: the suffixes of the others.
        replace: as there.
        durable: as there.

    Raises:
        FileExistsError: as there, for each of them.
        OSError: one cannot be written, or was not.
    """
    with replacing(path, replace=replace, durable=durable, suffix=path.suffix) as temporary:
        others = {temporary.with_suffix(suffix): path.with_suffix(suffix) for suffix in beside}
        try:
            yield temporary
            for place in (path, *others.values()) if others else ():
                if not replace and place.exists():
                    raise FileExistsError(errno.EEXIST, "a file of this name is there; it was not replaced", str(place))
            for written in others:
                with written.open("r+b") as file:  # which must be there, before anything is removed
                    if durable:
                        _sync(file.fileno())
            if others:
                path.unlink(missing_ok=True)
            for written, place in others.items():
                _replace(written, place)
        finally:
            for written in others:
                with suppress(OSError):
                    written.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove what :func:`replacing` left in a folder when its process was killed; once a folder and process."""
    folder = folder.absolute()
    if folder in _swept:
        return
    _swept.add(folder)
    with suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208 - names are enough, also of a million files
            match = _WRITING.match(name)
            if match and _is_left(folder / name, int(match[1])):
                (folder / name).unlink(missing_ok=True)


def _is_left(file: Path, process: int) -> bool:
    """Whether nobody writes a file any more: neither its process nor, by its age, one of that number elsewhere."""
    import psutil

    return time.time() - file.stat().st_mtime > SETTLED_SECONDS and not psutil.pid_exists(process)


def write_whole(path: Path, content: bytes | Iterable[bytes]) -> Path:
    """Write a file as :func:`replacing` does, and durably.

    The content may come in pieces, which may be read from the old file. Missing folders above it are made.

    Raises:
        RunFolderError: it cannot be written; what was there before is untouched.
    """
    try:
        with replacing(path, durable=True) as temporary, temporary.open("wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
    except OSError as error:
        raise RunFolderError(
            f"cannot write {path}: {error.strerror or error}; make room or give write access, then resume the run"
        ) from error
    return path


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder to fill; it gets its real name only once everything in it is on the disk.

    Whatever goes wrong, nothing half-written is left under the real name.
    """
    temporary = path.with_name(f".{path.name}.writing")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        for file in temporary.iterdir():
            with file.open("rb") as opened:
                _sync(opened.fileno())
        sync_folder(temporary)
        rename_folder(temporary, path)
        sync_folder(path.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def rename_folder(folder: Path, path: Path) -> None:
    """Give a whole folder its name; where folders cannot be renamed, it is copied and marked until it is whole."""
    try:
        folder.rename(path)
        return
    except OSError as error:
        if error.errno not in _LACKING or path.exists():
            raise
        refused = error
    try:
        path.mkdir()
        (path / UNFINISHED).touch()
        for file in folder.iterdir():
            shutil.copyfile(file, path / file.name)
            with (path / file.name).open("rb") as opened:
                _sync(opened.fileno())
        (path / UNFINISHED).unlink()
    except OSError:
        shutil.rmtree(path, ignore_errors=True)
        raise refused from None
    shutil.rmtree(folder, ignore_errors=True)
    note_limit("folders cannot be renamed where the run lies: each checkpoint is written twice, which takes longer")


def move(file: Path, path: Path) -> None:
    """Move a file to a name that is free; where it cannot be renamed, copy it."""
    try:
        file.rename(path)
    except OSError as error:
        if error.errno not in _LACKING:
            raise
        try:
            shutil.copyfile(file, path)
        except OSError:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise
        file.unlink()


def remove_folder(path: Path) -> None:
    """Remove a folder; a crash half way leaves it under a hidden name, or marked, never incomplete under its own."""
    doomed = path.with_name(f".{path.name}.removing")
    shutil.rmtree(doomed, ignore_errors=True)
    try:
        path.rename(doomed)
    except OSError as error:
        if error.errno not in _LACKING:
            raise
        (path / UNFINISHED).touch()
        doomed = path
    shutil.rmtree(doomed, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what :func:`new_folder` and :func:`remove_folder` left behind when the process was killed."""
    for pattern in (".*.writing", ".*.removing"):
        for path in folder.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    for mark in folder.glob(f"*/{UNFINISHED}"):
        shutil.rmtree(mark.parent, ignore_errors=True)


def point_link(link: Path, target: str) -> None:
    """Make ``link`` a symbolic link to ``target``, atomically; where there are none, nothing stands there.

    A link is for people and other programs: nothing of i2i rests on it.
    """
    if link.is_dir() and not link.is_symlink():
        note_limit(f"{link} is a folder and no link to {target}, which it stands for; it is left as it is")
        return
    temporary = link.with_name(f".{link.name}.writing")
    try:
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        with suppress(OSError):
            temporary.replace(link)
            return
        temporary.unlink()
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    except (OSError, NotImplementedError):
        with suppress(OSError):  # better none than one that points at the checkpoint before
            temporary.unlink(missing_ok=True)
            link.unlink(missing_ok=True)
        note_limit(
            "no symbolic links can be made where the run lies: checkpoints/latest and checkpoints/best do not stand "
            "there for other programs; i2i knows them all the same, by the checkpoints themselves"
        )


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder durable, as far as the file system lets."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno not in _LACKING:
            raise
        note_limit(_NOT_FORCED)
        return
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def _sync(descriptor: int) -> None:
    """Force a file or folder to the disk; what fails for want of room or by a broken disk is an error."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _LACKING:
            raise
        note_limit(_NOT_FORCED)


def _replace(temporary: Path, path: Path) -> None:
    """Rename a file over another one; where that does not work, without protection against a crash meanwhile."""
    try:
        temporary.replace(path)
        return
    except OSError as error:
        if error.errno not in _LACKING | _IN_THE_WAY or path.is_dir():
            raise
        refused = error
    try:
        path.unlink(missing_ok=True)
    except OSError:
        raise refused from None
    move(temporary, path)
    note_limit("files cannot be replaced by renaming where the run lies: a crash while one is written may lose it")
