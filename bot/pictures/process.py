"""`python -m bot.pictures.process`: draws what its standard input asks for, and ends when that does.

It is started by the bot for this alone and given nothing else: no key, no database, no network. It is short of memory and
of time by its own limits, so that a picture that cannot be drawn ends it and nothing else.
"""

from __future__ import annotations

import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import resvg_py

from bot.pictures.drawing import DRAWN, LENGTH_BYTES, REFUSED, REQUEST_MAX, svg_of, unpacked
from bot.pictures.ink import FONT

FONT_FILE = Path(__file__).parent / "DejaVuSans.ttf"
MEMORY_BYTES = 512_000_000  # of address space; a picture takes a fraction of it
PICTURE_S = 10  # the bot gives up sooner; this ends a process whose bot is gone


def main() -> None:
    """Answer one request after the other."""
    _be_small()
    while (request := _request(sys.stdin.buffer)) is not None:
        signal.alarm(PICTURE_S)
        status, content = _answer(request)
        sys.stdout.buffer.write(status + len(content).to_bytes(LENGTH_BYTES, "big") + content)
        sys.stdout.buffer.flush()
        signal.alarm(0)


def _be_small() -> None:
    """Bound the memory, and be the first to go when the machine has none left.

    The filter of system calls of the bot's unit forbids limits (EPERM, which Python tells as ValueError); there the unit's
    own bound holds, and this process is ended before the bot.
    """
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")  # proc(5); there is none but on Linux


def _request(stream: BinaryIO) -> bytes | None:
    """The next request, None at the end of the stream. Raises ValueError for one that is too long."""
    head = stream.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    length = int.from_bytes(head, "big")
    if length > REQUEST_MAX:
        raise ValueError(f"a request of {length} bytes")
    return stream.read(length)


def _answer(request: bytes) -> tuple[bytes, bytes]:
    try:
        return DRAWN, png_of(svg_of(unpacked(request)))
    except (ArithmeticError, LookupError, ValueError) as error:
        return REFUSED, f"{type(error).__name__}: {error}"[:500].encode()


def png_of(svg: str) -> bytes:
    """The PNG of a drawing, with the letters of our own font: a server has none."""
    png: bytes = resvg_py.svg_to_bytes(
        svg_string=svg,
        skip_system_fonts=True,
        font_files=[str(FONT_FILE)],
        font_family=FONT,
        sans_serif_family=FONT,
    )
    return png


if __name__ == "__main__":
    main()
