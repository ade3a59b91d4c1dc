"""Who does not run, in words for a person at night: what it is, since when, what the bot does about it, what to do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from actors.runtime import ChildStatistics
from bot.clock import rfc3339_s
from bot.execution.lanes import wallet_of
from bot.ports import Owner
from bot.trading.runbooks import QUARANTINED, TREE
from bot.tree_record import WallTime

PAGE = f"see {QUARANTINED}"
RECENTLY_MS = 60_000  # an actor that failed this lately, and not for the first time, may be on its way out
FAILURES = 2
FAILURE_LENGTH = 160
ENDING = "ending"  # asked to end, and does not
ENDS_WITHIN_S = 3.0  # more than any `shutdown_ms` of the shipped tree

# What an actor of the fixed tree is, and what its absence means.
FIXED = {
    "control_socket": ("the operator's door", "trading goes on; commands are refused until it is back"),
    "status_keeper": ("what keeps the status ready", "trading goes on; the database's numbers are not known"),
    "systemd_notifier": ("the message to systemd", "trading goes on"),
    "telegram_gateway": ("the Telegram gateway", "trading goes on; users can neither read nor write"),
    "sweeper": ("what sweeps frozen wallets", "frozen wallets stay frozen; they are swept when it is back"),
    "halt_news": ("what tells users of a halt", "a halt and its end are carried out; users are told when it is back"),
    "outbox_sender": ("the sender of messages", "trading goes on; messages wait in the database"),
    "probe_door": ("the door of monitoring", "trading goes on; /livez, /readyz and /metrics do not answer"),
    "heartbeat": ("the sign of life to the outside", "trading goes on; whoever watches from outside rings"),
    "backup_keeper": ("the keeping of backups", "trading goes on; no log is archived, and a full disk is not told"),
    "resource_watch": ("the look at memory and handles", "trading goes on; a shortage is noticed by what fails"),
    "lease_keeper": ("the renewal of the lease", "trading goes on; a standby takes over, where one waits"),
    "database_link": ("the watch over the database", "trading goes on; an outage is noticed later"),
    "rpc_pool": ("the watch over the RPC endpoints", "trading goes on; an outage is noticed later"),
    "launch_stream": ("the stream of launches", "nothing new is bought; prices come by polling, exits go on"),
    "chain_news": (
        "what endpoints tell of orders and held tokens",
        "both are asked for in rounds and told by logs, as before",
    ),
    "protocol_watch": ("the look at the chain's programs", "a program that changes is noticed by orders that fail"),
    "price_poller": ("the polling of prices", "prices come from the stream alone"),
    "rug_watch": ("the look at sales of creators", "only sales that two streams tell count; stops go on"),
    "trading_guard": ("the trading guard", "nothing is bought while it is away; exits go on"),
    "flattener": ("the flatten", "a halt is not carried out until it is back"),
    "reconciler": ("the comparison of books and chain", "a lost monitor is not started again until it is back"),
    "confirmation_watcher": ("the confirmation of orders", "orders stay unproven until it is back"),
    "fallback_monitor": ("the fallback monitor", "positions without a monitor of their own are not watched"),
    "launch_watcher": ("the watch over launches", "nothing new is bought; positions are watched as before"),
    "hunt_keeper": ("the upkeep of the hunt", "snipers and scanners stay away after a restart of the whole hunt"),
    "copy_trader": ("the copying of leaders", "nothing new is copied; what was copied keeps its exits"),
    "wallet_stream": ("the stream of followed wallets", "what they trade is read from their histories, later"),
    "wallet_judge": ("the scores of followed wallets", "swaps are recorded as before; scores are those of before"),
    "recorder": ("the recording of the market", "trading goes on; what happens meanwhile is not recorded"),
    "market_analyst": ("the ranking of tokens", "trading goes on; ranking and market are those of before"),
    "price_historian": ("the history of prices", "trading goes on; /info knows no changes of that time"),
    "dollar_keeper": ("the price of SOL in dollars", "trading goes on; dollars are not known"),
    "picture_drawer": ("the drawing of pictures", "trading goes on; answers come without their pictures"),
    "hour_watch": ("the comparison of hours", "trading goes on; an unusual hour and what a day came to are told later"),
    "daily_report": ("the reports of days and weeks", "trading goes on; /profit has what they say"),
    "position_cards": ("the cards of positions", "trading goes on; cards show what was so before"),
    "hearsay_keeper": (
        "what aggregators and people say of tokens",
        "trading goes on; /info shows what the chain says alone, and no mood counts",
    ),
    "records": ("the records of the market as a whole", "trading goes on; nothing is kept until it is back"),
    "hunt": ("the search for new tokens as a whole", "nothing new is bought; positions are watched as before"),
    "links": ("the watch over database, RPC and stream as a whole", "outages are not noticed until it is back"),
    "ops": ("the operator's door and Telegram as a whole", "trading goes on; nobody can be told until it is back"),
    "money": ("everything that signs and watches as a whole", "no position is watched until it is back"),
}
# The most urgent first; whatever is not named comes between the third and the fourth.
URGENT = ("position_monitors", "executors", "flatten")
PATIENT = ("snipers", "auto_traders", "standing_orders", "wallet_scanners", "token_trackers")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A worker that does not run, does not end, or has just failed again. `home` is its supervisor's name.

    `since_ms` is its last failure, or when it was asked to end, in milliseconds since 1970; `owner` is whose it is, where
    that is known.
    """

    path: str
    home: str
    name: str
    state: str
    failures: int
    since_ms: int
    failure: str
    owner: Owner | None = None


def find_troubles(
    workers: Iterable[ChildStatistics], owners: Mapping[str, Owner], wall_ms: WallTime, now_ms: int
) -> list[Trouble]:
    """Whoever does not run, does not end or crashes again and again, the most urgent first."""
    found = []
    for worker in workers:
        since_ms = now_ms if worker.last_failure_at is None else wall_ms(worker.last_failure_at)
        state: str = worker.state
        if state != "quarantined" and (worker.ending_s or 0) > ENDS_WITHIN_S:
            state, since_ms = ENDING, now_ms - round((worker.ending_s or 0) * 1000)
        failing = worker.restarts >= FAILURES and worker.last_failure is not None and now_ms - since_ms < RECENTLY_MS
        if state in {"quarantined", "restarting", ENDING} or (state == "running" and failing):
            found.append(
                Trouble(
                    path=worker.path,
                    home=worker.path.split("/")[-2],
                    name=worker.id,
                    state=state,
                    failures=worker.restarts + (state not in {"running", ENDING}),
                    since_ms=since_ms,
                    failure=_short(worker.last_failure or "its start has not ended"),
                    owner=owners.get(wallet_of(worker.id)),
                )
            )
    return sorted(found, key=_urgency)


def _urgency(trouble: Trouble) -> tuple[bool, int, int]:
    place = 1
    if trouble.home in URGENT:
        place = URGENT.index(trouble.home) - len(URGENT)
    elif trouble.home in PATIENT:
        place = 2 + PATIENT.index(trouble.home)
    return trouble.state == "running", place, trouble.since_ms


def _short(failure: str) -> str:
    line = " ".join(failure.strip().partition("\n")[0].split())
    return line if len(line) <= FAILURE_LENGTH else f"{line[: FAILURE_LENGTH - 3]}..."


def sentence(troubles: list[Trouble], by_fallback: Collection[str]) -> str:
    """What an operator reads about the first of some troubles; `by_fallback` are the positions that the fallback watches."""
    first = troubles[0]
    what, meaning = _words(first, by_fallback)
    since, times = (
        rfc3339_s(first.since_ms),
        f"{first.failures} times" if first.failures > 1 else "once",
    )
    if first.state == "quarantined":
        told = (
            f"{what} does not run since {since}: it failed {times} and was taken out (quarantined), last for"
            f" {first.failure}. What that means: {meaning}; nobody else is touched. What to do: put the cause right,"
            f" then bot supervisor release {first.path}; {PAGE}."
        )
    elif first.state == "restarting":
        told = (
            f"{what} is being started again since {since}: it failed {times}, last for {first.failure}. What that"
            f" means: {meaning}. Nothing is asked of you unless it lasts; {PAGE}."
        )
    elif first.state == ENDING:
        told = (
            f"{what} was asked to end at {since} and has not: it is in a call that nothing cuts short, such as a write to"
            f" a database that hangs, which ends by its own deadline. What that means: {meaning}. Nothing is asked of"
            f" you unless it lasts; see {TREE}."
        )
    else:
        told = (
            f"{what} runs again, but it failed {times}, last at {since} for {first.failure}; when it goes on so, it"
            f" is taken out; {PAGE}."
        )
    return told + also(troubles[1:])


def also(troubles: list[Trouble]) -> str:
    """What is added to a sentence that was about something else: who does not run now; nothing where all do."""
    down = [trouble for trouble in troubles if trouble.state != "running"]
    return f" Also in trouble ({len(down)}): {_named(down)}." if down else ""


def _named(troubles: list[Trouble]) -> str:
    shown = [f"{trouble.path} ({trouble.state})" for trouble in troubles[:3]]
    return ", ".join(shown) + (" and others" if len(troubles) > len(shown) else "")


def _words(trouble: Trouble, by_fallback: Collection[str]) -> tuple[str, str]:
    """What it is, with whose, and what its absence means."""
    whose = trouble.owner.handle if trouble.owner else None
    of_user = f"user {whose}" if whose else f"the user of {trouble.name}"
    match trouble.home:
        case "snipers":
            return f"The sniper of {of_user}", f"nothing is sniped for {of_user}"
        case "auto_traders":
            return f"The automated trader of {of_user}", f"nothing is bought for {of_user} by followed wallets"
        case "executors" if wallet_of(trouble.name) != trouble.name:
            return f"An executor of sales of the wallet of {of_user}", "what it would sell is sold by another"
        case "executors":
            return (
                f"The executor of the wallet of {of_user}",
                "that wallet buys nothing; its exits are served by others",
            )
        case "position_monitors":
            return f"The monitor of {_position(trouble)}", _watched(trouble, by_fallback)
        case "flatten":
            return f"The flatten's worker {_position(trouble)}", "what it sells is not sold until it is back"
        case "token_trackers":
            return f"The tracker of token {trouble.name}", "that one token gets no opinion"
        case "standing_orders":
            return f"The watch of standing order {trouble.name}", "that one order does not fire until it is back"
        case "wallet_scanners":
            return f"The scanner of wallet {trouble.name}", "what that wallet trades is not read"
    what, meaning = FIXED.get(trouble.name, (f"the actor {trouble.path}", "what it does is left undone"))
    return what[0].upper() + what[1:], meaning


def _position(trouble: Trouble) -> str:
    if trouble.owner is None or trouble.owner.mint is None:
        return f"position {trouble.name}"
    return f"position {trouble.name} of user {trouble.owner.handle} in mint {trouble.owner.mint}"


def _watched(trouble: Trouble, by_fallback: Collection[str]) -> str:
    if trouble.name in by_fallback:
        return (
            "its position is with the fallback monitor, which keeps stop-loss and time exit; its owner was told to sell"
            " by hand for more"
        )
    if trouble.state == "quarantined":
        return "its position is watched by nobody until the fallback monitor takes it over, within some seconds"
    return "its position is not watched until it is back"
