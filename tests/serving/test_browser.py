"""The page in a real browser: a person chooses, drops or pastes an image, waits, moves the slider, downloads."""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import numpy as np
import pytest
from PIL import Image, ImageOps

from i2i.serving.connections import Bounds
from i2i.serving.messages import Limits, Refusal, Translation

from .processes import connect
from .serving import Answers, picture, serving

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"), pytest.mark.slow]
BUSY = re.compile("^The server is busy; trying again in ")
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 740}


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """A function that opens an address; whatever the browser complains about fails the test."""
    contexts, complaints = [], []

    def open_page(url, viewport=DESKTOP, expected="", **options):
        contexts.append(browser.new_context(viewport=viewport, reduced_motion="reduce", **options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None)
        page.on(
            "request", lambda request: request.url.startswith((url, "data:", "blob:")) or complaints.append(request.url)
        )
        page.goto(url)
        page.expected = expected
        return page

    yield open_page
    expected = [context.pages[0].expected for context in contexts]
    for context in contexts:
        context.close()
    assert [line for line in complaints if not any(words and words in line for words in expected)] == []


def invert(job):
    with Image.open(io.BytesIO(job.content)) as image:
        stream = io.BytesIO()
        ImageOps.invert(image.convert("RGB")).save(stream, "PNG")
    return Translation(stream.getvalue())


@pytest.fixture(scope="module")
def inverting():
    with serving(Answers(invert), Limits(max_bytes=1_000_000, max_pixels=100_000)) as url:
        yield url


def choose(page, content=None, name="my photo.png"):
    page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": content or picture(size=(80, 60))})


def expecting(page, selector):
    """Assertions that wait. ``wait_for_function`` cannot: it evaluates a string, which the page's policy forbids, and
    is let through only where what it waits for is already there."""
    from playwright.sync_api import expect

    return expect(page.locator(selector))


def wait(page):
    page.wait_for_selector("#download:not([hidden])", timeout=30_000)


def pixel(page, x, y):
    """The colour on the screen at a share of the picture's width and height."""
    with Image.open(io.BytesIO(page.locator("#compare").screenshot())) as image:
        return np.asarray(image.convert("RGB"))[round(y * (image.height - 1)), round(x * (image.width - 1))].astype(int)


def test_a_real_server_a_real_model_and_a_real_click(open_page, tiny_run, tmp_path):
    command = [sys.executable, "-m", "i2i", "serve", str(tiny_run), "--port", "0", "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        url = re.search(r"http://[\d.:]+", process.stdout.readline())[0]
        page = open_page(url)
        assert page.title() == "flat to 3d · i2i"
        (tmp_path / "noise.png").write_bytes(picture(size=(70, 50)))
        with page.expect_file_chooser() as chooser:
            page.get_by_text("Drop an image here").click()
        chooser.value.set_files(tmp_path / "noise.png")
        wait(page)
        assert page.evaluate("[after.naturalWidth, after.naturalHeight]") == [70, 50]
        page.get_by_label("3d to flat").check(force=True)
        expecting(page, "#title").to_have_text("3d to flat", timeout=30_000)
        wait(page)
        with page.expect_download() as download:
            page.get_by_text("Download").click()
        assert download.value.suggested_filename == "noise-flat.png"
        with Image.open(download.value.path()) as image:
            assert (image.format, image.size) == ("PNG", (70, 50))
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_the_slider_shows_before_on_the_left_and_after_on_the_right(open_page, inverting):
    page = open_page(inverting)
    stream = io.BytesIO()
    Image.new("RGB", (80, 60), (200, 40, 10)).save(stream, "PNG")
    choose(page, stream.getvalue())
    wait(page)
    expecting(page, "#slider").to_have_value("50", timeout=30_000)
    before, after = (200, 40, 10), (55, 215, 245)
    assert np.abs(pixel(page, 0.25, 0.2) - before).max() < 3
    assert np.abs(pixel(page, 0.75, 0.2) - after).max() < 3

    box = page.locator("#slider").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    assert float(page.input_value("#slider")) == pytest.approx(90, abs=1)
    assert np.abs(pixel(page, 0.75, 0.2) - before).max() < 3
    assert np.abs(pixel(page, 0.97, 0.2) - after).max() < 3


def test_everything_can_be_done_with_the_keyboard(open_page, inverting):
    page = open_page(inverting)
    choosers = []  # listened to long before Enter, for the browser has to be told to hand them over
    page.on("filechooser", lambda chooser: choosers.append(chooser))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "direction"
    page.keyboard.press("ArrowRight")
    assert page.input_value("input[name=direction]:checked") == "BtoA"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    page.keyboard.press("Enter")
    until = time.monotonic() + 30
    while not choosers:
        assert time.monotonic() < until
        page.wait_for_timeout(20)
    choosers[0].set_files({"name": "a.png", "mimeType": "image/png", "buffer": picture()})
    wait(page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "slider"
    page.keyboard.press("ArrowLeft")
    assert float(page.input_value("#slider")) < 50
    assert "% before" in page.get_attribute("#slider", "aria-valuetext")
    page.keyboard.press("Home")
    assert page.input_value("#slider") == "0"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "download"


DROP = """([name, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt());
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, { type: "image/png" }));
  const event = KIND === "paste" ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true })
    : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
  document.querySelector("main").dispatchEvent(event);
}"""


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_an_image_can_be_dropped_or_pasted(open_page, inverting, kind):
    page = open_page(inverting)
    encoded = base64.b64encode(picture(size=(64, 48))).decode()
    page.evaluate(DROP.replace("KIND", f"'{kind}'"), ["dropped.png", encoded])
    wait(page)
    assert page.inner_text("#name") == "dropped.png"
    assert page.inner_text("#about").startswith("64 \u00d7 48, ")


def test_of_several_images_one_is_taken_and_the_rest_are_not_forgotten(open_page, inverting):
    page = open_page(inverting)
    page.evaluate(
        "(base64) => { const data = new DataTransfer();"
        "const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt());"
        "for (const name of ['a.png', 'b.png', 'c.png']) data.items.add(new File([bytes], name));"
        "document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true })); }",
        base64.b64encode(picture()).decode(),
    )
    wait(page)
    assert page.inner_text("#message-text") == "One image at a time: a.png was taken, the other 2 were not."


def test_an_error_of_the_server_is_shown_and_the_next_image_works(open_page):
    with serving(
        Answers(lambda job: Refusal(422, "the image is damaged") if job.content == b"bad" else invert(job))
    ) as url:
        page = open_page(url, expected="422")
        choose(page, b"bad", "<b>bad</b>.png")
        page.wait_for_selector("#message:not([hidden])")
        assert page.inner_text("#message-text") == "The image is damaged."
        assert page.inner_text("#name") == "<b>bad</b>.png"
        choose(page)
        wait(page)
        assert not page.is_visible("#message")


def test_a_picture_that_the_browser_cannot_show_is_translated_all_the_same(open_page):
    with serving(Answers(lambda job: Translation(picture(size=(30, 20))))) as url:
        page = open_page(url)
        choose(page, picture("TIFF", (30, 20)), "scan.tif")
        wait(page)
        assert page.is_visible("#after")
        assert not page.is_visible("#slider")


def test_an_image_that_is_too_large_can_be_shrunk_when_a_person_wants_it(open_page, inverting):
    page = open_page(inverting)
    choose(page, picture(size=(800, 500)))
    page.wait_for_selector("#shrink:not([hidden])")
    assert page.inner_text("#message-text") == "The image has 0.4 megapixels; this server takes up to 0.1 megapixels."
    assert not page.is_visible("#download")
    page.get_by_text("Shrink it to 400 \u00d7 250 and translate").click()
    wait(page)
    assert page.evaluate("[after.naturalWidth, after.naturalHeight]") == [400, 250]


def test_a_busy_server_is_asked_again(open_page):
    begun, go_on = threading.Event(), threading.Event()

    def once(job):
        if not begun.is_set():
            begun.set()
            assert go_on.wait(30)
        return invert(job)

    with serving(Answers(once), Limits(queue=0)) as url:
        first, second = open_page(url), open_page(url, expected="503")
        choose(first)
        assert begun.wait(30)
        choose(second)
        expecting(second, "#about").to_contain_text(BUSY, timeout=30_000)
        go_on.set()
        wait(second)
        wait(first)


def test_a_server_without_room_for_a_connection_is_asked_again(open_page):
    bounds = Bounds(connections=8, head=60, idle=0.3, patience=60)
    with serving(Answers(invert), Limits(max_bytes=1_000_000), bounds=bounds) as url, ExitStack() as others:
        page = open_page(url, expected="503")
        page.wait_for_timeout(800)  # until the browser's own connections have been closed
        for _ in range(8):
            others.enter_context(connect(url))
        choose(page)
        expecting(page, "#about").to_contain_text(BUSY, timeout=30_000)
        others.close()
        wait(page)
        choose(page, b"x" * 2_000_000)
        page.wait_for_selector("#message:not([hidden])")
        assert page.inner_text("#message-text") == "The file has 1.9 MiB; this server takes up to 0.954 MiB."


def test_cancelling_and_a_server_that_has_gone(open_page):
    begun, go_on = threading.Event(), threading.Event()

    def slow(job):
        begun.set()
        assert go_on.wait(30)
        return invert(job)

    with serving(Answers(slow)) as url:
        page = open_page(url, expected="ERR_CONNECTION_REFUSED")
        choose(page)
        assert begun.wait(30)
        page.get_by_text("Cancel").click()
        expecting(page, "#about").to_have_text("Cancelled", timeout=30_000)
        assert not page.is_visible("#cancel")
        go_on.set()
    choose(page)
    page.wait_for_selector("#message:not([hidden])")
    assert page.inner_text("#message-text") == "The server cannot be reached. Is it still running?"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_is_wider_than_the_screen_and_text_can_be_read(open_page, inverting, viewport, scheme):
    page = open_page(inverting, viewport, color_scheme=scheme, has_touch=viewport is PHONE, is_mobile=viewport is PHONE)
    for size in ((1200, 80), (60, 900), (3, 3)):
        choose(page, picture(size=size), "a_name_that_is_" + "very_" * 30 + "long.png")
        wait(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    paper, ink = page.evaluate(
        "(({ backgroundColor, color }) => [backgroundColor, color])(getComputedStyle(document.body))"
    )
    lightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) / 3 for colour in (paper, ink)]
    assert (lightness[0] > lightness[1]) == (scheme == "light")
    assert abs(lightness[0] - lightness[1]) > 150
    page.goto(page.url + "docs")
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert page.url.removesuffix("/docs") + "/translate" in page.inner_text("pre >> nth=0")
