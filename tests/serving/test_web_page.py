"""The page without a browser: nothing from elsewhere, nothing that its policy forbids, no name that becomes markup."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from i2i.serving.messages import Limits, OfferedDirection
from i2i.serving.web_page import render

from .serving import MODEL

HOSTILE_NAMES = MODEL.model_copy(
    update={
        "name": "<script>alert(1)</script>",
        "directions": [OfferedDirection(name="AtoB", source='"><img src=x onerror=alert(1)>', target="{{ 7 * 7 }}")],
        "method": None,
        "step": None,
    }
)
API = {"paths": {"/translate": {"post": {"summary": "Translate", "description": "", "responses": {}}}}}


class Outline(HTMLParser):
    """The elements of a page with their attributes, and whether every one is closed in its place."""

    VOID = frozenset({"meta", "link", "input", "img", "br", "path", "rect", "circle"})

    def __init__(self, html):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))


@pytest.fixture(params=["page.html", "docs.html"])
def page(request):
    more = {"api": API} if request.param == "docs.html" else {}
    return render(request.param, model=MODEL, limits=Limits(), **more)


def test_nothing_comes_from_elsewhere(page):
    addresses = [
        value
        for _, attributes in Outline(page.html).elements
        for name, value in attributes.items()
        if name in ("src", "href", "action", "srcset")
    ]
    assert all(re.match(r"data:|#|\./|\w[\w.]*$", address) for address in addresses), addresses
    assert "url(" not in page.html
    assert "@import" not in page.html


def test_the_policy_allows_just_what_stands_in_the_page(page):
    for kind in ("script", "style"):
        (content,) = re.findall(rf"<{kind}>(.*?)</{kind}>", page.html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}';" in page.policy
    assert "unsafe" not in page.policy
    for _, attributes in Outline(page.html).elements:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]


def test_names_are_text_and_never_markup():
    html = render("page.html", model=HOSTILE_NAMES, limits=Limits()).html
    assert "<script>alert" not in html
    assert not [tag for tag, attributes in Outline(html).elements if "onerror" in attributes]
    assert "{{ 7 * 7 }}" in html


def test_what_a_person_should_know_stands_on_the_page():
    html = render("page.html", model=MODEL, limits=Limits(max_bytes=5 * 2**20, max_pixels=2_000_000)).html
    for text in ("zoo &lt;run&gt;", "horse to zebra", "zebra to horse", "resnet9", "cyclegan", "1,234", "cpu"):
        assert text in html
    assert "up to 5 MiB and 2 megapixels" in html


def test_a_single_direction_is_no_choice():
    both = Outline(render("page.html", model=MODEL, limits=Limits()).html).elements
    one = Outline(render("page.html", model=HOSTILE_NAMES, limits=Limits()).html).elements
    assert [("hidden" in attributes) for tag, attributes in both if tag == "fieldset"] == [False]
    assert [("hidden" in attributes) for tag, attributes in one if tag == "fieldset"] == [True]


def test_every_control_has_a_name(page):
    elements = Outline(page.html).elements
    labelled = {attributes["for"] for tag, attributes in elements if tag == "label" and "for" in attributes}
    for tag, attributes in elements:
        if tag == "input" and attributes["type"] != "radio":  # those stand within their labels
            assert attributes["id"] in labelled or attributes["aria-label"]
        if tag == "img":
            assert attributes["alt"]
        if tag == "svg":
            assert attributes["aria-hidden"] == "true"
