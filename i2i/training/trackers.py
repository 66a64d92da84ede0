"""Where a run is logged besides its folder: TensorBoard, Weights & Biases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from accelerate import Accelerator
from accelerate.tracking import filter_trackers
from PIL import Image

from i2i.config.run_config import RunConfig, flatten
from i2i.environment.packages import TRACKERS, problem_of
from i2i.errors import ConfigError
from i2i.training.records.run_folder import RunFolder


def start_trackers(accelerator: Accelerator, config: RunConfig, folder: RunFolder, step: int) -> bool:
    """Start the trackers that the configuration names, and log the configuration in them.

    Args:
        accelerator: gets the trackers.
        config: of the run.
        folder: of the run; TensorBoard's files go there.
        step: steps done so far.

    Returns:
        Whether there are any.

    Raises:
        ConfigError: the package of one is not installed.
    """
    if not config.training.trackers:
        return False
    accelerator.project_configuration.set_directories(str(folder.path))
    accelerator.project_configuration.logging_dir = str(folder.path / "tensorboard")
    for name in config.training.trackers:
        if problem := problem_of(TRACKERS[name]):
            raise ConfigError(
                f"--tracker {name}: expected an installed package, and {problem}; or leave out --tracker {name}"
            )
    accelerator.log_with = filter_trackers(
        list(config.training.trackers), accelerator.project_configuration.logging_dir
    )
    # TensorBoard hides what a killed run logged after the checkpoint: the resumed run logs it again.
    accelerator.init_trackers("i2i", init_kwargs={"tensorboard": {"purge_step": step + 1}})
    settings = {
        name: value if isinstance(value, int | float | str | bool) else str(value)
        for name, value in flatten(config.to_dict()).items()
    }
    if accelerator.is_main_process:
        for tracker in accelerator.trackers:
            if (
                tracker.name == "tensorboard"
            ):  # what Accelerate would do makes a second run of hyperparameters beside it
                lines = config.to_yaml().splitlines()
                tracker.tracker.add_text("configuration", "".join(f"    {line}\n" for line in lines), step)
            else:
                tracker.store_init_configuration(settings)
    return True


def track_sheets(accelerator: Accelerator, folder: RunFolder, step: int) -> None:
    """Show the trackers the sample sheets of this step, one a direction, on white."""
    if not accelerator.trackers:
        return
    for path in sorted(folder.samples.glob(f"*/step-{step:08d}.png")):
        name, sheet = f"samples/{path.parent.name}", _on_white(path)
        for tracker in accelerator.trackers:
            if tracker.name == "tensorboard":
                tracker.tracker.add_image(name, np.asarray(sheet), step, dataformats="HWC")
            else:
                tracker.log_images({name: [sheet]}, step=step)


def _on_white(path: Path) -> Image.Image:
    with Image.open(path) as sheet:
        canvas = Image.new("RGBA", sheet.size, "white")
        canvas.alpha_composite(sheet.convert("RGBA"))
    return canvas.convert("RGB")
