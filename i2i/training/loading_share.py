"""How much of a step is waiting for images, said once where it is much."""

from __future__ import annotations

from collections.abc import Callable

STEPS, SECONDS = 20, 20.0
"""Steps that are looked at, at least, and how long they take together, at least; the first one is not among them."""

MUCH = 0.2


class LoadingShare:
    """Adds up what steps wait for their images.

    Args:
        workers: processes that load.
        note: called once, where loading takes much of a step.
    """

    def __init__(self, workers: int, note: Callable[[str], None]) -> None:
        self._workers, self._note = workers, note
        self._steps, self._waited, self._whole = -1, 0.0, 0.0
        self._said = False

    def add(self, waited: float, whole: float) -> None:
        """Count a step: the seconds that it waited for images, and those that it took in all."""
        self._steps += 1
        if self._said or self._steps == 0:  # the first step waits for processes to start
            return
        self._waited += waited
        self._whole += whole
        if self._steps < STEPS or self._whole < SECONDS:
            return
        self._said = True
        share = self._waited / self._whole
        if share >= MUCH:
            more = self._workers + 1
            beside = "loads them beside training" if self._workers == 0 else "loads more of them at once"
            self._note(
                f"loading takes {share:.0%} of a step: --workers {more} {beside} (now {self._workers}; it changes no "
                "number, and a resumed run takes it, too); data.cache says where resized images are kept"
            )
