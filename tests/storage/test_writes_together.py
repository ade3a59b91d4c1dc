"""Money writes that come at once share a transaction, and what is wrong with one of them is that one's affair alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import trio
import trio.testing

from bot.errors import Conflict, StoreUnavailable
from bot.ports import Store, Wallet
from bot.storage.address import DatabaseAddress
from bot.storage.store import PostgresStore
from bot.storage.together import MOST
from bot.trading.intent import AttemptState, Intent, IntentState, Mode
from bot.trading.risk_gate import Refused
from tests.storage.books import entries
from tests.storage.server_thread import empty_store
from tests.storage.storage_samples import (
    NOW_MS,
    ask,
    attempt,
    bought,
    buy,
    enrol,
    fill_of,
    let_in,
    planned,
    sell,
    sent,
    settled,
    signed,
)

SALES = 25
COMMITS = "select xact_commit from pg_stat_database where datname = current_database()"


async def outcomes(work: Sequence[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """What each of several calls gave or raised, begun in one moment."""
    found: list[Any] = [None] * len(work)

    async def one(number: int, call: Callable[[], Awaitable[Any]]) -> None:
        try:
            found[number] = await call()
        except (Conflict, LookupError, ValueError, StoreUnavailable) as error:
            found[number] = error

    async with trio.open_nursery() as nursery:
        for number, call in enumerate(work):
            nursery.start_soon(one, number, call)
    return found


async def holders(store: Store, count: int = SALES) -> list[Wallet]:
    """Wallets that hold a position each."""
    wallets = [await enrol(store, f"user{number}") for number in range(count)]
    for number, wallet in enumerate(wallets):
        await bought(store, f"in{number}", wallet, position_id=f"p-{number}")
    return wallets


async def state_of(store: Store, intent_id: str) -> IntentState | None:
    intent = await store.intent(intent_id)
    return None if intent is None else intent.state


async def test_of_many_admissions_one_refused_and_one_impossible_stop_no_other(store: Store) -> None:
    wallets = await holders(store, 6)
    stranger = Wallet("w-nobody", "u-nobody", "Address-nobody", Mode.PAPER)
    refuse: list[dict[str, Any]] = [{} for _ in wallets]
    refuse[2] = {"gate": lambda _: Refused("no", "not this one")}
    work = [
        lambda number=number, wallet=wallet: ask(store, sell(f"k{number}", wallet), **refuse[number])
        for number, wallet in enumerate(wallets)
    ]
    found = await outcomes([*work, lambda: ask(store, sell("k-nobody", stranger))])
    assert [isinstance(one, Intent) for one in found[:6]] == [True, True, False, True, True, True]
    assert found[2] == Refused("no", "not this one")
    assert isinstance(found[6], LookupError)
    assert {intent.id for intent, _ in await store.in_flight()} == {"i-k0", "i-k1", "i-k3", "i-k4", "i-k5"}


async def test_admissions_of_one_user_at_once_see_what_the_others_reserved(store: Store) -> None:
    wallet = await enrol(store)
    seen: list[int] = []

    def gate(facts: Any) -> Any:
        seen.append(facts.reserved_lamports)
        return Refused("full", "enough") if facts.reserved_lamports >= 1_400 else let_in(facts)

    found = await outcomes([lambda n=n: ask(store, buy(f"k{n}", wallet, mint=f"M{n}"), gate=gate) for n in range(4)])
    assert seen == [0, 700, 1_400, 1_400]
    assert sum(isinstance(one, Intent) for one in found) == 2


async def test_one_key_from_many_at_once_is_one_intent(store: Store) -> None:
    wallets = await holders(store, 3)
    request = sell("same", wallets[0])
    found = await outcomes([lambda n=n: ask(store, request, intent_id=f"i-{n}") for n in range(5)])
    assert len({intent.id for intent in found}) == 1
    assert len(await store.in_flight()) == 1


async def test_an_attempt_that_may_not_be_recorded_changes_nothing_and_fails_no_other(store: Store) -> None:
    wallets = await holders(store, 5)
    for number, wallet in enumerate(wallets):
        await planned(store, sell(f"k{number}", wallet))
    await store.close_unfilled("i-k1", IntentState.CANCELLED, "taken back", now_ms=NOW_MS)
    found = await outcomes(
        [
            lambda: store.record_attempt(attempt("i-k0", "s-0")),
            lambda: store.record_attempt(attempt("i-k1", "s-1")),
            lambda: store.record_attempt(attempt("i-none", "s-none")),
            lambda: store.record_attempt(attempt("i-k2", "s-2", number=0)),
            lambda: store.record_attempt(attempt("i-k3", "s-3")),
            lambda: store.record_attempt(attempt("i-k4", "s-in0")),
        ]
    )
    assert [type(one) for one in found] == [type(None), Conflict, LookupError, ValueError, type(None), Conflict]
    assert [await state_of(store, f"i-k{number}") for number in range(5)] == [
        IntentState.SIGNED,
        IntentState.CANCELLED,
        IntentState.PLANNED,
        IntentState.SIGNED,
        IntentState.PLANNED,
    ]


async def test_first_attempts_and_further_ones_of_other_exits_are_recorded_at_once(store: Store) -> None:
    wallets = await holders(store, 3)
    await planned(store, sell("k0", wallets[0]))
    await sent(store, sell("k1", wallets[1]))
    await sent(store, sell("k2", wallets[2]))
    leaving = replace(attempt("i-k0", "s-0"), state=AttemptState.SENT)
    beside, again = attempt("i-k1", "s-second", number=2), attempt("i-k2", "s-k2")
    found = await outcomes([lambda one=one: store.record_attempt(one) for one in (leaving, beside, again)])
    assert found == [None, None, None]
    assert [(intent.id, intent.state, [one.signature for one in made]) for intent, made in await store.in_flight()] == [
        ("i-k0", IntentState.SENT, ["s-0"]),
        ("i-k1", IntentState.SIGNED, ["s-k1", "s-second"]),
        ("i-k2", IntentState.SENT, ["s-k2"]),
    ]


async def test_a_buy_is_signed_once_however_many_sign_it_at_once(store: Store) -> None:
    wallet = await enrol(store)
    await planned(store, buy("k", wallet))
    found = await outcomes([lambda n=n: store.record_attempt(attempt("i-k", f"s-{n}", number=n)) for n in range(1, 6)])
    assert [one is None for one in found].count(True) == 1
    [(_, attempts)] = await store.in_flight()
    assert len(attempts) == 1


async def test_bytes_that_leave_are_marked_beside_those_that_nobody_knows(store: Store) -> None:
    wallets = await holders(store, 3)
    for number, wallet in enumerate(wallets):
        await signed(store, sell(f"k{number}", wallet))
    await store.close_unfilled("i-k1", IntentState.EXPIRED, "too late", now_ms=NOW_MS, signature="s-k1")
    found = await outcomes([lambda s=s: store.mark_sent(s, NOW_MS) for s in ("s-k0", "s-nobody", "s-k2", "s-k2")])
    assert [type(one) for one in found] == [type(None), LookupError, type(None), type(None)]
    assert [await state_of(store, f"i-k{number}") for number in range(3)] == [
        IntentState.SENT,
        IntentState.EXPIRED,
        IntentState.SENT,
    ]


async def test_settlements_at_once_book_each_fill_once_and_refuse_what_is_none(store: Store) -> None:
    wallets = await holders(store, 4)
    requests = [sell(f"k{number}", wallet) for number, wallet in enumerate(wallets)]
    for request in requests:
        await sent(store, request)
    await store.close_unfilled("i-k2", IntentState.EXPIRED, "too late", now_ms=NOW_MS, signature="s-k2")
    before = len(await entries(store))
    work = [
        lambda request=request: settled(store, request, fill_of(request, token_raw=1_000))
        for request in [*requests, requests[0]]
    ]
    found = await outcomes(work)
    assert isinstance(found[2], Conflict)
    assert found[0] == found[4]
    assert [found[number].position.id for number in (0, 1, 3)] == ["p-0", "p-1", "p-3"]
    assert [position.id for position in await store.open_positions()] == ["p-2"]
    assert len(await entries(store)) - before == 3


async def test_many_exits_cost_a_few_commits(server: DatabaseAddress) -> None:
    async with empty_store(server) as store:
        wallets = await holders(store)
        requests = [sell(f"k{number}", wallet) for number, wallet in enumerate(wallets)]
        before = await commits(store)

        async def leave(number: int) -> None:
            await planned(store, requests[number])
            await store.record_attempt(attempt(f"i-k{number}", f"s-k{number}"))
            await store.mark_sent(f"s-k{number}", NOW_MS)
            await settled(store, requests[number], fill_of(requests[number], token_raw=1_000))

        await outcomes([lambda number=number: leave(number) for number in range(SALES)])
        assert await store.open_positions() == []
        assert await store.in_flight() == []
        assert await commits(store) - before < SALES * 4 // 2


async def commits(store: PostgresStore) -> int:
    """Transactions of this database so far, as its own connections have told."""

    async def unit(connection: Any) -> int:
        await connection.execute("select pg_stat_force_next_flush()")
        await connection.execute("select pg_stat_clear_snapshot()")
        return int(await connection.fetchval(COMMITS))

    return await store._database.read(unit)


async def test_writes_that_have_begun_run_to_their_end_when_their_callers_are_cancelled(
    server: DatabaseAddress,
) -> None:
    async with empty_store(server) as store:
        wallets = await holders(store, 8)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                for number, wallet in enumerate(wallets):
                    nursery.start_soon(planned, store, sell(f"k{number}", wallet))
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        assert len(await store.in_flight()) == len(wallets)


async def test_more_than_one_transaction_takes_are_all_written(server: DatabaseAddress) -> None:
    count = 2 * MOST + 1
    async with empty_store(server) as store:
        wallets = [await enrol(store, f"user{number}") for number in range(count)]
        found = await outcomes([lambda n=n, w=w: planned(store, buy(f"k{n}", w)) for n, w in enumerate(wallets)])
        assert all(isinstance(one, Intent) for one in found)
        assert len(await store.in_flight()) == count
