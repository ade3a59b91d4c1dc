"""The crash matrix on the real chain and PostgreSQL: a SIGKILL before and after each point, each taken up by the next life.

The lives follow each other on one data directory, under a market that keeps orders on their way; the audit comes after
the last one. A point that such a market does not lead to within a minute is killed by hand and said to be so.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator, Sequence

from tests.crash.doomed import AFTER, COUNT, POINT
from tests.crash.points import points
from tests.crash.stage import Doom
from tests.whole.real import FAST, RealBot
from tests.whole.real_evidence import Node, rows_of_running

DOOMED = (sys.executable, "-m", "tests.crash.doomed")
# A life that has not ended by itself after this long gets what leads to its point, by default the trouble that brings lost
# transactions about: for a while nothing that is sent lands. And again, so many times.
TROUBLE_AFTER_S = 12.0
TROUBLES = 4
TROUBLE = ("localnet", "fault", "drop-tx", "--for", "3s")
FAILURES = ("localnet", "fault", "fail-tx", "--for", "3s")
HONEYPOTS = ("localnet", "fault", "honeypot", "--for", "10s")
FORK = ("localnet", "fault", "fork", "--slots", "20", "--lost-percent", "100")
# Only the first life of a data directory comes to these.
FIRST = ("LedgerAudit._open: store.book",)
# Points that only a boot comes to which finds an order at a certain step; the life before it ends there.
LEFT_BY = {
    "Confirmer._cancel_orphan: store.close_unfilled": Doom("Pipeline._sign: store.record_attempt", after=False),
    "Confirmer._send_again: store.mark_sent": Doom("Pipeline._sign: store.record_attempt", after=True),
}
# The real market leads to these only after minutes, or never; the matrix in virtual time plays them.
NOT_HERE = (
    "BorneOut._second",  # a price that nobody pushed decides something
    "BorneOut._looks",  # endpoints contradict each other
    "Confirmer.search",  # nothing has landed for 150 blocks
    "Confirmer._tell_unknown",  # the same
    "Confirmer._expire",
    "LandedAfterAll.take_up",  # endpoints lied about an order until it was given up
    "LedgerAudit._unfreeze",  # an exit of a dead bot whose journal comes after its landing
    "LedgerAudit.freeze",  # somebody else uses the key of a wallet
    "LedgerAudit._was_ours_before",  # the same, before a restart
    "LedgerAudit._is_order_of",
    "LookAhead.preview",  # somebody asks for a card
    "Quoting.warnings",
    "Quoting._withdrawable",
    "Departure.commit",  # what is signed once, closings and withdrawals
    "Departure.leave: store.mark_sent",
    "Closings._submit",  # an account has been empty for minutes, and a sale of everything leaves none
    "Closings._sign",
    "book_closing",
    "Withdrawals._submit",  # a user sends SOL out, with a code of his authenticator
    "Withdrawals._planned",
    "Withdrawals._planned_token",
    "Withdrawals._sign",
    "SealedKeys.sign_withdrawal",
    "SealedKeys.sign_sweep",  # a wallet is frozen whose user has named a safe address
    "Compromise.compromised",
    "book_withdrawal",
    "StandingTurns._moved: store.standing_order",  # an order is cancelled at the moment in which it goes on
    "StandingTurns.step",  # a life that ended between an order's admission and the turn of whoever keeps it
    "CopyDecisions._decide",  # somebody copies a wallet of the market
    "CopyDecisions._ignored",
    "CopyDecisions._sales",
    "CopyDecisions._followers",
    "CopyDecisions._market",
    "leave",
    "withdrawn",
    "CopyOrders._buy",
    "CopyOrders._not_ordered",
    "CopyOrders._sell",
    "CopyOrders._submit_sale",
    "CopyOrders._holding",
    "CopyOrders._after",
    "CopyOrders._moved",
    "Reconciler._position",  # somebody else moves the wallet's tokens
    "Reconciler._moved",
    "Reconciler._swept_by",  # a position whose tokens were swept
)
# Many lives of busy snipers: a user's day has no end here.
SETTINGS = FAST + "snipe_max_daily = 1000000\n"
GIFT_LAMPORTS = 1_000_000


def dooms() -> Iterator[Doom]:
    """Every doom that a real market can lead to."""
    for point in sorted(points(), key=lambda point: point not in FIRST):
        if not {point, point.split(":", maxsplit=1)[0]} & set(NOT_HERE):
            yield Doom(point, after=False)
            yield Doom(point, after=True)


def die_at(bot: RealBot, market: Sequence[str], doom: Doom) -> bool:
    """A life that ends at its doom; False when it never got there and was ended by hand."""
    if doom.point in LEFT_BY:
        _live(bot, market, LEFT_BY[doom.point])
    return _live(bot, market, doom)


def _provoke(bot: RealBot, point: str) -> None:
    """Bring about what leads to a point."""
    match point.split(":", maxsplit=1)[0]:
        case "Finality._reverse":
            bot.command(*FORK)
        case "Confirmer._fail" | "Confirmer._without_fill":
            bot.command(*FAILURES)
        case "Quoting._refuse_holders":
            for user in ("demo-1", "demo-2"):
                bot.command("chat", "--as", user, text="/settings max_top_holders 99%\n")
        case "Departure.give_up":
            bot.command(*HONEYPOTS)
        case "closed_by_loss":
            bot.command("chat", "--as", "demo-1", text="/status\n")
        case "LookAhead.entry_checks":
            bot.command("diag", "--user", "demo-1")
        case "OrderedCauses._order" | "OrderedCauses._end":
            bot.command("pause", "--why", "a drill")
            bot.command("resume")
        case "Quoting._offer_to_buy":
            _trade_elsewhere(bot)
        case "Quoting._sale" if point.endswith("chain.offer"):
            _trade_elsewhere(bot)
        case "Pipeline._lamports" | "Pipeline._simulated":
            _buy_by_hand(bot)
        case standing if standing.startswith("StandingTurns."):
            _keep_orders(bot)
        case "LedgerAudit._explain":
            _give(bot)
        case _:
            bot.command(*TROUBLE)


def _trade_elsewhere(bot: RealBot) -> None:
    """Buy a token that only the aggregator finds a market for, and sell what an earlier time has bought."""
    mint = json.loads(bot.command("localnet", "status", "--json").stdout)["status"]["token_elsewhere"]
    lines = ("/settings require_confirmation off", f"/sell {mint} all", f"/buy {mint} 0.05")
    bot.command("chat", "--as", "demo-1", text="".join(f"{line}\n" for line in lines))


def _buy_by_hand(bot: RealBot) -> None:
    """Buy what a sniper has bought: an order by hand is not rehearsed, and asks the chain."""
    rows = rows_of_running(bot.directory, "select mint from intents where side = 'buy' order by seq desc limit 1")
    lines = ["/settings require_confirmation off", *(f"/buy {row['mint']} 0.01" for row in rows)]
    bot.command("chat", "--as", "demo-1", text="".join(f"{line}\n" for line in lines))


def _keep_orders(bot: RealBot) -> None:
    """Orders that wait for a price which is there already, and one that is repeated."""
    held = rows_of_running(
        bot.directory, "select mint, user_id from positions where state = 'open' order by seq desc limit 3"
    )
    handles = {row["id"]: row["handle"] for row in rows_of_running(bot.directory, "select id, handle from users")}
    for row in held:
        mint = row["mint"]
        lines = (f"/limit buy {mint} 0.01 mc=1000000", f"/dca {mint} 0.01 1m 2", f"/limit sell {mint} 10% 0.000001")
        bot.command("chat", "--as", handles[row["user_id"]], text="".join(f"{line}\n" for line in lines))


def _give(bot: RealBot) -> None:
    """SOL that no order brings comes to a wallet."""
    [wallet, *_] = rows_of_running(bot.directory, "select address from user_wallets order by address")
    record = json.loads((bot.directory / "localnet" / "localnet.json").read_text())
    Node(record["http_url"]).call("requestAirdrop", wallet["address"], GIFT_LAMPORTS)


def _live(bot: RealBot, market: Sequence[str], doom: Doom) -> bool:
    environment = {POINT: doom.point, AFTER: str(int(doom.after)), COUNT: "1"}
    bot.start(*market, program=DOOMED, environment=environment)
    code = bot.ended_by_itself(within_s=TROUBLE_AFTER_S)
    for _ in range(TROUBLES):
        if code is None:
            _provoke(bot, doom.point)
            code = bot.ended_by_itself(within_s=TROUBLE_AFTER_S)
    if code is None:
        bot.kill()
        return False
    if code != -signal.SIGKILL:
        raise AssertionError(f"{doom}: it ended with exit code {code}\n{bot.told()}")
    return True
