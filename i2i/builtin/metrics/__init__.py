"""The built-in metrics: their options and specs. Imports no torch."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from i2i.plugins import MetricSpec, Options

SSIM_WINDOW = 11


class KernelInceptionOptions(Options):
    """Options of ``kid``."""

    seed: int = Field(0, ge=0, lt=2**32, description="chooses the random subsets")


class FrechetOptions(Options):
    """Options of ``frechet_distance``."""

    features: str = Field(
        "thumbnail", description="what images are compared under: inception, thumbnail, module:function or a file"
    )
    trust: bool = Field(False, description="load a file of features that can run code of whoever wrote it")


class KernelOptions(FrechetOptions):
    """Options of ``kernel_distance``."""

    seed: int = Field(0, ge=0, lt=2**32, description="chooses the random subsets")


def _build_l1(_: Options, **_device: Any) -> Any:
    from i2i.builtin.metrics.against_truth import mean_absolute_difference

    return mean_absolute_difference


def _build_psnr(_: Options, **_device: Any) -> Any:
    from i2i.builtin.metrics.against_truth import signal_to_noise_ratio

    return signal_to_noise_ratio


def _build_ssim(_: Options, **_device: Any) -> Any:
    from i2i.builtin.metrics.against_truth import structural_similarity

    return structural_similarity


def _build_fid(_: Options, *, device: Any) -> Any:
    from i2i.builtin.metrics.distances import FrechetDistance
    from i2i.evaluation.feature_networks import STANDARD

    return FrechetDistance(STANDARD, device)


def _build_kid(options: KernelInceptionOptions, *, device: Any) -> Any:
    from i2i.builtin.metrics.distances import KernelDistance
    from i2i.evaluation.feature_networks import STANDARD

    return KernelDistance(STANDARD, device, seed=options.seed)


def _build_frechet(options: FrechetOptions, *, device: Any) -> Any:
    from i2i.builtin.metrics.distances import FrechetDistance

    return FrechetDistance(options.features, device, trust=options.trust)


def _build_kernel(options: KernelOptions, *, device: Any) -> Any:
    from i2i.builtin.metrics.distances import KernelDistance

    return KernelDistance(options.features, device, trust=options.trust, seed=options.seed)


SPECS: tuple[MetricSpec, ...] = (
    MetricSpec(
        name="l1",
        family="pairs",
        better="lower",
        title="L1",
        scale="0 to 255",
        digits=2,
        summary="mean absolute difference",
        build=_build_l1,
    ),
    MetricSpec(
        name="psnr",
        family="pairs",
        better="higher",
        title="PSNR",
        unit="dB",
        digits=2,
        unbounded=True,
        summary="peak signal-to-noise ratio",
        build=_build_psnr,
    ),
    MetricSpec(
        name="ssim",
        family="pairs",
        better="higher",
        title="SSIM",
        summary="structural similarity, up to 1",
        build=_build_ssim,
        smallest_size=lambda _: SSIM_WINDOW,
    ),
    MetricSpec(
        name="fid",
        family="sets",
        better="lower",
        title="FID",
        digits=2,
        summary="Frechet distance under Inception v3 (Heusel et al. 2017)",
        build=_build_fid,
    ),
    MetricSpec(
        name="kid",
        family="sets",
        better="lower",
        title="KID",
        digits=5,
        summary="kernel distance under Inception v3 (Binkowski et al. 2018)",
        options=KernelInceptionOptions,
        build=_build_kid,
    ),
    MetricSpec(
        name="frechet_distance",
        family="sets",
        better="lower",
        title="Frechet distance",
        summary="what FID is, under features of your choice",
        options=FrechetOptions,
        build=_build_frechet,
    ),
    MetricSpec(
        name="kernel_distance",
        family="sets",
        better="lower",
        title="kernel distance",
        digits=5,
        summary="what KID is, under features of your choice",
        options=KernelOptions,
        build=_build_kernel,
    ),
)
