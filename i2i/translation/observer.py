"""What happens while files are translated, for whoever reports it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from i2i.translation.plan import FileJob, FileOutcome, Plan
    from i2i.translation.translator import Translator


class TranslationObserver:
    """Is called as a translation proceeds, in the thread that translates; override what is of interest.

    What a method raises ends the translation; each output is then whole or not there.
    """

    def planned(self, plan: Plan) -> None:
        """The inputs and outputs are settled; nothing has been loaded or written."""

    def loaded(self, translator: Translator) -> None:
        """The model is ready."""

    def tiled(self, job: FileJob, part: float) -> None:
        """This part of an image that is divided into tiles is done, from 0 to 1."""

    def began_video(self, job: FileJob) -> None:
        """A video is next."""

    def wrote_frames(self, job: FileJob, done: int, total: int | None) -> None:
        """This many frames of a video are written, of a total that is known if the file states it."""

    def finished(self, outcome: FileOutcome) -> None:
        """A file was written, or could not be."""
