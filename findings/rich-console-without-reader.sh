#!/bin/sh
# rich 15.0.0: a Console on standard error whose reader goes away takes standard output with it, and ends the program.
#
# Source: rich/console.py, Console.on_broken_pipe; own observation.
# Behaviour: when a write to the console raises BrokenPipeError, whatever stream it is on, rich points file descriptor 1
# (standard output) at /dev/null and raises SystemExit(1). A program that prints progress on stderr, as in
#     program 2> >(head -1) > result.txt
# loses everything it prints to result.txt from then on, and ends at its next progress line, with no message.
# A good engineer would expect stdout to stay what it is, and the exception, if any, to be the one of the stream.
# Seen: "exit 1; result: before".
# What helps: a subclass with an own on_broken_pipe, or a file object that swallows the error.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet rich==15.0.0
cat > program.py <<'PYTHON'
import os, sys
from rich.console import Console

console = Console(stderr=True)
print("before", flush=True)
for step in range(3):
    try:
        console.print(f"step {step}")
    except SystemExit:
        print("after", flush=True)  # standard output has a reader all the time
        raise
print("end", flush=True)
PYTHON
cat > run.py <<'PYTHON'
import os, subprocess, sys

reader, writer = os.pipe()
os.close(reader)  # nobody reads standard error
done = subprocess.run([sys.executable, "program.py"], stdout=subprocess.PIPE, stderr=writer, text=True)
seen = f"exit {done.returncode}; result: {' '.join(done.stdout.split())}"
print(seen)
sys.exit(seen != "exit 1; result: before")
PYTHON
venv/bin/python run.py
