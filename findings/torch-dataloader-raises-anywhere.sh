#!/usr/bin/env bash
# torch 2.13.0: the death of a DataLoader's process raises a RuntimeError in the main thread wherever that is, not where it
# asks for a batch: in the middle of an optimiser's step, or of writing a file.
#
# Source: torch/utils/data/_utils/signal_handling.py, whose handler of SIGCHLD raises; own observation on Linux. The
# documentation at https://docs.pytorch.org/docs/2.13/data.html tells of the error, not of the place.
#
# Whom it hurts: programs that save what is trained when an error ends the loop. The weights may be those of half a step,
# with one group of networks, or a part of a group, updated. It stays so for the whole process: the handler is never put
# back.
# What helps: signal.signal(signal.SIGCHLD, before) right after iter(loader). The next batch tells of the death too, after
# five seconds.
#
# Output seen:
#   after iter(loader)           raised in the middle of other work: DataLoader worker is killed by signal: Killed
#   with the handler put back    other work was done; the next batch: DataLoader worker exited unexpectedly
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
cd "$work"
cat > show.py <<'PYTHON'
import os
import re
import signal
import time

import torch
from torch.utils.data import DataLoader


def lose_a_process(put_back):
    before = signal.getsignal(signal.SIGCHLD)
    batches = iter(DataLoader(torch.arange(10_000.0), num_workers=1))
    if put_back:
        signal.signal(signal.SIGCHLD, before)
    next(batches)
    os.kill(batches._workers[0].pid, signal.SIGKILL)
    place = "raised in the middle of other work"
    try:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            time.sleep(0.01)  # stands for an optimiser's step
        place = "other work was done; the next batch"
        for _ in batches:
            pass
    except RuntimeError as error:
        said = re.sub(r" \(pid(\(s\))? [^)]*\)", "", str(error)).split(".")[0].strip()
        return f"{place}: {said}"
    return "nothing is raised"


if __name__ == "__main__":
    put_back, left = lose_a_process(True), None
    import torch.utils.data._utils.signal_handling as handling

    handling._SIGCHLD_handler_set = False  # as in a process of its own
    left = lose_a_process(False)
    print("after iter(loader)          ", left)
    print("with the handler put back   ", put_back)
    assert left.startswith("raised in the middle of other work: DataLoader worker is killed"), "the behaviour has changed"
    assert put_back.startswith("other work was done; the next batch: DataLoader worker"), "the behaviour has changed"
PYTHON
"$work/venv/bin/python" show.py
