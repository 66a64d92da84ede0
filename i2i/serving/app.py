"""The endpoints of the HTTP API and its page."""

# No annotations from __future__: FastAPI reads those of the endpoints, which name what only exists in make_app.

import logging
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from i2i._version import __version__
from i2i.serving.guard import Guard
from i2i.serving.hosts import Hosts
from i2i.serving.messages import FORMATS, Limits, ModelInfo
from i2i.serving.problems import ErrorBody, RefusedError, error_body, shown
from i2i.serving.service import Service, Timed
from i2i.serving.web_page import WebPage, render

log = logging.getLogger(__name__)

ACCEPTED = ("image/png", "image/jpeg", "image/webp", "image/bmp", "image/tiff", "application/octet-stream")
BINARY = {"schema": {"type": "string", "format": "binary"}}
ERRORS = {
    400: "The body is empty, or the request is not HTTP.",
    403: "A page of another origin asked.",
    408: "The upload took too long.",
    413: "Too many bytes or pixels.",
    415: "The body is not a PNG, JPEG, WebP, BMP or TIFF.",
    421: "The server is not known by the host that was named.",
    422: "The image is damaged or cannot be translated, or a parameter is wrong.",
    500: "The translation failed.",
    503: "The queue is full, or the server is shutting down; Retry-After says when to come again.",
    504: "The translation took too long.",
}


class Health(BaseModel):
    """Whether the server answers, and how busy it is."""

    status: Literal["ok"]
    requests: int = Field(description="translations that are being uploaded, waiting, worked on or sent")
    places: int = Field(description="how many of them there may be; one more gets 503")


class Info(BaseModel):
    """What is served, and how much may be asked of it."""

    i2i: str = Field(description="version of i2i")
    model: ModelInfo
    limits: Limits


class InPieces(Response):
    """A translated file, sent in pieces, so that it is in memory once however slowly it is read.

    Its request keeps its place until it is sent: that bounds how many are held for clients that do not read.
    """

    PIECE = 65536

    def __init__(self, done: Timed, **options: Any) -> None:
        super().__init__(done.content, **options)
        self._place = done.place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        del scope, receive
        with self._place:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            content = memoryview(self.body)
            for begin in range(0, len(content), self.PIECE):
                piece = bytes(content[begin : begin + self.PIECE])
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body"})


def make_app(service: Service, model: ModelInfo, *, hosts: Hosts | None = None) -> ASGIApp:
    """Make the application.

    Args:
        service: what translates, and how much may be asked of it.
        model: what it translates with.
        hosts: names that the server is known by; ``None``: any.
    """
    limits = service.limits
    ways = {direction.name: f"{direction.source} to {direction.target}" for direction in model.directions}
    app = FastAPI(
        title="i2i",
        version=__version__,
        summary=f"Image-to-image translation with {model.title or model.name}: {', '.join(ways.values())}.",
        docs_url=None,  # FastAPI's own page loads JavaScript from elsewhere
        redoc_url=None,
    )

    @app.post(
        "/translate",
        summary="Translate an image",
        response_class=Response,
        responses={
            200: {
                "description": "The translation, as large as the image.",
                "content": {f"image/{name}": BINARY for name in FORMATS},
                "headers": {
                    "Server-Timing": {
                        "description": "milliseconds: `queue` waiting for its turn, `translate` decoding, translating "
                        "and encoding",
                        "schema": {"type": "string"},
                    }
                },
            },
            **{status: {"description": text, "model": ErrorBody} for status, text in ERRORS.items()},
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "description": "The image file itself. What it is, is seen from its content.",
                "content": dict.fromkeys(ACCEPTED, BINARY),
            }
        },
    )
    async def translate(
        request: Request,
        direction: Annotated[
            str,
            Query(
                description="; ".join(f"{name}: {way}" for name, way in ways.items()),
                json_schema_extra={"enum": list(ways)},
            ),
        ] = model.directions[0].name,
        format: Annotated[  # noqa: A002
            str,
            Query(
                description="of the translation; png and webp lose nothing, jpeg has quality 95",
                json_schema_extra={"enum": list(FORMATS)},
            ),
        ] = "png",
    ) -> Response:
        """The body is the image file: PNG, JPEG, WebP, BMP or TIFF with one picture.

        It is read upright, transparent parts are laid over the model's background, unless it was trained on
        pictures with opacity, and its size is kept.
        """
        if direction not in ways:
            known = ", ".join(f"{name} ({way})" for name, way in ways.items())
            raise RefusedError(422, f"direction: expected {known}; got '{shown(direction)}'")
        if format not in FORMATS:
            raise RefusedError(
                422,
                f"format: expected {', '.join(FORMATS)}, which browsers show; got '{shown(format)}'; other formats, "
                "those of plugins too, are read here and written by i2i translate --format",
            )
        done = await service.translate(request, direction, format)
        if done is None:
            return Response(status_code=400)  # nobody is there to read it
        return InPieces(
            done,
            media_type=f"image/{format}",
            headers={
                "Content-Disposition": f'attachment; filename="translation.{"jpg" if format == "jpeg" else format}"',
                "Server-Timing": f"queue;dur={done.waited * 1000:.0f}, translate;dur={done.worked * 1000:.0f}",
            },
        )

    @app.get("/info", summary="What is served, and its limits")
    async def info() -> Info:
        """The model with its directions, and how much may be asked of the server."""
        return Info(i2i=__version__, model=model, limits=limits)

    @app.get("/health", summary="Whether the server answers")
    async def health() -> Health:
        """Answers at once, also while an image is translated."""
        return Health(status="ok", requests=service.taken, places=1 + limits.queue)

    _add_page(app, "/", render("page.html", model=model, limits=limits))
    _add_page(app, "/docs", render("docs.html", model=model, limits=limits, api=app.openapi()))
    _answer_errors(app)
    return Guard(app, hosts=hosts, discard_bytes=limits.max_bytes)


def _add_page(app: FastAPI, path: str, page: WebPage) -> None:
    async def show(request: Request) -> Response:
        del request
        return HTMLResponse(page.html, headers={"Content-Security-Policy": page.policy})

    app.add_route(path, show, include_in_schema=False)


def _answer_errors(app: FastAPI) -> None:
    def error(status: int, reason: str, headers: Any = None) -> Response:
        return Response(error_body(reason), status, headers, media_type="application/json")

    @app.exception_handler(RefusedError)
    async def refused(request: Request, raised: RefusedError) -> Response:
        del request
        return error(raised.status, raised.reason, raised.headers)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, raised: HTTPException) -> Response:
        path = shown(request.scope["path"])
        reason = {
            404: f"there is no {path}; /docs says what there is",
            405: f"{request.method} is not for {path}; /docs says what is",
        }.get(raised.status_code, str(raised.detail))
        return error(raised.status_code, reason, raised.headers)

    @app.exception_handler(RequestValidationError)
    async def wrong_parameter(request: Request, raised: RequestValidationError) -> Response:
        del request
        problems = (
            f"{found['loc'][-1]}: {found['msg']}; got {shown(repr(found['input']))}" for found in raised.errors()
        )
        return error(422, ". ".join(problems))

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, raised: ClientDisconnect) -> Response:
        del request, raised
        return Response(status_code=400)  # nobody is there to read it

    @app.exception_handler(Exception)
    async def failure(request: Request, raised: Exception) -> Response:
        del request, raised  # logged by the server
        return error(500, "the server failed; its log says where")
