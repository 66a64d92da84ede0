#!/usr/bin/env bash
# torch 2.13.0: making the first optimiser after init_process_group keeps that group's threads alive for good, also after
# destroy_process_group. The optimiser imports torch._dynamo, and that torch.distributed.nn.functional, whose functions
# have `group=group.WORLD` as a default: it is evaluated when they are defined, and holds the group that there is then.
# Where the module was imported before the group was made, the default is none, and the threads end with the group.
#
# Source: https://github.com/pytorch/pytorch/blob/v2.13.0/torch/distributed/nn/functional.py, broadcast and its like;
# https://github.com/pytorch/pytorch/pull/179291 on what such threads do while Python ends; own observation.
#
# Whom it hurts: who trains in several processes and ends as the documentation says. A thread of the group that lets go of
# a tensor while Python ends aborts the process ("terminate called without an active exception"), now and then, on busy
# machines, after all the work was done; torchrun then calls the run failed.
# What helps: `import torch.distributed.nn.functional` before init_process_group.
#
# Output seen:
#   optimiser after the group was made      before 3, after destroy_process_group 3 threads
#   the same, with the import before it     before 3, after destroy_process_group 0 threads
#   no optimiser                            before 3, after destroy_process_group 0 threads
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
cat >"$work/threads.py" <<'PYTHON'
import gc
import sys
from pathlib import Path

import torch
import torch.distributed as dist


def threads_of_the_group():
    return sum("gloo" in task.read_text() for task in Path("/proc/self/task").glob("*/comm"))


if "import" in sys.argv:
    import torch.distributed.nn.functional
dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
dist.all_reduce(torch.ones(3))
if "optimiser" in sys.argv:
    torch.optim.Adam([torch.nn.Parameter(torch.ones(3))])
before = threads_of_the_group()
dist.destroy_process_group()
gc.collect()
print(before, threads_of_the_group())
PYTHON
cd "$work"
changed=0
look() {  # EXPECTED NAME WORD...
    local expected=$1 name=$2 before after
    shift 2
    read -r before after < <("$work/venv/bin/python" threads.py "$@")
    printf '%-39s before %d, after destroy_process_group %d threads\n' "$name" "$before" "$after"
    [ "$before" -gt 0 ] && [ "$((after > 0))" = "$expected" ] || changed=1
}
look 1 "optimiser after the group was made" optimiser
look 0 "the same, with the import before it" optimiser import
look 0 "no optimiser"
[ "$changed" = 0 ] || { echo "the behaviour has changed"; exit 1; }
