"""From raw answers to the record: whatever the answers are, reading gives a record and never an error."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.top.frame import draw
from bot.top.ink import UNICODE
from bot.top.reading import read
from tests.top.top_samples import NOW_MS, status, supervisor, top

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("2027-01-15T08:00:00Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def test_every_field_of_the_answers_arrives() -> None:
    view = read(status(), supervisor(), top())
    assert (view.state, view.level, view.mode, view.cluster, view.uptime_s) == ("OPEN", 1, "live", "local", 9_245.3)
    assert (view.users, view.snipers, view.launches_seen, view.tokens_tracked) == (2, 2, 312, 47)
    assert view.last_trade_at == NOW_MS - 14_000
    assert [service.name for service in view.services] == ["database", "rpc", "stream", "telegram"]
    assert [endpoint.slot for endpoint in view.services[1].endpoints] == [20_450, 20_450]
    assert view.actors is not None
    assert (view.actors.total, view.actors.running, view.actors.restarts, view.actors.troubled) == (4, 4, 2, ())
    assert view.positions is not None
    assert [row.value_lamports for row in view.positions] == [61_200_000, 44_000_000, 50_000_000]
    assert view.positions[0].opened_at == NOW_MS - 65_000
    assert view.momentum is not None
    assert view.momentum[0].score_bps == 8_700
    assert view.process is not None
    assert view.process.loop_lag_worst_ms == 14


def test_a_bot_that_has_not_begun_says_what_it_waits_for_and_has_no_panels() -> None:
    since = "2027-01-15T08:00:00Z"
    standby = {"leader": "bot on alpha", "leader_since": since, "since": since, "leader_knows": True}
    shown = draw(
        read({"state": "STARTING", "standby": standby}, {}, {}), now_ms=NOW_MS, width=60, height=None, glyphs=UNICODE
    ).plain
    assert " ".join(shown.split()).startswith(
        f"trading-bot STARTING standby of bot on alpha since {since}; that one leads since {since}, it knows"
    )
    assert "not known" not in shown
    waits = {"for": "database", "since": since, "why": "it is away"}
    assert (
        read({"state": "STARTING", "waits": waits}, {}, {}).waits == f"waits for its database since {since}: it is away"
    )


def test_an_actor_that_does_not_run_is_named_by_its_path() -> None:
    actors = read(status(), supervisor(state="quarantined"), top()).actors
    assert actors is not None
    assert (actors.total, actors.running, actors.troubled) == (4, 3, ("bot/hunt/sniper-2 quarantined",))


def test_a_bot_that_does_not_know_the_verb_leaves_its_panels_unknown() -> None:
    view = read(status(), {}, {})
    assert (view.actors, view.positions, view.momentum, view.recent, view.levels, view.process) == (None,) * 6
    assert view.open_positions == 3
    assert view.today[0].realized_lamports == 130_000_000
    assert (view.today[0].mode, view.capital[0].mode) == ("all modes", "live")


def test_an_amount_that_is_not_known_is_never_read_as_zero() -> None:
    answer = status() | {"pnl_lamports_today": None, "users": None, "positions": {"open": None}}
    view = read(answer, {}, {})
    assert (view.today[0].realized_lamports, view.users, view.open_positions) == (None, None, None)


@pytest.mark.parametrize("amount", [1.5, True, "5", 10**25, -(10**25), float("nan"), [5], {"lamports": 5}])
def test_what_is_no_whole_number_is_no_amount(amount: object) -> None:
    assert read({"pnl_lamports_today": amount}, {}, {}).today[0].realized_lamports is None


@pytest.mark.parametrize(
    "moment", ["yesterday", "", "9999-99-99T00:00:00Z", 5, None, "\x1b[31m", "2027-01-15T08:00:00+99:00"]
)
def test_what_is_no_time_is_no_moment(moment: object) -> None:
    assert read({"last_trade_at": moment}, {}, {}).last_trade_at is None


def test_the_halt_and_the_causes_arrive_with_who_and_why() -> None:
    cause = {"cause": "rpc", "scope": "global", "since": "2027-01-15T08:00:00Z", "by": "rpc probe", "why": "no answer"}
    view = read({"causes": [cause, "not a cause"], "halt": cause}, {}, {})
    assert [(one.cause, one.scope, one.since, one.by, one.why) for one in view.causes] == [
        ("rpc", "global", NOW_MS, "rpc probe", "no answer")
    ]
    assert view.halt is not None
    assert (view.halt.cause, view.halt.since) == ("rpc", NOW_MS)


def _with_a_foreign_value(answer: dict[str, object], path: list[int], value: object) -> dict[str, object]:
    """The answer with the value at some place below it, found by walking as the numbers say, replaced."""
    changed: dict[str, object] = json.loads(json.dumps(answer))
    here: object = changed
    for step in path:
        keys = list(here) if isinstance(here, dict) else list(range(len(here))) if isinstance(here, list) else []
        if not keys:
            break
        key = keys[step % len(keys)]
        below = here[key]  # type: ignore[index]
        if not isinstance(below, dict | list) or not below:
            here[key] = value  # type: ignore[index]
            break
        here = below
    return changed


@given(st.integers(0, 2), st.lists(st.integers(0, 99), min_size=1, max_size=6), JSON)
def test_a_wrong_value_anywhere_never_stops_the_dashboard(which: int, path: list[int], value: object) -> None:
    answers = [status("PAUSED", 2), supervisor(), top()]
    answers[which] = _with_a_foreign_value(answers[which], path, value)
    frame = draw(read(*answers), now_ms=NOW_MS, width=100, height=30, glyphs=UNICODE)
    assert len(frame.lines) == 30


@given(*[st.dictionaries(st.sampled_from(sorted({*status(), *supervisor(), *top()})), JSON) for _ in range(3)])
def test_any_answers_make_a_frame(
    first: dict[str, object], second: dict[str, object], third: dict[str, object]
) -> None:
    assert draw(read(first, second, third), now_ms=NOW_MS, width=80, height=24, glyphs=UNICODE).lines
