"""A C++ compiler that compiles a text once: as ``CXX`` of builds that several tests, or sessions, make anew.

    python -IS remembering_compiler.py FOLDER COMPILER ARGUMENT...

Only compiling is left out, and only where the preprocessed text and the flags are those of an object in FOLDER: every
source and header is read each time, where this build has it.
"""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def as_command(command: str = "g++") -> str:
    """What to set ``CXX`` to. The objects are kept in the temporary folder, as those of ``tests/cuda_on_host`` are."""
    folder = Path(tempfile.gettempdir()) / f"i2i-compiled-by-tests-{os.getuid()}"
    return shlex.join([sys.executable, "-IS", str(Path(__file__).resolve()), str(folder), *shlex.split(command)])


def _compile(folder: Path, command: list[str]) -> int:
    if "-c" not in command or "-o" not in command:
        return subprocess.call(command)
    place = command.index("-o") + 1
    preprocessing = ["-E" if word == "-c" else word for word in command]
    preprocessing[place] = "-"  # what -MD asks for is written all the same
    read = subprocess.run([*preprocessing, "-P"], stdout=subprocess.PIPE)
    if read.returncode != 0:
        return read.returncode
    wherever = [word for word in command if not re.search(r"/|\.o\b", word)]
    version = subprocess.run([command[0], "--version"], stdout=subprocess.PIPE, check=True).stdout
    kept = folder / hashlib.sha256(b"\0".join([version, *map(os.fsencode, wherever), read.stdout])).hexdigest()
    if not kept.is_file():
        code = subprocess.call(command)
        if code != 0:
            return code
        folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as copy:
            copy.write(Path(command[place]).read_bytes())
        Path(copy.name).replace(kept)  # whole, also where two processes compile it at once
    else:
        shutil.copyfile(kept, command[place])
    return 0


if __name__ == "__main__":
    sys.exit(_compile(Path(sys.argv[1]), sys.argv[2:]))
