"""What i2i loads: options, builder and the hook. Imports no MLflow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import Field

from i2i.errors import ConfigError
from i2i.plugins import ObserverSpec, Options, hookimpl

if TYPE_CHECKING:
    from i2i_mlflow.observer import MlflowObserver


class MlflowOptions(Options):
    """Options of the observer ``mlflow``."""

    tracking_uri: str | None = Field(
        None,
        description="where MLflow keeps its runs, such as http://127.0.0.1:5000 or sqlite:///mlflow.db; none: what "
        "MLFLOW_TRACKING_URI says, else MLflow's own default, mlflow.db in the current folder",
    )
    experiment: str = Field("i2i", min_length=1, max_length=500, description="the experiment that runs are filed under")
    pictures: bool = Field(True, description="log the sample sheets")


def build(options: MlflowOptions) -> MlflowObserver:
    """Return the observer; it opens nothing yet.

    Raises:
        ConfigError: MLflow, or what the store needs of it, is not installed.
    """
    try:
        from i2i_mlflow.observer import MlflowObserver, require_store
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] != "mlflow":
            raise
        raise ConfigError(
            "observer mlflow needs MLflow, which is not installed here: pip install mlflow-skinny, where a server "
            "keeps the runs, or pip install mlflow"
        ) from error

    require_store(options.tracking_uri)
    return MlflowObserver(options.tracking_uri, options.experiment, pictures=options.pictures)


@hookimpl
def i2i_observers() -> Iterable[ObserverSpec]:
    """Return the observers of this package."""
    return [
        ObserverSpec(
            name="mlflow",
            summary="runs in MLflow: values, held-out metrics, sample sheets and the configuration",
            options=MlflowOptions,
            build=build,
        )
    ]
