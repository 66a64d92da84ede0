"""Setting up device, processes, and precision through Accelerate, and running a trainer in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs, broadcast_object_list

from i2i.config.run_config import RunConfig, TrainingOptions
from i2i.environment.launchers import (
    Launched,
    ignored_settings,
    launched,
    require_possible,
    shown_to_accelerate,
    wants_cpu,
)
from i2i.errors import ConfigError, I2IError, reason_of
from i2i.files.atomic import noting_limits
from i2i.files.caches import beside_run
from i2i.models.recorded_components import components_of, components_to_json
from i2i.models.scores import Metric
from i2i.progress import working
from i2i.tensors.devices import check_device
from i2i.tensors.inference import float32_by_default, torchs_own_settings
from i2i.terminal import Reporter, Silent, Terminal
from i2i.training.accelerate_private import (
    device_chosen,
    forget_device_and_precision,
    import_before_the_process_group,
    set_collective_timeout,
)
from i2i.training.interruption import deferring_signals, raising_on_signals
from i2i.training.records.page import write_page
from i2i.training.records.run_folder import RunFolder
from i2i.training.records.run_result import RunResult
from i2i.training.trainer import Trainer

if TYPE_CHECKING:
    from i2i.models.checkpoint import Checkpoint
    from i2i.plugins.manager import PluginManager

COLLECTIVE_TIMEOUT = timedelta(days=1)
"""How long processes that train wait for each other: the first one may be measuring many images."""

RENDEZVOUS_TIMEOUT = timedelta(minutes=5)
"""How long they wait for each other before that; a launcher starts them together."""


class Launch:
    """The surroundings of one run, as a context manager.

    Started by ``torchrun`` or ``accelerate launch``, several processes share the run and the first one writes; see
    :mod:`i2i.environment.launchers`.

    Attributes:
        write_page: writes the page of a run folder, whenever there is more to show.

    Raises:
        ConfigError: the device does not exist here, one GPU is named for several processes, they do not meet, or their
            launcher asks for what i2i does not do.
    """

    write_page: Callable[[Path, Mapping[str, Metric]], object] = staticmethod(write_page)

    def __init__(self, options: TrainingOptions, progress: bool) -> None:
        self.options = options
        found = launched()
        require_possible(found)
        self.several = found.several
        device = check_device("cpu" if options.device == "auto" and wants_cpu() else options.device)
        if not (self.several and torch.distributed.is_initialized()):
            # Accelerate keeps them for the whole process; each run of ours chooses its own.
            forget_device_and_precision()
        chosen = device.type == "cuda" and device.index is not None
        if chosen and self.several:
            raise ConfigError(
                f"--device {options.device}: several processes take one GPU each, by their rank; expected "
                "--device cuda (CUDA_VISIBLE_DEVICES chooses among the GPUs), or a single process"
            )
        notes = [*found.notes, *ignored_settings(options.precision, options.accumulate, options.device)]
        with shown_to_accelerate(found), device_chosen(device) if chosen else nullcontext():
            self.accelerator = self._meet(found, cpu=device.type == "cpu")
        self.is_main = self.accelerator.is_main_process
        self.reporter: Reporter = Terminal() if progress and self.is_main else Silent()
        for note in notes:
            self.reporter.note(note)
        self.folder: RunFolder | None = None
        self._trainer: Trainer | None = None
        self._surroundings = ExitStack()

    def _meet(self, found: Launched, *, cpu: bool) -> Accelerator:
        """Set up Accelerate, which waits for the other processes where there are some."""
        if found.several:
            import_before_the_process_group()
        try:
            accelerator = Accelerator(
                cpu=cpu,
                mixed_precision="bf16" if self.options.precision == "bf16" else "no",
                kwargs_handlers=[InitProcessGroupKwargs(timeout=RENDEZVOUS_TIMEOUT)],
            )
        except RuntimeError as error:  # of torch.distributed; nothing else can fail like this
            if not found.several:
                raise
            raise ConfigError(
                f"process {found.rank} of {found.size} did not meet the others at {found.place} ({reason_of(error)}); "
                "were all of them started, can they reach that address, and is its port free? One machine needs none: "
                "torchrun --standalone --nproc-per-node N -m i2i run ..."
            ) from error
        if self.several:
            set_collective_timeout(COLLECTIVE_TIMEOUT)
        return accelerator

    def __enter__(self) -> Launch:
        self._surroundings.enter_context(raising_on_signals())
        self._surroundings.enter_context(noting_limits(self.reporter.note))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._surroundings.close()
        self.reporter.close()
        if self.folder is not None and self.is_main:
            trained = self._trainer is not None and self._trainer.position.step > 0
            if error is not None and self.folder.is_new and not trained and not self.folder.checkpoints.exists():
                self.folder.discard()
            self.folder.unlock()
        if self.several and error is None:
            self.accelerator.end_training()

    def on_main(self, make: Callable[[], RunFolder]) -> RunFolder:
        """Make the run folder in the main process and tell the others where it is; a failure fails them all."""
        outcome: list[object] = [None, None]
        if self.is_main:
            try:
                with deferring_signals():
                    self.folder = make()
                outcome = [self.folder.path, None]
            except I2IError as error:
                if not self.several:
                    raise
                outcome = [None, error]
        if self.several:
            broadcast_object_list(outcome)
        if isinstance(outcome[1], I2IError):
            raise outcome[1]
        if self.folder is None:
            assert isinstance(outcome[0], Path)
            self.folder = RunFolder(outcome[0])
        return self.folder

    @torchs_own_settings(grad=True)
    @float32_by_default()
    def train(
        self,
        manager: PluginManager,
        config: RunConfig,
        folder: RunFolder,
        checkpoint: Checkpoint | None,
        *,
        keep_config: bool = False,
    ) -> RunResult:
        """Train in the folder, from the checkpoint if there is one; ``keep_config`` makes the configuration its own.

        A new folder is taken back when nothing was trained: when data or networks turn out to be wrong, or a signal
        comes before the first step is done.
        """
        with beside_run(folder.path):
            trainer = Trainer(manager, config, folder, self.accelerator, self.reporter, self.write_page)
        self._trainer = trainer
        if checkpoint is not None:
            with working("reading the checkpoint"):
                trainer.restore(checkpoint)
        elif config.training.init_from:
            with working("reading the weights to start from"):
                trainer.start_from(config.training.init_from)
        if self.is_main:
            folder.keep_components(components_to_json(components_of(manager, trainer.config)))
        if self.is_main and (keep_config or trainer.config != config):  # not before the run can resume with it
            folder.keep_config(trainer.config)
        return trainer.train()
