"""A page elsewhere cannot use the server through its visitor's browser; every answer carries careful headers."""

from __future__ import annotations

import httpx2
import pytest

from i2i.serving.hosts import LOOPBACK_NAMES, Hosts

from .serving import Answers, serving


@pytest.fixture(scope="module")
def client():
    with serving(Answers(), hosts=Hosts(LOOPBACK_NAMES)) as url, httpx2.Client(base_url=url) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/docs", "/info", "/health", "/openapi.json", "/nothing", "/translate"])
def test_every_answer_carries_the_headers(client, path):
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers


def test_a_translation_carries_the_headers_too(client):
    headers = client.post("/translate", content=b"x").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000", "[::1]"])
def test_its_own_names_are_heard(client, host):
    assert client.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8000", "127.0.0.1.evil.example", "[::1", ""])
def test_a_name_that_somebody_else_points_here_is_not(client, host):
    response = client.get("/info", headers={"Host": host})
    assert response.status_code == 421
    assert "not known as" in response.json()["error"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://SELF"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://SELF"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[broken"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://SELF"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_a_page_of_another_origin_cannot_have_pictures_translated(client, headers, status):
    itself = client.base_url.netloc.decode()
    given = {name: value.replace("SELF", itself) for name, value in headers.items()}
    response = client.post("/translate", content=b"x", headers=given)
    assert response.status_code == status
    assert status == 200 or "another origin" in response.json()["error"]


def test_without_a_list_every_name_is_heard():
    with serving(Answers()) as url:
        assert httpx2.get(f"{url}/health", headers={"Host": "any.example"}).status_code == 200
