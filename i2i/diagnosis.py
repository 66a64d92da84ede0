"""Facts about this installation, and whether it can train. Imports no torch until :func:`examine` is called.

May import ``config``, ``ops``, ``plugins`` and ``environment``.
"""

from __future__ import annotations

import os
import platform
import shutil
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from i2i._version import __version__
from i2i.config.run_config import TrainingOptions
from i2i.environment import packages
from i2i.errors import I2IError
from i2i.plugins.manager import PluginManager

NOT_IMPORTED = {
    "cmake": "kernels cannot be compiled at first use",
    "ninja": "kernels cannot be compiled at first use",
}
"""Required packages that i2i can do without, with what is lost without them."""
NO_KERNELS = "none: what loading them needs is missing"
LITTLE_SPACE = 1 << 30
"""Free bytes below which a run folder with checkpoints may not fit."""


@dataclass(frozen=True)
class Device:
    """A place to train: its name for ``--device``, what it is, and its memory in bytes where that is known."""

    name: str
    description: str
    memory: int | None = None


@dataclass
class Diagnosis:
    """What :func:`i2i.doctor` found.

    Attributes:
        versions: by name; ``None`` for a package that is not installed or cannot be imported.
        optional: the packages among them that are not required, each with the extra of i2i that installs it.
        devices: the default one first.
        threads: those that PyTorch computes with on the CPU, or ``None`` without PyTorch.
        cores: logical CPU cores of the machine.
        kernels: one line on the fused kernels: which are in use, and where they come from.
        kernels_missing: where they could have come from, with the one reason why they did not.
        cuda_kernels: one line on those for CUDA: where they come from, or the one reason why there are none.
        default_device: what ``--device auto`` takes, or ``None`` without PyTorch.
        default_precision: what ``--precision`` is by default.
        plugins: each plugin with package, version, status and problem.
        components: how many there are of each kind.
        free_bytes: free space of the file system that holds ``folder``.
        folder: where run folders go by default.
        remarks: what works, but may surprise.
        problems: why the tool cannot work; empty when it can.
    """

    versions: dict[str, str | None] = field(default_factory=dict)
    optional: dict[str, str] = field(default_factory=dict)
    devices: list[Device] = field(default_factory=list)
    threads: int | None = None
    cores: int | None = None
    kernels: str = NO_KERNELS
    kernels_missing: dict[str, str] = field(default_factory=dict)
    cuda_kernels: str = NO_KERNELS
    default_device: str | None = None
    default_precision: str = ""
    plugins: list[dict[str, Any]] = field(default_factory=list)
    components: dict[str, int] = field(default_factory=dict)
    free_bytes: int = 0
    folder: str = ""
    remarks: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def works(self) -> bool:
        """Whether a run can be started."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"works": self.works, **asdict(self)}


def examine(manager: PluginManager, folder: Path | None = None) -> Diagnosis:
    """Look at the installation and the machine. Raises nothing, and changes nothing but that kernels may be compiled.

    Args:
        manager: the plugins to report.
        folder: whose free space is reported; by default the current folder.
    """
    folder = (folder or Path.cwd()).resolve()
    diagnosis = Diagnosis(cores=os.cpu_count(), default_precision=TrainingOptions().precision, folder=str(folder))
    _versions(diagnosis)
    if diagnosis.versions.get("torch") is not None:
        _devices(diagnosis)
        if diagnosis.versions["filelock"] is not None:
            _kernels(diagnosis)
    _plugins(diagnosis, manager)
    _disk(diagnosis, folder)
    return diagnosis


def _versions(diagnosis: Diagnosis) -> None:
    diagnosis.versions = {"i2i": __version__, "python": platform.python_version(), "system": platform.platform()}
    diagnosis.optional = packages.optional()
    for module in packages.TRAINING:
        problem = packages.problem_of(module)
        name = packages.distribution(module)
        diagnosis.versions[name] = None if problem else packages.version_of(name)
        if problem:
            diagnosis.problems.append(problem)
    for name, lost in NOT_IMPORTED.items():
        diagnosis.versions[name] = packages.version_of(name)
        if diagnosis.versions[name] is None:
            cure = packages.pip_install(name)
            diagnosis.remarks.append(f"{name}, which i2i requires, is not installed: {lost}; install it: {cure}")
    for name in diagnosis.optional:
        diagnosis.versions[name] = packages.version_of(name)


def _devices(diagnosis: Diagnosis) -> None:
    import torch

    diagnosis.threads = torch.get_num_threads()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns about a missing driver; the remark below says it in our words
        cuda = torch.cuda.is_available()
    if cuda:
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            diagnosis.devices.append(Device(f"cuda:{index}", properties.name, properties.total_memory))
    elif torch.version.cuda is not None:
        diagnosis.remarks.append("this PyTorch is built for CUDA, but finds no GPU or driver; the CPU is used")
    if torch.backends.mps.is_available():
        diagnosis.devices.append(Device("mps", "Apple GPU"))
    diagnosis.devices.append(Device("cpu", platform.processor() or platform.machine()))
    diagnosis.default_device = diagnosis.devices[0].name


def _kernels(diagnosis: Diagnosis) -> None:
    from i2i.ops.native import cpu, cuda

    diagnosis.kernels = diagnosis.cuda_kernels = "none: see the problem below"
    try:
        kernels = cpu.load()
        diagnosis.kernels, diagnosis.kernels_missing = str(kernels), kernels.reasons
        diagnosis.cuda_kernels = str(cuda.load())
    except I2IError as error:
        diagnosis.problems.append(str(error))


def _plugins(diagnosis: Diagnosis, manager: PluginManager) -> None:
    diagnosis.plugins = [asdict(plugin) for plugin in manager.plugins]
    for component in manager.components():
        kind = component.spec.kind
        diagnosis.components[kind] = diagnosis.components.get(kind, 0) + 1
    for plugin in manager.plugins:
        if plugin.package == "i2i" and plugin.name == "builtin" and plugin.status != "loaded":
            diagnosis.problems.append(f"the built-in components were not loaded: {plugin.problem}; install i2i again")
    diagnosis.remarks += [warning for warning in manager.warnings if "'builtin' of package i2i" not in warning]


def _disk(diagnosis: Diagnosis, folder: Path) -> None:
    try:
        diagnosis.free_bytes = shutil.disk_usage(folder).free
    except OSError as error:
        diagnosis.remarks.append(f"the free space of {folder} is unknown: {error.strerror}")
        return
    if diagnosis.free_bytes < LITTLE_SPACE:
        diagnosis.remarks.append(
            f"less than {LITTLE_SPACE >> 30} GiB is free at {folder}; checkpoints may not fit, pick another --out"
        )
    if not os.access(folder, os.W_OK):
        diagnosis.remarks.append(f"{folder} is read-only; give --out a folder that can be written")
