"""Keeping a second process out of a run folder, also where files cannot be locked."""

from __future__ import annotations

import errno
import inspect
import json
import os
import platform
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from i2i.files import atomic

_NO_LOCKS = frozenset(
    getattr(errno, name) for name in ("ENOSYS", "ENOLCK", "EOPNOTSUPP", "ENOTSUP", "EINVAL", "ENOTTY", "EBADF")
)
# A lock of filelock's own in place of the system's would outlive a killed process of another machine or container.
_SYSTEM_ONLY: dict[str, Any] = (
    {"fallback_to_soft": False} if "fallback_to_soft" in inspect.signature(FileLock.__init__).parameters else {}
)
AGAIN_SECONDS = 0.2


class RunLock:
    """A lock that the operating system drops with its process; where it has none, a note of the process that has it.

    Args:
        path: the file to lock; the note stands beside it.
    """

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path, **_SYSTEM_ONLY)
        self.files = (path, path.with_name(f"{path.name}-holder"))
        self._named = False

    def acquire(self, patience: float) -> None:
        """Take it, after ``patience`` seconds at most.

        Raises:
            Timeout: another process has it.
            OSError: the folder cannot be written.
        """
        try:
            self._lock.acquire(timeout=patience)
            return
        except Timeout:
            raise
        except NotImplementedError:  # of filelock's older versions
            pass
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        until = time.monotonic() + patience
        while _is_alive(holder := self._holder()):
            if time.monotonic() >= until:
                raise Timeout(str(self.files[0]))
            time.sleep(AGAIN_SECONDS)
        with suppress(OSError):
            self.files[1].write_text(json.dumps(_this_process()), encoding="utf-8")
            self._named = True
        other = holder.get("host")
        elsewhere = f", and {other} may still be at it" if other not in (None, platform.node()) else ""
        atomic.note_limit(
            f"files cannot be locked where the run lies: a second process that trains in it on another machine is not "
            f"kept out{elsewhere}"
        )

    def release(self) -> None:
        """Let others in."""
        self._lock.release()
        if self._named:
            with suppress(OSError):
                self.files[1].unlink()
            self._named = False

    def _holder(self) -> dict[str, Any]:
        try:
            values = json.loads(self.files[1].read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return values if isinstance(values, dict) else {}


def _this_process() -> dict[str, Any]:
    return {"host": platform.node(), "pid": os.getpid(), "started": psutil.Process().create_time()}


def _is_alive(holder: dict[str, Any]) -> bool:
    """Whether another process of this machine holds it, and not one that got its number later."""
    if holder.get("host") != platform.node() or holder.get("pid") == os.getpid():
        return False
    try:
        return bool(psutil.Process(int(holder["pid"])).create_time() == holder.get("started"))
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False
