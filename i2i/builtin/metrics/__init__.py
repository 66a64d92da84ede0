"""The built-in metrics: their options and specs. Imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from i2i.plugins import MetricSpec, Options
from i2i.plugins.directions import Direction
from i2i.plugins.protocols import TrainingImages

if TYPE_CHECKING:
    from i2i.builtin.metrics.domain_classifier import DomainClassifier

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


class DomainProbabilityOptions(Options):
    """Options of ``domain_probability``: how the domain classifier is learnt."""

    side: int = Field(64, ge=16, le=256, description="longest side of the images that the domain classifier sees")
    steps: int = Field(300, gt=0, description="steps that the domain classifier learns for, 16 images of each domain")
    classifier_seed: int = Field(0, ge=0, lt=2**32, description="of the domain classifier's random numbers")


class DomainDistanceOptions(DomainProbabilityOptions):
    """Options of ``domain_distance``."""

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


def _build_domain_probability(
    options: DomainProbabilityOptions, *, training: TrainingImages, direction: Direction, **_device: Any
) -> Any:
    from i2i.builtin.metrics.without_truth import DomainProbability

    return DomainProbability(_classifier(options, training), direction)


def _build_domain_distance(
    options: DomainDistanceOptions, *, training: TrainingImages, direction: Direction, **_device: Any
) -> Any:
    from i2i.builtin.metrics.without_truth import DomainDistance

    return DomainDistance(_classifier(options, training), direction, options.seed)


def _classifier(options: DomainProbabilityOptions, training: TrainingImages) -> DomainClassifier:
    from i2i.builtin.metrics.domain_classifier import ClassifierSettings, domain_classifier

    return domain_classifier(training, ClassifierSettings(options.side, options.steps, options.classifier_seed))


def _build_edge_preservation(_: Options, **_device: Any) -> Any:
    from i2i.builtin.metrics.without_truth import EdgePreservation

    return EdgePreservation()


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
    MetricSpec(
        name="domain_probability",
        family="sets",
        better="higher",
        title="domain probability",
        scale="0 to 1",
        digits=3,
        summary="of being of the target domain, by a classifier of the training images",
        options=DomainProbabilityOptions,
        build=_build_domain_probability,
        learns=True,
    ),
    MetricSpec(
        name="domain_distance",
        family="sets",
        better="lower",
        title="domain distance",
        digits=3,
        summary="kernel distance to the target domain on that classifier's features",
        options=DomainDistanceOptions,
        build=_build_domain_distance,
        learns=True,
    ),
    MetricSpec(
        name="edge_preservation",
        family="sets",
        better="higher",
        title="edge preservation",
        digits=3,
        summary="correlation of the edges of output and input, up to 1",
        build=_build_edge_preservation,
        smallest_size=lambda _: 2,
    ),
)
