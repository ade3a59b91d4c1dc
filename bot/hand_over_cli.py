"""`bot hand-over`: the installed program takes the running bot's place, and how long nobody watched is told."""

from __future__ import annotations

import argparse
import os
import sys
from math import inf
from pathlib import Path
from typing import Any

from bot import control
from bot.errors import BotError
from bot.paths import control_socket

READY_WITHIN_S = 195.0  # what the running bot gives the new one, and a little more
LEADS_WITHIN_S = 60.0
WATCHES_WITHIN_S = 20.0  # once its tree runs, whose first look at the positions comes within half a second
GAP_WITHIN_S = 5.0  # for the figure alone, once positions are watched
POLL_S = 0.1


def add_hand_over(verbs: Any) -> argparse.ArgumentParser:
    """The verb with what it does; the caller adds what every verb has."""
    verb: argparse.ArgumentParser = verbs.add_parser(
        "hand-over", help="under systemd: start the installed program beside this bot and let it take its place"
    )
    return verb


def run_hand_over(_: argparse.Namespace, directory: Path) -> int:
    """Raises BotError with one line where nothing was handed over, or where the new program does not lead in time."""
    socket = control_socket(directory)
    try:
        return _handed_over(socket)
    except KeyboardInterrupt:
        raise BotError("the hand-over goes on while nobody waits for it; bot status tells who leads") from None


def _handed_over(socket: Path) -> int:
    import trio

    given = control.ask(socket, {"verb": "hand_over"}, within_s=READY_WITHIN_S)
    process = given["process"]
    _tell(f"process {process} is ready and takes over")
    found = trio.run(until_led, socket, process)
    gap = "not known" if found["unwatched_ms"] is None else f"{found['unwatched_ms'] / 1000:.1f} s"
    before = "not known" if given["watched"] is None else given["watched"]
    watched = f"watched before: {before}, now: {found['watched']}"
    _tell(f"process {process} leads; positions were unwatched for: {gap}; {watched}")
    return 0


def _tell(line: str) -> None:
    """What became of the hand-over is its exit code's to say, whether or not a terminal is left that shows this."""
    try:
        print(line, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def until_led(socket: Path, process: int) -> dict[str, Any]:
    """What the new program says of itself once it watches positions and knows since when, or after waiting for the latter."""
    import trio

    within_s = LEADS_WITHIN_S
    with trio.move_on_after(LEADS_WITHIN_S) as patience:
        while (found := _said_by(socket, process)) is None or found["watched"] is None:
            _refuse_ended(process)
            if found is not None and within_s == LEADS_WITHIN_S:
                within_s = WATCHES_WITHIN_S
                patience.deadline = trio.current_time() + within_s
            await trio.sleep(POLL_S)
        patience.deadline = inf
        with trio.move_on_after(GAP_WITHIN_S):
            while found["unwatched_ms"] is None:
                await trio.sleep(POLL_S)
                found = _said_by(socket, process) or found
        return found
    raise BotError(
        f"process {process} does not watch all positions after {within_s:.0f} s; bot status says what it waits for,"
        " and systemctl restart starts anew"
    )


def _said_by(socket: Path, process: int) -> dict[str, Any] | None:
    """What that process says of itself once its tree runs; None before."""
    try:
        answer = control.ask(socket, {"verb": "leads"})
    except (control.NotRunning, control.Refused):
        return None
    return answer if answer["process"] == process else None


def _refuse_ended(process: int) -> None:
    """Nobody waits for one that has ended; field 3 of /proc/PID/stat (proc(5)) is Z until somebody has taken note of it."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        state = "Z"
    if state == "Z":
        raise BotError(
            f"process {process} took over and has ended before it watched positions; its last words are in the journal,"
            " and systemctl status tells what follows"
        )
