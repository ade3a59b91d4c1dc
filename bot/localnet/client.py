"""The blocking client of a running local chain: one request over its control socket. Imports no trio, so it is fast."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

TIMEOUT_S = 5.0
SOCKET_NAME = "localnet.sock"
SUBDIRECTORY = "localnet"


class NotRunning(Exception):
    """No local chain answers in the data directory; the text is one line."""


class Refused(Exception):
    """The chain refused the request; the text is its reason."""


def ask(directory: Path, **request: Any) -> dict[str, Any]:
    """Send one request to the chain of a data directory (or of its `localnet` folder) and return the answer.

    Raises NotRunning when nobody answers within five seconds, Refused when the chain says no.
    """
    path = directory / SOCKET_NAME
    if not path.exists():
        path = directory / SUBDIRECTORY / SOCKET_NAME
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                line = lines.readline()
    except OSError as error:
        raise NotRunning(f"no local chain answers in {directory}: {error.strerror or error}") from error
    if not line:
        raise NotRunning(f"the local chain in {directory} closed the connection without an answer")
    answer: dict[str, Any] = json.loads(line)
    if not answer.get("ok"):
        raise Refused(str(answer.get("error")))
    return answer
