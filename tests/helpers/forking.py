"""Programs in a process of their own, forked from one that has imported what takes longer than they do."""

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .running import ENGINE

FORKING = """
import importlib, json, os, runpy, signal, sys, time, traceback

for module in sys.argv[1:]:
    importlib.import_module(module)
for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for stream in (1, 2):
                os.dup2(os.open(job["said"][stream - 1], os.O_WRONLY | os.O_CREAT), stream)
            os.chdir(job["cwd"])
            os.environ.clear()
            os.environ.update(job["env"])
            sys.path[:0] = [path for path in job["env"].get("PYTHONPATH", "").split(os.pathsep) if path]
            importlib.invalidate_caches()
            sys.argv = job["words"]
            if sys.argv[0] == "-c":
                exec(sys.argv.pop(1), {"__name__": "__main__"})
            elif sys.argv[0] == "-m":
                del sys.argv[0]
                runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
            else:
                runpy.run_path(sys.argv[0], run_name="__main__")
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
        except BaseException:
            traceback.print_exc()
        finally:  # or it would go on as a second one that reads what the first is told
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    until = time.monotonic() + job["timeout"]
    while not (ended := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < until:
        time.sleep(0.01)
    if not ended[0]:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(ended[1]) if ended[0] else "too long", flush=True)
"""

PYTORCH = ("numpy", "torch", "torch.export.pt2_archive", "torch._export.serde.serialize")


@functools.cache
def _forking(modules: tuple[str, ...]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FORKING, *modules]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(process.communicate)  # it ends where its input does
    return process


def run_forked(
    words: Sequence[str],
    *,
    modules: Sequence[str] = ENGINE,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    timeout: float = 240,
) -> subprocess.CompletedProcess[str]:
    """Run ``python PROGRAM ...``, ``python -m MODULE ...`` or ``python -c CODE ...`` to its end.

    Args:
        words: all but the word ``python``.
        modules: what is imported already where it begins: by default all that a run of i2i needs.
        cwd: where it runs.
        env: all its variables; of those that Python itself reads, only ``PYTHONPATH`` has an effect.
        timeout: in seconds.

    Raises:
        subprocess.TimeoutExpired: it took longer, and was killed.
    """
    process = _forking(tuple(modules))
    with tempfile.TemporaryDirectory() as folder:
        said = [Path(folder, name) for name in ("stdout", "stderr")]
        job = {
            "words": [*map(str, words)],
            "said": [*map(str, said)],
            "cwd": str(cwd or Path.cwd()),
            "env": dict(os.environ) if env is None else env,
            "timeout": timeout,
        }
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline().strip()
        if answer == "too long":
            raise subprocess.TimeoutExpired(words, timeout)
        return subprocess.CompletedProcess(words, int(answer), *(path.read_text() for path in said))
