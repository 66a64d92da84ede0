"""A server in a thread of the test, with a translator that does what the test wants."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PIL import Image

from i2i.serving.app import make_app
from i2i.serving.connections import Bounds
from i2i.serving.hosts import Hosts
from i2i.serving.messages import Limits, ModelInfo, OfferedDirection, Refusal, Translation, TranslationJob
from i2i.serving.running import Server
from i2i.serving.service import Service

MODEL = ModelInfo(
    name="zoo <run>",
    directions=[
        OfferedDirection(name="AtoB", source="horse", target="zebra"),
        OfferedDirection(name="BtoA", source="zebra", target="horse"),
    ],
    method="cyclegan",
    generator="resnet9",
    step=1234,
    device="cpu",
    background="#ffffff",
)


class Answers:
    """A worker that answers as a function says, and records its requests."""

    def __init__(self, answer: Callable[[TranslationJob], Translation | Refusal] | None = None) -> None:
        self.jobs: list[TranslationJob] = []
        self._answer = answer or (lambda job: Translation(job.content))

    def translate(self, job: TranslationJob, seconds: float) -> Translation | Refusal:
        self.jobs.append(job)
        return self._answer(job)

    def stop(self) -> None:
        self.stopped = True


def picture(name: str = "PNG", size: tuple[int, int] = (20, 12), mode: str = "RGB", **options: object) -> bytes:
    """A picture file of a format, with something to see on it."""
    stream = io.BytesIO()
    image = Image.linear_gradient("L").resize(size).convert(mode)
    image.save(stream, name, **options)
    return stream.getvalue()


@contextmanager
def serving(
    worker: object, limits: Limits | None = None, *, bounds: Bounds | None = None, hosts: Hosts | None = None
) -> Iterator[str]:
    """Serve in a thread, and give the URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    service = Service(worker, limits or Limits())
    server = Server(make_app(service, MODEL, hosts=hosts), service, bounds or Bounds())
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
