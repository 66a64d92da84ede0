"""On which images models are compared: those that none of them was trained on."""

from __future__ import annotations

from collections.abc import Sequence

from i2i.comparing.contenders import Contender
from i2i.evaluation.evaluated_data import ChosenData
from i2i.paths import named
from i2i.plugins.specs import SAMPLE_PREFIX


def names_seen(contenders: Sequence[Contender], data: ChosenData) -> tuple[frozenset[str], frozenset[str], list[str]]:
    """The images of a data set that a model was trained on, by the records of the runs.

    A run on other data may have seen the same images under other names, which nobody can know: a note says so.

    Args:
        contenders: what is compared.
        data: the images that they would be compared on.

    Returns:
        Names of images of the source domain, of the target domain, and notes.
    """
    sources, targets, notes = set[str](), set[str](), []
    for contender in contenders:
        if contender.opened is None:
            continue
        if contender.data_root is None:
            notes.append(f"{contender.label} does not say what it was trained on: it may have seen these images")
        elif not _same_place(contender.data_root, data.root):
            notes.append(f"{contender.label} was trained on {contender.data_root} and may have seen these images there")
        elif contender.trained_on is None:
            notes.append(
                f"{contender.label} has no images.json beside it, which says what its run trained on: it may have seen "
                "these images, where its run held out others"
            )
        else:
            sources |= contender.seen(contender.direction.source)
            targets |= contender.seen(contender.direction.target)
    return frozenset(sources), frozenset(targets), notes


def _same_place(one: str, other: str) -> bool:
    if SAMPLE_PREFIX in (one[: len(SAMPLE_PREFIX)], other[: len(SAMPLE_PREFIX)]):
        return one == other
    return named(one).resolve() == named(other).resolve()
