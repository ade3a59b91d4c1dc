"""`bot web` itself: the port, the token's file, and the loops that run until it is asked to stop."""

from __future__ import annotations

import os
import re
import sys
from functools import partial
from pathlib import Path

import structlog
import trio

from bot.clock import system_clock
from bot.errors import StartupError
from bot.http_door import HOST, listen
from bot.speech import endings
from bot.web.dashboard.door import Door
from bot.web.dashboard.feed import Feed
from bot.web.dashboard.sessions import Sessions, token_file
from bot.web.dashboard.site import Site

PORT = 8480
LOOK_EVERY_S = 1.0  # at the token's file
NAMES_MAX = 8
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


def main(socket_path: Path, directory: Path, *, port: int, token: str | None, names: list[str]) -> int:
    """Serve the dashboard of the bot behind a control socket until a signal ends it; returns the exit code 0.

    Raises StartupError where the port is taken, the token cannot be used or a name is none.
    """
    known = frozenset(name.lower() for name in names)
    if len(known) > NAMES_MAX or (wrong := next((name for name in known if not _NAME.fullmatch(name)), None)):
        raise StartupError(f"--name takes a host's name alone, {NAMES_MAX} at most: {wrong!r} is none")
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(file=sys.stderr))
    path, made = token_file(token, directory, os.environ.get("CREDENTIALS_DIRECTORY"))
    trio.run(partial(_serve, socket_path, port, path, known, made=made))
    return 0


async def _serve(socket_path: Path, port: int, token: Path, names: frozenset[str], *, made: bool) -> None:
    feed, sessions = Feed(socket_path, system_clock()), Sessions(token)
    listener = await listen(port, key="--port", cure="give another")
    bound = int(listener.socket.getsockname()[1])
    door = Door(Site(feed, sessions, socket_path, token_at=str(token), port=bound, names=names).answer)
    with trio.open_signal_receiver(*endings()) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.run)
            nursery.start_soon(_look_at_token, sessions)
            await nursery.start(trio.serve_listeners, door.serve, [listener])
            new = "a new token is" if made else "its token is"
            print(f"dashboard: http://{HOST}:{bound}/  {new} in {token}", flush=True)
            async for _ in signals:
                nursery.cancel_scope.cancel()
                break


async def _look_at_token(sessions: Sessions) -> None:
    """A token that somebody changes ends the sessions of the one before."""
    while True:
        await trio.sleep(LOOK_EVERY_S)
        sessions.look_again()
