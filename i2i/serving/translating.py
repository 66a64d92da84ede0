"""The process that holds the model: reads jobs from a pipe and answers each with a translation or a refusal."""

from __future__ import annotations

import io
import signal
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy.typing as npt
from PIL import Image

from i2i.api.using import load_each_direction
from i2i.errors import DataError, DivergedError, I2IError, PluginError, printable
from i2i.images.unusable import TooManyPixelsError, UnknownFormatError, UnusableImageError
from i2i.serving.messages import ModelInfo, ModelOptions, OfferedDirection, Refusal, Translation, TranslationJob
from i2i.translation.kinds import require_pictures
from i2i.translation.pictures import Frame, encode_framed, read_frame, size_of_read, translate_read
from i2i.translation.translator import Translator

MOST_PADDING = 2
"""How many times ``max_pixels`` an image may grow to when it is padded to what the network takes."""

WARM_UP_SIDE = 256

Translators = Mapping[str, Translator]


def main(connection: Connection, model: ModelOptions) -> None:
    """Load the model, tell what it is (or send the error), then answer jobs until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where there are no sessions, Ctrl-C reaches both processes
    try:
        translators = load_model(model)
        warm_up(translators)
        first: ModelInfo | I2IError = describe(model, translators)
    except I2IError as error:
        first = error
    with suppress(EOFError, OSError):  # the server has ended, however it did
        connection.send(first)
        while isinstance(first, ModelInfo):
            connection.send(_answer(translators, connection.recv()))


def _answer(translators: Translators, job: TranslationJob) -> Translation | Refusal:
    try:
        return translate(translators, job)
    except Exception as error:
        _tell()
        return Refusal(500, f"the translation failed ({type(error).__name__}); the server's log says where")


def _tell() -> None:
    """Print the traceback of the error that is being handled; what it repeats of a file cannot steer the terminal."""
    for line in traceback.format_exc().splitlines():
        print(printable(line), file=sys.stderr, flush=True)


def load_model(model: ModelOptions) -> dict[str, Translator]:
    """Load every direction of a model, the one that is taken when none is asked for first."""
    translators = load_each_direction(model.model, plugins=model.plugins, **model.options)
    for translator in translators.values():
        require_pictures(translator.info, opacity=True)
    return translators


def warm_up(translators: Translators) -> None:
    """Translate a grey picture in each direction, so that what is done at first use is not part of a client's time.

    In a checkout that may be the compiling of the native kernels, which takes longer than a request may.
    """
    for translator in translators.values():
        with suppress(I2IError):  # a network that refuses this size may take others
            translator(Image.new("RGB", (WARM_UP_SIDE, WARM_UP_SIDE), "grey"))


def describe(model: ModelOptions, translators: Translators) -> ModelInfo:
    """Say what is served; names that others chose are safe to show on a page, a terminal and in a log."""
    first = next(iter(translators.values()))
    directions = []
    for name, translator in translators.items():
        source, target = translator.info.domains
        directions.append(OfferedDirection(name=name, source=printable(source), target=printable(target)))
    return ModelInfo(
        name=printable(Path(model.model).resolve().name or str(model.model)),
        title=printable(first.info.title),
        directions=directions,
        method=None if first.info.method is None else printable(first.info.method),
        generator=printable(first.info.generator),
        step=first.info.step,
        checkpoint=first.info.chosen,
        device=str(first.device),
        background=first.info.background,
        opacity=any(each.info.in_opacity or each.info.out_opacity for each in translators.values()),
    )


def translate(translators: Translators, job: TranslationJob) -> Translation | Refusal:
    """Decode, translate and encode one file; its size is kept, and of its metadata what ``i2i translate`` keeps."""
    translator = translators[job.direction]
    try:
        content = io.BytesIO(job.content)
        read, frame = read_frame(
            content, translator.info, translator.readers, job.format_name, max_pixels=job.max_pixels
        )
        height, width = size_of_read(read)
        rows, columns = translator.padded_size((height, width))
        if rows * columns > MOST_PADDING * job.max_pixels:
            return Refusal(
                413, f"the image has {width} x {height} pixels, which this network pads to {columns} x {rows}: too many"
            )
        pixels = translate_read(translator, read, frame)
        return Translation(_encoded(translator, pixels, frame))
    except UnknownFormatError:
        return Refusal(415, "the file is not a PNG, JPEG, WebP, BMP or TIFF image, or its header is damaged")
    except TooManyPixelsError as error:
        width, height = error.size
        return Refusal(
            413, f"the image has {width} x {height} pixels; this server takes up to {job.max_pixels} (width x height)"
        )
    except UnusableImageError as error:
        return Refusal(422, f"the image cannot be used: {error}")
    except DataError as error:
        return Refusal(422, str(error))
    except (DivergedError, PluginError):
        _tell()
        return Refusal(
            500, "the network gave no usable image (NaN, infinity or another size); the server's log says more"
        )


def _encoded(translator: Translator, pixels: npt.NDArray[Any], frame: Frame) -> bytes:
    try:
        return encode_framed(pixels, frame, translator.readers)[0]
    except DataError as error:
        raise DataError(f"{error}; ask for format=png") from error
