#!/bin/sh
# torch.random.fork_rng, which is there to leave the random numbers of the caller alone, takes back what other threads draw meanwhile: numbers were drawn, and
# after it the global state is as if they had not been, so that the thread's next numbers do not go on from them.
#
# torch 2.13.0. Own observation; the documentation ("Forks the RNG, so that when you return, the RNG is reset to the state that it was previously in") does not
# speak of threads. The generator is one for the process. A torch.utils._python_dispatch.TorchDispatchMode, which is of one thread, that hands a torch.Generator
# of its own to the operators does without.
#
# Seen:
#   fork_rng: another thread drew 4 numbers, and the global state did not move: True
#   a dispatch mode with a generator of its own: False
#
# Exits 0 as long as it is so.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 numpy
"$work/venv/bin/python" - <<'PY'
import contextlib
import sys
import threading

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class OwnNumbers(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.generator = torch.Generator().manual_seed(0)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.rand.default:
            func, kwargs = torch.ops.aten.rand.generator, {**(kwargs or {}), "generator": self.generator}
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def forked():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def taken_back(context):
    torch.manual_seed(1)
    inside, drawn = threading.Event(), threading.Event()
    numbers = []

    def other():
        inside.wait(60)
        numbers.append(torch.rand(4))
        drawn.set()

    thread = threading.Thread(target=other)
    thread.start()
    before = torch.get_rng_state()
    with context():
        torch.rand(2)
        inside.set()
        drawn.wait(60)
    thread.join()
    return torch.equal(torch.get_rng_state(), before)


first, second = taken_back(forked), taken_back(OwnNumbers)
print("fork_rng: another thread drew 4 numbers, and the global state did not move:", first)
print("a dispatch mode with a generator of its own:", second)
sys.exit(not (first and not second))
PY
