#!/usr/bin/env bash
# accelerate 1.15.0 on the CPU: a size that a launcher left in the environment is enough to make one process several. A
# program that was started once, in a step of MPI or Slurm (PMI_SIZE, OMPI_COMM_WORLD_SIZE), cannot make an Accelerator;
# neither can one whose WORLD_SIZE or LOCAL_RANK is set and empty, as a shell script or a compose file sets it.
#
# Source: accelerate/state.py, PartialState._prepare_backend, and accelerate/utils/environment.py, get_int_from_env; own
# observation on Linux. https://huggingface.co/docs/accelerate/package_reference/state says that the state knows how many
# processes were launched.
#
# Whom it hurts: programs with a single process under srun --mpi=pmi2, in mpirun -n 1 of a larger allocation, in containers.
# torchmetrics 1.9.0 cannot even be imported with an empty LOCAL_RANK.
# What helps: take the variables out of os.environ while Accelerator() is made, unless there are a rank, a size above one
# and MASTER_ADDR; drop empty ones before torchmetrics is imported.
#
# Output seen:
#   nothing set             1 process
#   PMI_SIZE=2              ValueError: Tried to launch on distributed with multinode, but `MASTER_ADDR` env was not set
#   OMPI_COMM_WORLD_SIZE=2  ValueError: Tried to launch on distributed with multinode, but `MASTER_ADDR` env was not set
#   WORLD_SIZE=             ValueError: invalid literal for int() with base 10: ''
#   torchmetrics, LOCAL_RANK=  ValueError: invalid literal for int() with base 10: ''
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 accelerate==1.15.0 torchmetrics==1.9.0 numpy==2.4.6
cd "$work"
unset RANK WORLD_SIZE LOCAL_RANK LOCAL_WORLD_SIZE MASTER_ADDR MASTER_PORT PMI_SIZE OMPI_COMM_WORLD_SIZE
cat > show.py <<'PYTHON'
import sys

try:
    if sys.argv[1:]:
        import torchmetrics
    else:
        from accelerate import Accelerator

        print(Accelerator(cpu=True).num_processes, "process")
except ValueError as error:
    print("ValueError:", str(error).split(",", 2)[0] + ("," + str(error).split(",", 2)[1] if "," in str(error) else ""))
PYTHON
python="$work/venv/bin/python"
plain=$("$python" show.py)
pmi=$(PMI_SIZE=2 "$python" show.py)
ompi=$(OMPI_COMM_WORLD_SIZE=2 "$python" show.py)
empty=$(WORLD_SIZE= "$python" show.py)
metrics=$(LOCAL_RANK= "$python" show.py torchmetrics)
echo "nothing set                $plain"
echo "PMI_SIZE=2                 $pmi"
echo "OMPI_COMM_WORLD_SIZE=2     $ompi"
echo "WORLD_SIZE=                $empty"
echo "torchmetrics, LOCAL_RANK=  $metrics"
[[ $plain == "1 process" && $pmi == ValueError* && $ompi == ValueError* && $empty == ValueError* && $metrics == ValueError* ]] ||
    { echo "the behaviour has changed"; exit 1; }
