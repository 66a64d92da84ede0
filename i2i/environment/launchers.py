"""What a launcher (torchrun, accelerate launch, MPI, a batch system) says in the environment. Imports no torch.

Accelerate guesses from single variables that there are several processes, and then waits for them. Here a run is shared
only if a launcher said all that it takes to meet: a rank, a size above one, and the address of the first process. All
other variables of that kind are hidden from Accelerate, and named where a person may have meant something by them.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from i2i.errors import ConfigError, printable

RANK, SIZE, LOCAL_RANK, LOCAL_SIZE = "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"
MEETING_PLACE = ("MASTER_ADDR", "MASTER_PORT")

FAMILIES = {
    "torchrun": (RANK, SIZE, LOCAL_RANK, LOCAL_SIZE),
    "Open MPI": (
        "OMPI_COMM_WORLD_RANK",
        "OMPI_COMM_WORLD_SIZE",
        "OMPI_COMM_WORLD_LOCAL_RANK",
        "OMPI_COMM_WORLD_LOCAL_SIZE",
    ),
    "MPI": ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"),  # MPICH, Intel MPI, srun --mpi=pmi2
    "MVAPICH": (
        "MV2_COMM_WORLD_RANK",
        "MV2_COMM_WORLD_SIZE",
        "MV2_COMM_WORLD_LOCAL_RANK",
        "MV2_COMM_WORLD_LOCAL_SIZE",
    ),
    "LSF": ("JSM_NAMESPACE_RANK", "JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_LOCAL_RANK", "JSM_NAMESPACE_LOCAL_SIZE"),
}
"""By launcher: the variables of a process's rank, of their number, and both among those of its machine."""

STEPS = {"Slurm": ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS")}
"""Batch systems that start several processes without saying where they meet."""

SEVERAL = "several share one run under torchrun --nproc-per-node N -m i2i run ..."

SHARDING = {
    "ACCELERATE_USE_DEEPSPEED": "--use_deepspeed",
    "ACCELERATE_USE_FSDP": "--use_fsdp",
    "ACCELERATE_USE_MEGATRON_LM": "--use_megatron_lm",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "--use_parallelism_config",
    "ACCELERATE_USE_SAGEMAKER": "on SageMaker",
}
"""Ways of Accelerate to split networks among processes."""

DECIDED = (
    *SHARDING,
    "ACCELERATE_USE_CPU",
    "ACCELERATE_TORCH_DEVICE",
    "ACCELERATE_MIXED_PRECISION",
    "ACCELERATE_GRADIENT_ACCUMULATION_STEPS",
    "ACCELERATE_DYNAMO_BACKEND",
    "ACCELERATE_DYNAMO_MODE",
    "ACCELERATE_DYNAMO_USE_FULLGRAPH",
    "ACCELERATE_DYNAMO_USE_DYNAMIC",
    "ACCELERATE_DYNAMO_USE_REGIONAL_COMPILATION",
)
"""What Accelerate reads from its launcher, and a run decides by its own options."""


@dataclass(frozen=True)
class Launched:
    """The processes that share a run.

    Attributes:
        rank: this one, from 0.
        size: how many there are.
        local_rank: this one among those of its machine.
        local_size: how many of them its machine has, or 0 if nobody says.
        place: where they meet, ``"host:port"``; empty for a single process.
        notes: on variables that are left aside.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    place: str = ""
    notes: tuple[str, ...] = ()

    @property
    def several(self) -> bool:
        """Whether there are others."""
        return self.size > 1


def launched(environ: Mapping[str, str] = os.environ) -> Launched:
    """Say which processes share a run, by the environment: this one alone unless a launcher started several."""
    notes = []
    host, port = _meeting(environ).values()
    complete = bool(host) and _is_port(port)
    for launcher, (rank_name, size_name, *local_names) in FAMILIES.items():
        rank, size = _number(environ, rank_name), _number(environ, size_name)
        if rank is not None and size is not None and size > 1:
            if complete:
                local_rank, local_size = (_number(environ, name) for name in local_names)
                return Launched(
                    rank, size, rank if local_rank is None else local_rank, local_size or 0, f"{host}:{port}"
                )
            notes.append(_on_its_own(launcher, environ, size_name, rank_name, size))
        else:
            notes.extend(_left_over(environ, rank_name, size_name))
    for system, (rank_name, size_name) in STEPS.items():
        size = _number(environ, size_name)
        if not notes and size is not None and size > 1:
            notes.append(_on_its_own(system, environ, size_name, rank_name, size))
    return Launched(notes=tuple(notes))


def require_possible(found: Launched, environ: Mapping[str, str] = os.environ) -> None:
    """Refuse what no process can take part in.

    Raises:
        ConfigError: the rank is none of the size's, or Accelerate's launcher was told to split the networks.
    """
    if found.rank >= found.size:
        raise ConfigError(
            f"{RANK} must be below {SIZE}; the launcher says rank {found.rank} of {found.size}; start the processes "
            "with torchrun, which sets both"
        )
    for name, option in SHARDING.items():
        if _is_true(environ.get(name, "")):
            raise ConfigError(
                f"accelerate launch {option} ({name}={printable(environ[name])}): every process of i2i trains whole "
                "networks, none splits them; leave that out, in accelerate's configuration file too (accelerate env "
                "shows it), or start with torchrun"
            )


def wants_cpu(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether ``accelerate launch --cpu`` started this process."""
    return _is_true(environ.get("ACCELERATE_USE_CPU", ""))


def ignored_settings(
    precision: str, accumulate: int, device: str, environ: Mapping[str, str] = os.environ
) -> list[str]:
    """Name the settings of ``accelerate launch`` that differ from the run's own, and the options that count.

    Args:
        precision: the run's own, ``"fp32"`` or ``"bf16"``.
        accumulate: the run's batches a step.
        device: the run's own, as a person named it.
        environ: where the launcher left its settings.
    """
    notes = []
    mixed = environ.get("ACCELERATE_MIXED_PRECISION", "").strip().lower()
    if mixed not in ("", "no", precision):
        other = "--precision bf16 trains in bf16" if mixed == "bf16" else "expected with it: --precision fp32 or bf16"
        notes.append(
            f"accelerate launch --mixed_precision {printable(mixed)} has no effect on a run of i2i, which trains in "
            f"{precision}: {other}"
        )
    steps = environ.get("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "").strip()
    if steps not in ("", "1", str(accumulate)):
        notes.append(
            f"accelerate launch --gradient_accumulation_steps {printable(steps)} has no effect on a run of i2i, which "
            f"takes {accumulate} batches a step: --accumulate N sets that"
        )
    backend = environ.get("ACCELERATE_DYNAMO_BACKEND", "").strip()
    if backend.lower() not in ("", "no"):
        notes.append(
            f"accelerate launch --dynamo_backend {printable(backend.lower())} has no effect on a run of i2i: it does "
            "not compile networks"
        )
    named = environ.get("ACCELERATE_TORCH_DEVICE", "").strip()
    if named not in ("", device):
        notes.append(f"ACCELERATE_TORCH_DEVICE={printable(named)} has no effect on a run of i2i: --device is {device}")
    if wants_cpu(environ) and device not in ("auto", "cpu"):
        notes.append(f"accelerate launch --cpu has no effect on a run of i2i with --device {device}")
    return notes


def drop_malformed_numbers() -> None:
    """Take an empty ``LOCAL_RANK``, or a word, out of the environment: torchmetrics cannot be imported with it."""
    if LOCAL_RANK in os.environ and _number(os.environ, LOCAL_RANK) is None:
        del os.environ[LOCAL_RANK]


@contextmanager
def shown_to_accelerate(found: Launched) -> Iterator[None]:
    """Let Accelerate see the processes that were found and nothing else, while the block lasts."""
    hidden = {name for family in FAMILIES.values() for name in family} | set(DECIDED)
    before = {name: os.environ.pop(name, None) for name in hidden}
    if found.several:
        os.environ.update({RANK: str(found.rank), SIZE: str(found.size), LOCAL_RANK: str(found.local_rank)})
        os.environ[LOCAL_SIZE] = str(found.local_size or 1)
        if found.local_size == found.size and "GLOO_SOCKET_IFNAME" not in os.environ and (loop := _loopback()):
            # Gloo listens where the machine's own name leads: to a name service that does not answer, or behind a wall.
            hidden.add("GLOO_SOCKET_IFNAME")
            before["GLOO_SOCKET_IFNAME"] = None
            os.environ["GLOO_SOCKET_IFNAME"] = loop
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _meeting(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ.get(name, "").strip() for name in MEETING_PLACE}


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 2**16


def _number(environ: Mapping[str, str], name: str) -> int | None:
    """A variable as a whole number from 0 on, or ``None`` where it is not set or something else."""
    text = environ.get(name, "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _is_true(text: str) -> bool:
    return text.strip().lower() in ("1", "true", "yes", "y", "on", "t")


def _on_its_own(launcher: str, environ: Mapping[str, str], size_name: str, rank_name: str, size: int) -> str:
    missing = " and ".join(name for name, value in _meeting(environ).items() if not value) or "a port in MASTER_PORT"
    rank = printable(environ.get(rank_name, "").strip())
    return (
        f"{launcher} says process {rank} of {size} ({size_name}={size}), without {missing}, where they would meet: "
        f"this process trains alone, a run of its own; {SEVERAL}"
    )


def _left_over(environ: Mapping[str, str], rank_name: str, size_name: str) -> Iterator[str]:
    """Report a rank without a size, a size without a rank, and what is not a number."""
    size = _number(environ, size_name)
    for name in (rank_name, size_name):
        text = environ.get(name, "").strip()
        if text and _number(environ, name) is None:
            yield f"{name}={printable(text)} in the environment has no effect: it is not a number; one process trains"
        elif name == rank_name and text not in ("", "0") and (size is None or size < 2):
            yield f"{name}={text} in the environment has no effect: no {size_name} says that there are others"
        elif name == size_name and size is not None and size > 1 and not environ.get(rank_name, "").strip():
            yield (
                f"{name}={size} in the environment has no effect: no {rank_name} says which process this one is; it "
                f"trains alone; {SEVERAL}"
            )


def _loopback() -> str | None:
    """The name of this machine's own interface, where it has one of the usual names."""
    if sys.platform == "win32":
        return None
    names = {name for _, name in socket.if_nameindex()}
    return next((name for name in ("lo", "lo0") if name in names), None)
