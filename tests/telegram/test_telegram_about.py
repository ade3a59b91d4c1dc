"""What is said of wallets, orders and the bot where the whole bot's conversations do not come: real clusters and trouble."""

from __future__ import annotations

from typing import Any

from bot.clock import Clock
from bot.commands import BY_NAME
from bot.ports import LedgerCheck, User
from bot.storage.memory import MemoryStore
from bot.telegram.chat import Incoming
from bot.telegram.diag_text import diag_text
from bot.telegram.handlers import About, AboutHandlers, Pulse
from bot.telegram.order_text import order_lines
from bot.trading.intent import Intent, IntentState, Mode, Side
from tests.storage.storage_samples import NOW_MS, attempt, buy, close, enrol, sell

RECORD: dict[str, Any] = {
    "gates": {
        "sniper": "on",
        "paused_by": ["operator"],
        "least_confidence_bps": 6_500,
        "strong_buys_only": True,
        "bought_today": 3,
        "most_a_day": 10,
        "lamports_a_token": 100_000_000,
        "open_positions": 1,
    },
    "checks": None,
    "checks_unknown": "no route to the chain answers now",
    "copying": {
        "paused_by": ["operator"],
        "trouble": "the database is away",
        "leaders": [{"leader": "molly", "state": "is not read now: no route"}],
    },
    "looks_today": 1,
    "looks": [{"mint": "Mint567890abcd", "status": "SKIPPED", "confidence_bps": 5_000, "reason": "too old"}],
}


async def _diagnose(_: User) -> dict[str, Any]:
    return RECORD


def handlers(store: MemoryStore, *, cluster: str = "mainnet", level: int = 1) -> AboutHandlers:
    pulse = Pulse("PAUSED" if level > 1 else "OPEN", level, 7_500.0, {"database": True, "rpc": level == 1})
    clock = Clock(lambda: NOW_MS, lambda: "id")
    return AboutHandlers(store, clock, About("1.2.3", cluster), lambda: pulse, lambda _: "entries are open.", _diagnose)


async def asked(store: MemoryStore, user: User | None, text: str, **kind: Any) -> str:
    name, *words = text.split()
    incoming = Incoming(user, 7, f"/{text}", "key")
    told = await getattr(handlers(store, **kind), name)(incoming, tuple(words), BY_NAME[name])
    assert isinstance(told, str)
    return told


async def test_real_sol_is_asked_for_on_the_right_network_alone() -> None:
    store = MemoryStore()
    wallet = await enrol(store, "ada", telegram_id=7)
    user = (await store.users())[0]
    told = await asked(store, user, "deposit")
    assert told.startswith("[paper] It is virtual")
    assert told.splitlines()[-1] == wallet.address
    live = User("u-eve", "eve", 8, Mode.LIVE, "consent-1")
    store._users[live.id] = live
    store._wallets["w-eve"] = type(wallet)("w-eve", live.id, "Address-eve", Mode.LIVE)
    store._settings[live.id] = await store.settings(user.id)
    told = await asked(store, live, "deposit")
    assert "Send SOL to it on Solana (mainnet) and on no other network" in told
    assert told.splitlines()[1] == "Address-eve"
    assert "play money" in await asked(store, live, "deposit", cluster="local")


async def test_a_wallet_whose_books_differ_from_the_chain_says_so() -> None:
    store = MemoryStore()
    wallet = await enrol(store, "ada", telegram_id=7)
    user = (await store.users())[0]
    assert "have not been compared with the chain yet" in await asked(store, user, "wallets")
    await store.keep_check(LedgerCheck(wallet.id, 9, 500, 500, NOW_MS - 60_000))
    assert "exact to the lamport when compared with the chain 60 s ago" in await asked(store, user, "wallets")
    await store.keep_check(LedgerCheck(wallet.id, 10, 500, 700, NOW_MS))
    assert "the chain showed -0.0000002 SOL beside it" in await asked(store, user, "wallets")


async def test_everybody_may_ask_how_the_bot_is_and_hears_of_no_machine() -> None:
    store = MemoryStore()
    told = await asked(store, None, "health", level=2)
    assert told.splitlines() == [
        "The bot has been up for 2 h 05 min. Trading is PAUSED, level 2.",
        "the books: up; the chain: DOWN.",
        "Something is out of order; operators are told, and positions keep their exits where they can.",
    ]
    assert await asked(store, None, "version") == "trading-bot 1.2.3, on Solana, mainnet."


def test_each_state_of_an_order_says_what_comes_next() -> None:
    wallet = type("W", (), {"user_id": "u", "id": "w"})()
    requests = {Side.BUY: buy("b", wallet), Side.SELL: sell("s", wallet), Side.CLOSE: close("c", wallet, "M1", "M2")}
    for request in requests.values():
        for state in (IntentState.PLANNED, IntentState.SIGNED, IntentState.SENT, IntentState.UNKNOWN):
            intent = Intent("i", request, state, 500 if request.side is Side.BUY else 0, NOW_MS - 5_000)
            attempts = [] if state is IntentState.PLANNED else [attempt("i", "Signature1234", 1), attempt("i", "S2", 2)]
            first, facts, following = order_lines(intent, attempts, NOW_MS)
            assert first.endswith(", 5 s old")
            assert ("0.0000005 SOL reserved" in facts) == (request.side is Side.BUY)
            assert ("signed 2 times" in facts) == bool(attempts)
            assert following.startswith("  Next: ")
            assert "failed" not in following or "never counts as failed" in following
    assert (
        "closing of 2 emptied token accounts"
        in order_lines(Intent("i", requests[Side.CLOSE], IntentState.SENT, 0, NOW_MS), [], NOW_MS)[0]
    )


def test_a_diagnosis_without_the_chain_says_why_it_stops() -> None:
    lines = diag_text(RECORD).splitlines()
    assert "Copying is paused by operator. Nothing is decided now: the database is away. /copies says why" in lines[-4]
    assert lines[-3] == "  molly is not read now: no route"
    assert lines[0] == "Your sniper is on; paused by operator."
    assert (
        "confidence from 65 %, strong buys only, spends 0.1 SOL a token, and has bought 3 of at most 10 today"
        in lines[1]
    )
    assert lines[2] == "Whether the money would let it through cannot be said now: no route to the chain answers now."
    assert lines[-1] == "  Mint56…abcd skipped, confidence 50 %: too old"
