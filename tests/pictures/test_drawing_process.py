"""The drawing process and its twin: the same contract; then what only a real process can do wrong."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trio

from bot.drawing_process import DrawingChild
from bot.errors import PictureUnavailable
from bot.pictures.ink import HEIGHT, WIDTH
from bot.pictures.memory import MemoryDrawings
from bot.pictures.plain import PNG_MAGIC, Picture
from bot.ports import DrawingProcess
from tests.pictures.picture_samples import HOSTILE, price_picture, profit_picture

WITHIN_S = 60
PNG_END = b"IEND\xaeB`\x82"
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(params=[DrawingChild, lambda: MemoryDrawings().begin()], ids=["child", "twin"])
async def process(request: pytest.FixtureRequest) -> AsyncIterator[DrawingProcess]:
    begin: Callable[[], DrawingProcess] = request.param
    found = begin()
    yield found
    found.kill()


@pytest.fixture
async def child() -> AsyncIterator[DrawingChild]:
    found = DrawingChild()
    yield found
    found.kill()


async def drawn(process: DrawingProcess, picture: Picture) -> bytes:
    with trio.fail_after(WITHIN_S):
        return await process.draw(picture)


async def test_pictures_come_one_after_the_other_as_png(process: DrawingProcess) -> None:
    for picture in (price_picture(), price_picture(0), price_picture(name=HOSTILE, symbol=HOSTILE), profit_picture()):
        assert (await drawn(process, picture)).startswith(PNG_MAGIC)


async def test_one_that_was_killed_draws_no_more(process: DrawingProcess) -> None:
    await drawn(process, profit_picture())
    process.kill()
    process.kill()
    with pytest.raises(PictureUnavailable):
        await drawn(process, profit_picture())


async def test_a_png_is_whole_and_as_large_as_its_sheet(child: DrawingChild) -> None:
    content = await drawn(child, price_picture(10_000))
    assert struct.unpack(">II", content[16:24]) == (WIDTH, HEIGHT)
    assert content.endswith(PNG_END)
    assert len(content) < 500_000


async def test_one_that_ends_by_itself_is_told_as_such_and_reaped(child: DrawingChild) -> None:
    await drawn(child, profit_picture())
    os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(PictureUnavailable, match="the drawing process ended: it said nothing"):
        await drawn(child, profit_picture())
    child.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


async def test_a_request_that_is_none_ends_it_with_its_last_words(child: DrawingChild) -> None:
    with trio.fail_after(WITHIN_S):
        await child._requests.send_all(b"\xff\xff\xff\xff")
    with pytest.raises(PictureUnavailable, match="ended: ValueError: a request of 4294967295 bytes"):
        await drawn(child, profit_picture())


async def test_it_is_given_neither_variables_nor_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "1:not-for-it")
    with (tmp_path / "secret").open("w") as secret:
        child = DrawingChild()
        try:
            await drawn(child, profit_picture())
            proc = Path(f"/proc/{child.pid}")
            assert b"not-for-it" not in (proc / "environ").read_bytes()
            assert not [one for one in (proc / "fd").iterdir() if one.readlink() == Path(secret.name)]
            assert "Max address space         512000000" in (proc / "limits").read_text()
            assert (proc / "oom_score_adj").read_text() == "1000\n"
        finally:
            child.kill()


def test_it_ends_with_whoever_started_it() -> None:
    """Its standard input is closed then."""
    process = subprocess.Popen([sys.executable, "-m", "bot.pictures.process"], stdin=subprocess.PIPE, cwd=ROOT)
    process.communicate(timeout=WITHIN_S)
    assert process.returncode == 0


def test_the_bot_itself_loads_no_drawing_library() -> None:
    loaded = "import sys, bot.app, bot.pictures.drawing; print('resvg_py' in sys.modules)"
    argv = [sys.executable, "-c", loaded]
    said = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=WITHIN_S, cwd=ROOT)
    assert said.stdout == "False\n", said.stderr
