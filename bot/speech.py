"""What the bot says on its console, and the signals by which whoever sits there asks it to end."""

from __future__ import annotations

import io
import os
import signal
import sys


def say(line: str) -> None:
    """One line for whoever looks at the console.

    A console that takes nothing stops nothing: nobody reads the pipe, the terminal is gone, or its file is on a disk that is
    full. The line is lost, and the next one is tried. A character that it does not know is spelt out.
    """
    try:
        try:
            print(line, flush=True)
        except UnicodeEncodeError:
            print(line.encode("ascii", "backslashreplace").decode(), flush=True)
    except OSError:
        _speak_unbuffered()


def _speak_unbuffered() -> None:
    """From now on keep nothing back: what a buffer could not write it would try again with every later line, and at the end."""
    if isinstance(before := sys.stdout, io.TextIOWrapper) and not before.write_through:
        _let_go(before)
        raw = io.FileIO(before.fileno(), "w", closefd=False)
        sys.stdout = io.TextIOWrapper(
            raw,  # a raw file has all that a wrapper that writes through asks for
            encoding=before.encoding,
            errors=before.errors,
            write_through=True,
        )


def _let_go(kept_back: io.TextIOWrapper) -> None:
    """Have a file write what it holds to nowhere, so that it does not write it once there is room again."""
    number = kept_back.fileno()
    console, nowhere = os.dup(number), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, number)
        kept_back.flush()
    finally:
        os.dup2(console, number)
        os.close(console)
        os.close(nowhere)


def endings() -> tuple[signal.Signals, ...]:
    """The signals that end the bot in order. A terminal that goes away is one, unless nohup has it ignored."""
    hangs_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return (signal.SIGTERM, signal.SIGINT, *((signal.SIGHUP,) if hangs_up else ()))
