"""The HTTP API: what it answers, in which shape, with which status."""

from __future__ import annotations

import json
import threading

import httpx2
import pytest

from i2i.serving.messages import Limits, Refusal, Translation

from .serving import Answers, picture, serving


@pytest.fixture(scope="module")
def echo():
    return Answers()


@pytest.fixture(scope="module")
def client(echo):
    with serving(echo, Limits(max_bytes=50_000, max_pixels=1000)) as url, httpx2.Client(base_url=url) as client:
        yield client


def error_of(response):
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert list(body) == ["error"]
    return response.status_code, body["error"]


def test_a_picture_comes_back_translated(client, echo):
    content = picture()
    response = client.post("/translate", content=content, headers={"Content-Type": "image/png"})

    assert response.status_code == 200
    assert response.content == content
    assert response.headers["content-type"] == "image/png"
    assert response.headers["content-disposition"] == 'attachment; filename="translation.png"'
    assert response.headers["server-timing"].startswith("queue;dur=")
    job = echo.jobs[-1]
    assert (job.content, job.direction, job.format_name, job.max_pixels) == (content, "AtoB", "PNG", 1000)


@pytest.mark.parametrize("kind", [None, "image/jpeg", "application/octet-stream", "application/x-www-form-urlencoded"])
def test_what_is_said_about_the_type_of_a_file_does_not_matter(client, kind):
    response = client.post("/translate", content=b"file", headers={} if kind is None else {"Content-Type": kind})
    assert response.status_code == 200


def test_direction_and_format_can_be_chosen(client, echo):
    response = client.post("/translate", content=b"file", params={"direction": "BtoA", "format": "jpeg"})

    assert response.headers["content-type"] == "image/jpeg"
    assert "translation.jpg" in response.headers["content-disposition"]
    assert (echo.jobs[-1].direction, echo.jobs[-1].format_name) == ("BtoA", "JPEG")


@pytest.mark.parametrize(
    ("method", "path", "arguments", "status", "words"),
    [
        ("POST", "/translate", {}, 400, "empty (0 bytes)"),
        ("POST", "/translate", {"files": {"image": b"x"}}, 415, "got Content-Type multipart/form-data"),
        ("POST", "/translate", {"json": {}}, 415, "got Content-Type application/json"),
        ("POST", "/translate", {"content": b"x" * 50_001}, 413, "larger than 0.0476837 MiB (50000 bytes)"),
        ("POST", "/translate?direction=CtoA", {"content": b"x"}, 422, "AtoB (horse to zebra), BtoA (zebra to horse)"),
        (
            "POST",
            "/translate?format=gif",
            {"content": b"x"},
            422,
            "format: expected png, jpeg, webp, which browsers show; got 'gif'; other formats, those of plugins too",
        ),
        ("GET", "/translate", {}, 405, "GET is not for /translate"),
        ("POST", "/info", {"content": b"x"}, 405, "POST is not for /info"),
        ("GET", "/nothing", {}, 404, "there is no /nothing; /docs says what there is"),
        ("GET", "/../etc/passwd", {}, 404, "there is no /"),
    ],
)
def test_errors_have_one_shape(client, method, path, arguments, status, words):
    got, reason = error_of(client.request(method, path, **arguments))
    assert got == status
    assert words in reason


@pytest.mark.parametrize("status", [413, 415, 422, 500, 504])
def test_a_refusal_of_the_translator_is_an_error_with_its_status(status):
    with serving(Answers(lambda job: Refusal(status, "for a reason"))) as url:
        assert error_of(httpx2.post(f"{url}/translate", content=b"x")) == (status, "for a reason")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_is_an_error_and_the_server_goes_on():
    def broken(job):
        raise ZeroDivisionError("inside")

    with serving(Answers(broken)) as url:
        status, reason = error_of(httpx2.post(f"{url}/translate", content=b"x"))
        assert status == 500
        assert "inside" not in reason
        assert httpx2.get(f"{url}/health").status_code == 200


def test_health_and_info(client):
    assert client.get("/health").json() == {"status": "ok", "requests": 0, "places": 17}
    info = client.get("/info").json()
    assert info["model"]["directions"][1] == {"name": "BtoA", "source": "zebra", "target": "horse"}
    assert info["limits"]["max_pixels"] == 1000


def test_health_answers_while_a_picture_is_translated():
    begun, go_on = threading.Event(), threading.Event()

    def wait(job):
        begun.set()
        assert go_on.wait(30)
        return Translation(b"done")

    with serving(Answers(wait)) as url:
        answers = []
        thread = threading.Thread(target=lambda: answers.append(httpx2.post(f"{url}/translate", content=b"x")))
        thread.start()
        assert begun.wait(30)
        assert httpx2.get(f"{url}/health").json()["requests"] == 1
        go_on.set()
        thread.join()
    assert answers[0].content == b"done"


def test_the_description_for_programs_is_complete(client):
    description = client.get("/openapi.json").json()
    operation = description["paths"]["/translate"]["post"]

    assert operation["requestBody"]["content"]["image/png"]["schema"] == {"type": "string", "format": "binary"}
    assert set(operation["responses"]) == {
        str(code) for code in (200, 400, 403, 408, 413, 415, 421, 422, 500, 503, 504)
    }
    assert set(operation["responses"]["200"]["content"]) == {"image/png", "image/jpeg", "image/webp"}
    reference = operation["responses"]["422"]["content"]["application/json"]["schema"]["$ref"]
    assert description["components"]["schemas"][reference.rpartition("/")[2]]["required"] == ["error"]
    direction, file_format = operation["parameters"]
    assert direction["schema"]["enum"] == ["AtoB", "BtoA"]
    assert file_format["schema"]["enum"] == ["png", "jpeg", "webp"]
    assert "HTTPValidationError" not in json.dumps(description)
