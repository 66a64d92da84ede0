"""Every error has one shape, and repeats what a client sent only as far as it is safe to show."""

import json

from i2i.serving.problems import MOST_SHOWN, RefusedError, error_body, shown


def test_the_body_is_ascii_whatever_the_reason():
    body = error_body("Größe \u2028 \N{SNOWMAN}")
    assert body.isascii()
    assert json.loads(body) == {"error": "Größe \u2028 \N{SNOWMAN}"}


def test_when_to_try_again_is_a_header_where_it_can_help():
    assert RefusedError(503, "full", retry_after=2).headers == {"Retry-After": "2"}
    assert RefusedError(400, "wrong").headers == {}
    assert str(RefusedError(400, "wrong")) == "wrong"


def test_what_a_client_sent_is_repeated_without_control_characters_and_not_for_long():
    assert "\x1b" not in shown("\x1b[31mred\nline")
    assert shown("a" * MOST_SHOWN) == "a" * MOST_SHOWN
    assert shown("a" * (MOST_SHOWN + 1)) == "a" * MOST_SHOWN + "..."
