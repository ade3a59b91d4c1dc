"""An outage pauses at once, ends after its dwell, doubles with each relapse, and becomes critical only while it lasts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.trading.outage import DWELL_MAX_MS, RELAPSE_WINDOW_MS, Outage, OutageRule, Phase

RULE = OutageRule(dwell_ms=15_000, critical_after_ms=120_000)
NEVER = OutageRule(dwell_ms=15_000, critical_after_ms=None)


def test_a_service_that_was_never_away_is_well() -> None:
    assert Outage().phase(10**12, RULE) is Phase.WELL
    assert Outage().up(5).phase(10**12, RULE) is Phase.WELL


def test_it_pauses_at_once_and_ends_after_the_dwell() -> None:
    outage = Outage().down(1_000)
    assert outage.phase(1_000, RULE) is Phase.DOWN
    outage = outage.up(21_000)
    assert outage.phase(35_999, RULE) is Phase.DWELLING
    assert outage.phase(36_000, RULE) is Phase.WELL


def test_a_relapse_while_it_dwells_begins_anew_and_doubles_the_dwell() -> None:
    outage = Outage().down(0).up(10_000).down(20_000)
    assert outage.phase(20_000, RULE) is Phase.DOWN
    outage = outage.up(30_000)
    assert outage.phase(30_000 + 29_999, RULE) is Phase.DWELLING
    assert outage.phase(30_000 + 30_000, RULE) is Phase.WELL


def test_relapses_are_forgotten_after_an_hour() -> None:
    outage = Outage().down(0).up(1).ended().down(RELAPSE_WINDOW_MS)
    assert outage.dwell_ms(RULE) == 15_000


def test_the_dwell_never_exceeds_ten_minutes() -> None:
    outage = Outage()
    for minute in range(20):
        outage = outage.down(minute * 60_000).up(minute * 60_000 + 1)
    assert outage.dwell_ms(RULE) == DWELL_MAX_MS


def test_it_becomes_critical_only_when_it_lasts_without_a_break() -> None:
    outage = Outage().down(0)
    assert outage.phase(119_999, RULE) is Phase.DOWN
    assert outage.phase(120_000, RULE) is Phase.CRITICAL
    assert outage.phase(10**9, NEVER) is Phase.DOWN
    flapping = outage.up(119_000).down(119_500)
    assert flapping.phase(120_000, RULE) is Phase.DOWN


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 100_000)), max_size=40))
def test_a_pause_never_ends_while_the_service_is_away(steps: list[tuple[bool, int]]) -> None:
    outage, now_ms, seen_up = Outage(), 0, True
    for up, later_ms in steps:
        now_ms += later_ms
        outage = outage.up(now_ms) if up else outage.down(now_ms)
        seen_up = up
        assert (outage.phase(now_ms, RULE) in {Phase.DOWN, Phase.CRITICAL}) == (not seen_up)
        if outage.phase(now_ms, RULE) is Phase.WELL:
            outage = outage.ended()
