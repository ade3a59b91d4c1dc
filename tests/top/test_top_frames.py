"""Whole frames: the written ones, and that every frame stays within its screen and hides nothing that matters."""

from __future__ import annotations

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from bot.top.frame import Frame, draw, draw_absence
from bot.top.ink import ASCII, UNICODE
from bot.top.reading import read
from tests.top.top_cases import CASES, GOLDEN, HOSTILE, view, written
from tests.top.top_samples import NOW_MS, status, supervisor, top


def style_at(frame: Frame, words: str) -> str:
    """The style in which the first line that holds these words draws them."""
    line = next(line for line in frame.lines if words in line.plain)
    return _style_of(line, line.plain.index(words))


def _style_of(line: Text, offset: int) -> str:
    return " ".join(str(span.style) for span in line.spans if span.start <= offset < span.end)


@pytest.mark.parametrize("case", CASES)
def test_the_frame_is_the_written_one(case: str) -> None:
    assert written(case) == (GOLDEN / f"{case}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES)
@given(width=st.integers(1, 220), height=st.integers(1, 70))
def test_no_frame_is_larger_than_its_screen(case: str, width: int, height: int) -> None:
    frame = draw(view(case), now_ms=NOW_MS, width=width, height=height, glyphs=UNICODE)
    assert len(frame.lines) == height
    assert max(cell_len(line.plain) for line in frame.lines) <= width
    assert not any(unicodedata.category(character) in {"Cc", "Cf"} for line in frame.lines for character in line.plain)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("width", [60, 80, 120, 160])
def test_a_terminal_without_utf8_gets_ascii_alone(case: str, width: int) -> None:
    frame = draw(view(case, ascii_only=True), now_ms=NOW_MS, width=width, height=40, glyphs=ASCII)
    assert frame.plain.isascii()


@pytest.mark.parametrize("case", ["paused", "flattening", "halted", "sixty_positions", "hostile"])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 50), (120, 30), (160, 45), (60, 24), (220, 60)])
def test_state_level_and_cause_are_on_every_screen(case: str, width: int, height: int) -> None:
    record = view(case)
    text = draw(record, now_ms=NOW_MS, width=width, height=height, glyphs=UNICODE).plain
    assert f" {record.state} " in text
    assert f"level {record.level}" in text
    assert all(f"{cause.cause} for " in text for cause in record.causes)
    assert record.halt is None or f"halt by {record.halt.cause} for " in text


@pytest.mark.parametrize(("width", "height"), [(60, 40), (80, 24), (120, 30), (160, 45)])
def test_what_has_no_room_is_counted_with_what_it_loses(width: int, height: int) -> None:
    text = draw(view("sixty_positions"), now_ms=NOW_MS, width=width, height=height, glyphs=UNICODE).plain
    if "more in a larger window" not in text:
        assert "with a loss, live -0.0" in text
        assert "sum of 60" in text


def test_a_frame_without_a_height_shows_every_position() -> None:
    text = draw(view("sixty_positions"), now_ms=NOW_MS, width=80, height=None, glyphs=UNICODE, live=False).plain
    assert all(f"TOKEN{number} " in text for number in range(60))
    assert "q leaves" not in text


def test_a_loss_is_as_plain_as_a_gain() -> None:
    frame = draw(view("two_modes"), now_ms=NOW_MS, width=120, height=36, glyphs=UNICODE)
    assert style_at(frame, "+0.0112   +22.4 %") == "green"
    assert style_at(frame, "-0.0300   -60.0 %") == "red"


def test_amounts_of_two_modes_are_never_added_up() -> None:
    text = draw(view("two_modes"), now_ms=NOW_MS, width=80, height=40, glyphs=UNICODE).plain
    assert "result         +0.1234      -1.2800" in text
    assert "sum of 1   live                  0.0500     0.0612    +0.0112" in text
    assert "sum of 1   paper                 0.0500     0.0200    -0.0300" in text


def test_the_open_result_is_not_known_while_one_part_of_it_is_not() -> None:
    more = top()
    more["today"][0]["unrealized_lamports"] = None
    text = draw(read(status(), supervisor(), more), now_ms=NOW_MS, width=80, height=24, glyphs=UNICODE).plain
    assert "result       not known" in text
    assert "closed         +0.1300" in text


def test_a_number_without_room_is_not_cut_into_another_one() -> None:
    more = top()
    more["momentum"]["rows"] = [{"score_bps": -(10**9), "symbol": "TOKEN"}]
    text = draw(read(status(), supervisor(), more), now_ms=NOW_MS, width=80, height=40, glyphs=UNICODE).plain
    assert " 1 TOKEN      #####" in text


def test_causes_beyond_the_screen_are_counted() -> None:
    causes = [
        {"cause": f"daily_loss:{number}", "scope": f"user:{number}", "since": None, "by": "gate", "why": HOSTILE}
        for number in range(40)
    ]
    text = draw(read(status("OPEN", 1, causes), {}, {}), now_ms=NOW_MS, width=80, height=24, glyphs=UNICODE).plain
    assert "and 37 more causes, see bot status" in text


def test_a_bot_that_stopped_answering_is_shown_with_the_age_of_what_is_shown() -> None:
    text = draw(view("open"), now_ms=NOW_MS, width=80, height=24, glyphs=UNICODE, silent_s=7.0).plain
    assert "no answer for 7.0 s: this is how it was at 07:59:53 UTC" in text


def test_a_bot_that_is_gone_leaves_no_stale_amounts_on_the_screen() -> None:
    why = "no bot is running on /data; start it with `bot run`, or give --data-dir"
    frame = draw_absence(why, view("open"), now_ms=NOW_MS, absent_s=61.0, width=120, glyphs=UNICODE)
    assert frame.plain.splitlines() == [
        f"trading-bot   NO ANSWER   {why}",
        "It last answered at 07:58:59 UTC: OPEN, level 1, 3 open positions.",
        "It is asked again every second; q leaves.",
    ]


def test_colours_are_those_that_every_theme_keeps_readable() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system="truecolor", width=160, highlight=False)
    for case in CASES:
        console.print(draw(view(case), now_ms=NOW_MS, width=160, height=45, glyphs=UNICODE))
    codes = {code for part in file.getvalue().split("\x1b[")[1:] for code in part.partition("m")[0].split(";")}
    bold_dim_reset = {"0", "1", "2"}
    green_and_red = {"31", "32"}
    badges = {"30", "37", "41", "42", "43", "46"}
    assert codes <= bold_dim_reset | green_and_red | badges
