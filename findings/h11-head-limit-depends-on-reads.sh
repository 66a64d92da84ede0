#!/usr/bin/env bash
# h11 0.16.0 (the parser of uvicorn): max_incomplete_event_size does not limit the size of a request's head.
#
# Its documentation says that it "mostly sets a limit on the maximum size of the request/response line + headers"
# (h11.Connection, https://h11.readthedocs.io/en/latest/api.html). It is compared only when the event is not complete yet.
# A head of 100,000 bytes is therefore accepted under a limit of 16,384 when it is handed over in one piece, and refused
# with 431 when the same bytes come in pieces. asyncio hands over up to 256 KiB at once, so behind uvicorn
# (--h11-max-incomplete-event-size) the same request is accepted or refused by how the network cut it.
#
# Who wants a limit that always holds checks the size of the parsed headers as well, or hands over no more than the limit
# at once. Own observation, in h11/_connection.py: next_event looks at len(self._receive_buffer) only if event is NEED_DATA.
#
# Seen:
#   in one piece:             accepted
#   in pieces of 50000 bytes: 431 Receive buffer too long
#   in pieces of 1000 bytes:  431 Receive buffer too long
#
# Exits with 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check h11==0.16.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import h11

request = b"GET / HTTP/1.1\r\nHost: example.org\r\nX: " + b"a" * 100_000 + b"\r\n\r\n"


def fed(size):
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=16384)
    try:
        for begin in range(0, len(request), size):
            connection.receive_data(request[begin : begin + size])
            event = connection.next_event()
    except h11.RemoteProtocolError as error:
        return f"{error.error_status_hint} {error}"
    return "accepted" if isinstance(event, h11.Request) else repr(event)


seen = [fed(len(request)), fed(50_000), fed(1_000)]
for where, what in zip(("in one piece:", "in pieces of 50000 bytes:", "in pieces of 1000 bytes:"), seen):
    print(f"{where:26}{what}")
sys.exit(seen != ["accepted", "431 Receive buffer too long", "431 Receive buffer too long"])
PYTHON
