"""An outage pauses at once, ends after its dwell, doubles with each relapse, and becomes critical only while it lasts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.trading.outage import DWELL_MAX_MS, RELAPSE_WINDOW_MS, Outage, OutageRule, Phase
from bot.trading.trading_state import Binds

RULE = OutageRule(dwell_ms=15_000, critical_after_ms=120_000)
NEVER = OutageRule(dwell_ms=15_000, critical_after_ms=None)
LATE = OutageRule(dwell_ms=15_000, critical_after_ms=None, pauses_after_ms=300_000, binds=Binds.AUTOMATED)


def test_a_service_that_was_never_away_is_well() -> None:
    assert Outage(RULE).phase(10**12) is Phase.WELL
    assert Outage(RULE).up(5).phase(10**12) is Phase.WELL


def test_it_pauses_at_once_and_ends_after_the_dwell() -> None:
    outage = Outage(RULE).down(1_000)
    assert outage.phase(1_000) is Phase.DOWN
    outage = outage.up(21_000)
    assert outage.phase(35_999) is Phase.DWELLING
    assert outage.phase(36_000) is Phase.WELL


def test_a_relapse_while_it_dwells_begins_anew_and_doubles_the_dwell() -> None:
    outage = Outage(RULE).down(0).up(10_000).down(20_000)
    assert outage.phase(20_000) is Phase.DOWN
    outage = outage.up(30_000)
    assert outage.phase(30_000 + 29_999) is Phase.DWELLING
    assert outage.phase(30_000 + 30_000) is Phase.WELL


def test_relapses_are_forgotten_after_an_hour() -> None:
    outage = Outage(RULE).down(0).up(1).ended().down(RELAPSE_WINDOW_MS)
    assert outage.dwell_ms == 15_000


def test_the_dwell_never_exceeds_ten_minutes() -> None:
    outage = Outage(RULE)
    for minute in range(20):
        outage = outage.down(minute * 60_000).up(minute * 60_000 + 1)
    assert outage.dwell_ms == DWELL_MAX_MS


def test_it_becomes_critical_only_when_it_lasts_without_a_break() -> None:
    outage = Outage(RULE).down(0)
    assert outage.phase(119_999) is Phase.DOWN
    assert outage.phase(120_000) is Phase.CRITICAL
    assert Outage(NEVER).down(0).phase(10**9) is Phase.DOWN
    flapping = outage.up(119_000).down(119_500)
    assert flapping.phase(120_000) is Phase.DOWN


def test_a_short_outage_of_a_service_with_patience_pauses_nothing_and_leaves_no_trace() -> None:
    outage = Outage(LATE).down(0)
    assert outage.phase(299_999) is Phase.TOLERATED
    assert outage.up(299_999) == Outage(LATE)


def test_a_long_outage_of_a_service_with_patience_pauses_late_and_dwells() -> None:
    outage = Outage(LATE).down(0)
    assert outage.phase(300_000) is Phase.DOWN
    outage = outage.up(400_000)
    assert outage.phase(400_000) is Phase.DWELLING
    assert outage.phase(415_000) is Phase.WELL


def test_a_relapse_while_it_dwells_has_no_patience_left() -> None:
    outage = Outage(LATE).down(0).up(400_000).down(401_000)
    assert outage.phase(401_000) is Phase.DOWN
    assert outage.ended().down(500_000).phase(500_000) is Phase.TOLERATED


def test_an_outage_that_an_earlier_process_left_is_critical_only_when_this_one_sees_it() -> None:
    left = Outage.left_behind(RULE, 0)
    assert left.phase(10**9) is Phase.DOWN
    assert left.down(10**9).phase(10**9) is Phase.CRITICAL
    back = left.up(10**9)
    assert back.phase(10**9) is Phase.DWELLING
    assert back.phase(10**9 + 15_000) is Phase.WELL


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 100_000)), max_size=40))
def test_a_pause_never_ends_while_the_service_is_away(steps: list[tuple[bool, int]]) -> None:
    outage, now_ms, seen_up = Outage(RULE), 0, True
    for up, later_ms in steps:
        now_ms += later_ms
        outage = outage.up(now_ms) if up else outage.down(now_ms)
        seen_up = up
        assert (outage.phase(now_ms) in {Phase.DOWN, Phase.CRITICAL}) == (not seen_up)
        if outage.phase(now_ms) is Phase.WELL:
            outage = outage.ended()
