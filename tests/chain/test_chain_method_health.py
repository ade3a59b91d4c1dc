"""An endpoint that fails at one method stays good for the rest: in virtual time, and the rule over every order of outcomes."""

from __future__ import annotations

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from bot.chain.endpoint import PATIENCE_S
from bot.chain.method_health import (
    FAILED_REST_S,
    FORBIDDEN_REST_MAX_S,
    FORBIDDEN_REST_S,
    IN_A_ROW,
    MethodHealth,
)
from bot.chain.transport import StatusRefused
from bot.errors import ChainUnavailable
from bot.execution.lanes import exit_lane
from tests.chain.chain_doubles import NEVER_SENT
from tests.chain.test_chain_pool import DEAD, SIGNATURE, WALLET, Pool, pool_of

METHOD = "getLatestBlockhash"
BROKEN = StatusRefused("a:1: HTTP status 500", 500)


def _error(code: int, message: str) -> bytes:
    return msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}})


async def _ask(pool: Pool) -> None:
    """The method once, past the cache of blockhashes, beside a probe as there is one every second."""
    await pool.endpoints.probe()
    await pool.endpoints.first(lambda client: client.latest_blockhash("confirmed"))


async def _asked_in_front(pool: Pool) -> None:
    """Whatever else is asked is asked of the first endpoint, which is as good as ever."""
    pool.forget()
    await pool.endpoints.first(lambda client: client.balance(WALLET, "confirmed"))
    assert [door.asked for door in pool.doors] == [["getBalance"], []]
    first = pool.chain.health()[0]
    assert (first.healthy, first.state, first.breaker, first.error_bps) == (True, "up", "closed", 0)


@pytest.mark.parametrize(
    "trouble",
    [BROKEN, _error(-32603, "Internal error"), b"<html>", b'{"jsonrpc":"2.0","id":1,"result":7}'],
    ids=["status", "internal", "no json", "no blockhash"],
)
async def test_a_method_that_fails_alone_is_left_alone_and_found_again(
    autojump_clock: MockClock, trouble: ChainUnavailable | bytes
) -> None:
    pool = pool_of()
    pool.doors[0].of_methods[METHOD] = trouble
    for _ in range(2 * IN_A_ROW):
        await _ask(pool)
    assert pool.doors[0].asked.count(METHOD) == IN_A_ROW
    assert pool.doors[1].asked.count(METHOD) == 2 * IN_A_ROW
    assert pool.chain.health()[0].failed == IN_A_ROW, "each is a question that failed, whoever's trouble it is"
    await _asked_in_front(pool)
    (told,) = pool.chain.health()[0].methods_left_alone
    assert told.startswith(f"{METHOD} fails and is left alone for 5 s: ")
    assert pool.chain.health()[0].detail == told
    pool.net.step(15)
    await trio.sleep(FAILED_REST_S)
    pool.doors[0].of_methods.clear()
    pool.forget()
    await _ask(pool)
    assert [door.asked.count(METHOD) for door in pool.doors] == [1, 0]
    assert pool.chain.health()[0].methods_left_alone == ()


@pytest.mark.parametrize(
    "trouble",
    [_error(-32601, "Method not found"), StatusRefused("a:1: HTTP status 403", 403)],
    ids=["code", "status"],
)
async def test_a_method_that_is_not_served_is_asked_for_once_a_minute_and_then_less(
    autojump_clock: MockClock, trouble: ChainUnavailable | bytes
) -> None:
    pool = pool_of()
    pool.doors[0].of_methods[METHOD] = trouble
    await _ask(pool)
    await _asked_in_front(pool)
    assert pool.chain.health()[0].detail.startswith(f"{METHOD} is not served and is left alone for 60 s: ")
    for _ in range(2 * int(FORBIDDEN_REST_S)):
        pool.net.step(3)
        await trio.sleep(1)
        await _ask(pool)
    assert pool.doors[0].asked.count(METHOD) == 1
    pool.doors[1].refusal = DEAD
    with pytest.raises(ChainUnavailable, match="is not served"):
        await _ask(pool)


async def test_a_method_that_hangs_costs_a_patience_now_and_then_and_the_endpoint_stays_up(
    autojump_clock: MockClock,
) -> None:
    pool = pool_of()
    pool.doors[0].of_methods[METHOD] = None
    waited_s, told = 0.0, set[str]()
    for _ in range(120):
        pool.net.step(3)
        began_s = trio.current_time()
        await _ask(pool)
        waited_s += trio.current_time() - began_s
        first = pool.chain.health()[0]
        assert (first.healthy, first.breaker) == (True, "closed")
        told.update(first.methods_left_alone)
        await trio.sleep(1)
    assert waited_s <= (IN_A_ROW + 5) * PATIENCE_S  # after each rest, which doubles, once
    assert any("no answer within 0.25 s, again and again" in one for one in told)


async def test_who_has_nobody_else_to_ask_asks_for_what_fails_all_the_same(autojump_clock: MockClock) -> None:
    pool = pool_of()
    pool.doors[0].of_methods[METHOD] = BROKEN
    for _ in range(IN_A_ROW):
        await _ask(pool)
    pool.doors[0].of_methods.clear()
    pool.doors[1].refusal = DEAD
    pool.forget()
    with exit_lane():
        await pool.endpoints.first(lambda client: client.latest_blockhash("confirmed"))
    assert pool.doors[0].asked == [METHOD]


async def test_a_proof_of_absence_hears_an_endpoint_whose_method_fails_now_and_then(autojump_clock: MockClock) -> None:
    pool = pool_of()
    for door in pool.doors:
        door.of_methods["getSignatureStatuses"] = BROKEN
    for _ in range(IN_A_ROW):
        await pool.endpoints.probe()
        with pytest.raises(ChainUnavailable, match="HTTP status 500"):
            await pool.chain.search_absences(SIGNATURE, NEVER_SENT)
    assert pool.chain.health()[0].methods_left_alone
    for door in pool.doors:
        door.of_methods.clear()
    absences = await pool.chain.search_absences(SIGNATURE, NEVER_SENT)
    assert isinstance(absences, tuple)
    assert len(absences) == 2


async def test_what_it_knows_of_the_past_may_fail_while_it_answers_for_now(autojump_clock: MockClock) -> None:
    pool = pool_of()
    await pool.endpoints.probe()
    methods = pool.endpoints._endpoints[0].client.methods
    methods.forbidden("searchTransactionHistory", 0.0, 0.0, "Transaction history is not available from this node")
    pool.forget()
    await pool.endpoints.first(lambda client: client.signature_statuses([SIGNATURE], search_history=False))
    await pool.endpoints.first(lambda client: client.signature_statuses([SIGNATURE], search_history=True))
    assert [door.asked for door in pool.doors] == [["getSignatureStatuses"]] * 2


def test_bytes_are_handed_to_whoever_failed_to_take_some() -> None:
    methods = MethodHealth()
    for _ in range(2 * IN_A_ROW):
        methods.answered("getSlot", 0.0)
        assert methods.failed("sendTransaction", 0.0, 0.0, "it failed") is None
        assert methods.forbidden("sendTransaction", 0.0, 0.0, "it is not served") is None
    assert methods.refuses("sendTransaction", 0.0, anyway=False) is None


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("getSlot", "sendTransaction", "getTransaction", "getBalance")),
        st.sampled_from(("answered", "failed", "forbidden", "cut off")),
        st.integers(0, 5_000),
    ),
    max_size=60,
)


@given(events=EVENTS)
def test_a_method_is_asked_again_in_bounded_time_and_what_everybody_is_asked_always(
    events: list[tuple[str, str, int]],
) -> None:
    methods, now_s = MethodHealth(), 0.0
    for method, what, pause_ms in events:
        now_s += pause_ms / 1000
        if what == "answered":
            methods.answered(method, now_s)
            assert methods.refuses(method, now_s, anyway=False) is None
        elif what == "cut off":
            methods.cut_off(method, now_s - 1, now_s)
        elif what == "failed":
            methods.failed(method, now_s, now_s, "it failed")
        else:
            methods.forbidden(method, now_s, now_s, "it is not served")
        assert all(methods.refuses(one, now_s, anyway=False) is None for one in ("getSlot", "sendTransaction"))
        assert not methods.told(now_s + FORBIDDEN_REST_MAX_S)


@given(whats=st.lists(st.sampled_from(("failed", "forbidden", "cut off")), max_size=20))
def test_who_answers_nothing_at_all_fails_as_an_endpoint(whats: list[str]) -> None:
    methods = MethodHealth()
    for now_s, what in enumerate(whats):
        for method in ("getTransaction", "getBalance"):
            if what == "cut off":
                told = methods.cut_off(method, now_s - 1.0, now_s)
            elif what == "failed":
                told = methods.failed(method, now_s, now_s, "it failed")
            else:
                told = methods.forbidden(method, now_s, now_s, "it is not served")
            assert told is None
    assert methods.told(100.0) == ()
