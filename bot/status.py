"""The one state record: `bot status`, `bot supervisor status` and the chat's /status are views of it (cli.md has the fields)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import trio

from actors.runtime import ChildStatistics, Supervisor
from actors.status_keeper import Kept, Known
from bot import logs
from bot.clock import day_of, day_start_ms, rfc3339
from bot.errors import Unavailable
from bot.execution.leadership import Leadership
from bot.followed_record import copying_record, followed_record
from bot.ports import Overview, Owner
from bot.state_words import StateWords
from bot.status_services import services
from bot.trading.intent import Mode
from bot.trading.risk_gate import EXIT_RESERVE_LAMPORTS
from bot.trading.trading_state import GLOBAL, Cause
from bot.tree import TradingBot
from bot.tree_record import TOP, only_in_state, part_of_tree, workers
from bot.troubles import also, find_troubles, sentence

LOOK_S = 0.15  # the longest wait for the database; the answer has to be there within 0.3 s
OLD_S = 5.0  # numbers that are older than this are not given as those of now
OWNERS_MAX = 100
TROUBLED_MAX = (
    2_000  # actors of one supervisor that are looked at for trouble; whoever has failed comes before the others
)
OF_USER = "user:"  # what the scope of a single user's cause begins with

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """What only the database knows: the sums of now and today, and whose the actors in trouble and the pauses are, by ids.

    `live` and `fallback` count the monitors at the moment of the sums, so that both speak of the same positions.
    """

    overview: Overview
    owners: dict[str, Owner]
    live: int
    fallback: int


@dataclass(frozen=True, slots=True)
class Spendable:
    """What wallets can spend, and how many seconds ago the one that was looked at longest ago was."""

    lamports: int
    age_s: float


class StatusBoard:
    """Builds the records. `mode` and `cluster` label them; `foundation` is the tree of the bot's own servers, if any.

    `leadership` has the lease on the database, where several bots may share one. `words` has the state in sentences.

    `handles` are the last known names of all users, by id. `facts` must be kept by somebody (see
    actors/status_keeper.py); until then the database's numbers are not known.
    """

    def __init__(
        self,
        bot: TradingBot,
        *,
        mode: Mode,
        cluster: str,
        foundation: Supervisor | None,
        leadership: Leadership | None = None,
    ) -> None:
        self._bot, self._mode, self._cluster, self._foundation = bot, mode, cluster, foundation
        self._leadership = leadership
        self.words = StateWords(bot.guard, bot.adapters.spool)
        self.handles: dict[str, str] = {}
        self._started_ms = bot.adapters.clock.now_ms()
        self.facts = Kept(self._ask, bot.adapters.clock)

    @property
    def uptime_s(self) -> float:
        """How long this process has served, in seconds with tenths."""
        return round((self._bot.adapters.clock.now_ms() - self._started_ms) / 1000, 1)

    @property
    def cluster(self) -> str:
        """What the bot trades on, `local` for a chain of its own."""
        return self._cluster

    async def status(self) -> Record:
        """The record of `bot status --json`; within `LOOK_S`, whatever the database does.

        What the database alone knows is None when it is not known now, and `facts` says why, and what was known last.
        """
        # The state is read before the facts: what it says of positions is then true of them.
        guard, causes = self._guard(), self._bot.guard.causes()
        known = await self.facts.look(LOOK_S)
        owners = self._owners(known)
        overview = _of_now(known)
        now_ms = self._bot.adapters.clock.now_ms()
        day = day_of(now_ms)
        price_ms = self._bot.prices.oldest_seen_ms()
        return {
            **guard,
            "causes": [self._cause(cause, owners) for cause in causes],
            "mode": self._mode.value,
            "cluster": self._cluster,
            "uptime_s": self.uptime_s,
            "reconciled": self._bot.reconciler.reconciled,
            **self._numbers(overview),
            "facts": self._facts(known, overview),
            "launches_seen": self._bot.hunt.hunted.launches_seen,
            "tokens_tracked": sum(not tracker.done for tracker in self._bot.hunt.hunted.trackers.values()),
            "prices_age_s": None if price_ms is None else round((now_ms - price_ms) / 1000, 1),
            "errors_today": logs.ERRORS.on(day),
            "errors_since": rfc3339(max(self._started_ms, day_start_ms(day))),
            "monitors": self._monitors(None if overview is None else known.value, now_ms),
            "wallets_followed": followed_record(self._bot, overview, self._running("hunt", "wallet_scanners"), now_ms),
            "copying": copying_record(self._bot.hunt.copies.decisions.look),
            "flatten": self._flatten(owners),
            "spool": self._spool(),
            "cannot_sell": self.words.cannot_sell(),
            "frozen": self.words.frozen_users(self.handles),
            "ledger": self._ledger(overview),
            "lease": self._lease(),
            **self._bot.market.records(),
            "services": services(self._bot),
        }

    # ----------------------------------------------------------------------------------------------------------- parts

    def _guard(self) -> Record:
        guard = self._bot.guard
        halt = guard.halt
        return {
            "state": guard.state.value,
            "level": guard.level,
            "halt": None
            if halt is None
            else {"cause": halt.cause, "since": rfc3339(halt.since_ms), "by": halt.by, "why": halt.why},
        }

    def _cause(self, cause: Cause, owners: dict[str, Owner]) -> Record:
        """`user` is the handle of whose entries it pauses; None for everybody's, and while the database was never asked."""
        owner, setter = owners.get(cause.scope.removeprefix(OF_USER)), owners.get(cause.by)
        ends_ms = self._bot.guard.ends_at_ms(cause)
        return {
            "cause": cause.name,
            "scope": cause.scope,
            "user": None if owner is None else owner.handle,
            "since": rfc3339(cause.since_ms),
            "by": cause.by if setter is None else setter.handle,
            "why": cause.why,
            "binds": cause.binds.value,
            "ends_at": None if ends_ms is None else rfc3339(ends_ms),
        }

    def _numbers(self, overview: Overview | None) -> Record:
        """What the database knows; trades and positions of all modes, money of the program's own mode alone."""
        if overview is None:
            return {
                "users": None,
                "snipers": None,
                "signals_today": None,
                "positions": {"open": None, "closed_today": None, "unknown": None},
                "trades_today": {"buys": None, "sells": None, "failed": None},
                "pnl_lamports_today": None,
                "capital_lamports": {"deployed": None, "available": None, "available_age_s": None},
                "last_trade_at": None,
            }
        modes = overview.modes
        own = next(one for one in modes if one.mode is self._mode)
        spendable = available(self._bot, overview, self._mode)
        last_ms = overview.last_trade_at_ms
        return {
            "users": overview.users,
            "snipers": overview.snipers,
            "signals_today": overview.signals,
            "positions": {
                "open": _open(overview),
                "closed_today": sum(one.won + one.lost for one in modes),
                "unknown": sum(one.unproven for one in modes),
            },
            "trades_today": {
                "buys": sum(one.buys for one in modes),
                "sells": sum(one.sells for one in modes),
                "failed": sum(one.failed for one in modes),
            },
            "pnl_lamports_today": own.realized_lamports,
            "capital_lamports": {
                "deployed": own.deployed_lamports,
                "available": None if spendable is None else spendable.lamports,
                "available_age_s": None if spendable is None else spendable.age_s,
            },
            "last_trade_at": None if last_ms is None else rfc3339(last_ms),
        }

    def _facts(self, known: Known[Facts], overview: Overview | None) -> Record:
        """How well the database's numbers are known: those of this record, or else why not, and the last ones with their age.

        Known ones are some seconds old while the database does not answer at once; `late` says why then.
        """
        last: Record | None = None
        if overview is None and known.value is not None:
            before = known.value.overview
            as_of_ms = self._bot.adapters.clock.now_ms() - round(known.age_s * 1000)
            last = {
                "as_of": rfc3339(as_of_ms),
                "age_s": round(known.age_s, 1),
                "positions_open": _open(before),
                "unknown": sum(one.unproven for one in before.modes),
                "deployed_lamports": sum(one.deployed_lamports for one in before.modes if one.mode is self._mode),
            }
        trouble, is_known = (
            None if known.trouble is None else f"the database is away ({known.trouble})",
            overview is not None,
        )
        return {
            "known": is_known,
            "age_s": round(known.age_s, 1) if is_known else None,
            "late": trouble if is_known else None,
            "why": None if is_known else trouble,
            "last": last,
        }

    def _monitors(self, facts: Facts | None, now_ms: int) -> Record:
        """Expected and live ones, that judge by a price, of one moment; without the database those that live now."""
        looks = [now_ms - look.checked_at_ms for look in self._bot.looks.values()]
        blind = len(self._bot.reconciler.check.without_price)
        return {
            "expected": None if facts is None else _open(facts.overview),
            "live": max((len(looks) if facts is None else facts.live) - blind, 0),
            "without_price": blind,
            "fallback": len(self._bot.fallback.watched) if facts is None else facts.fallback,
            "oldest_check_s": round(max(looks) / 1000, 1) if looks else None,
        }

    def _ledger(self, overview: Overview | None) -> Record:
        """Whose ledger explained every lamport when it was last compared; one that was not compared yet is not exact."""
        state = self._bot.reconciler.ledgers()
        return {
            "wallets": None if overview is None else overview.wallets,
            "exact": state.exact,
            "refused_orders": len(self._bot.in_flight.stuck),
            "oldest_check_s": None
            if state.oldest_at_ms is None
            else round((self._bot.adapters.clock.now_ms() - state.oldest_at_ms) / 1000),
            "last_checked": None if state.checked_at_ms is None else rfc3339(state.checked_at_ms),
            "uncompared": [
                {
                    "wallet": one.wallet.address,
                    "user": self.handles.get(one.wallet.user_id, f"user {one.wallet.user_id}"),
                    "since": rfc3339(one.since_ms),
                    "why": one.why,
                    "paused": one.paused,
                }
                for one in self._bot.reconciler.compare.uncompared()
            ],
        }

    def _lease(self) -> Record | None:
        """With which epoch this bot leads, and who stands by; None where no other bot can be on its database."""
        if self._leadership is None or (lease := self._leadership.lease) is None:
            return None
        standby = self._leadership.standby
        return {
            "epoch": lease.epoch,
            "since": rfc3339(self._leadership.since_ms),
            "before": lease.before,
            "standby": None if standby is None else {"name": standby.name, "since": rfc3339(standby.since_ms)},
        }

    def _running(self, *path: str) -> int:
        try:
            return len(self._bot.supervisor(*path).ids("running"))
        except Unavailable:
            return 0

    # ------------------------------------------------------------------------------------------------- what is asked

    async def _ask(self) -> Facts:
        """One look at the database: a few statements for all users together. Raises Unavailable."""
        store, clock = self._bot.adapters.store, self._bot.adapters.clock
        overview = await store.overview(day_start_ms(day_of(clock.now_ms())))
        stuck = [worker.id for worker in self._workers() if worker.last_failure is not None][:OWNERS_MAX]
        scopes = [cause.scope for cause in self._bot.guard.causes() if cause.scope != GLOBAL][:OWNERS_MAX]
        asked = [*stuck, *{scope.removeprefix(OF_USER) for scope in scopes}]
        if len(self.handles) != overview.users:
            self.handles = {user.id: user.handle for user in await store.users()}
        live, fallback = len(self._bot.looks), len(self._bot.fallback.watched)
        return Facts(overview, await store.owners(asked) if asked else {}, live, fallback)

    def _owners(self, known: Known[Facts]) -> dict[str, Owner]:
        """Whose what is, by id: of users the last names that are known, whatever the database does now."""
        found = {} if known.value is None else known.value.owners
        return {**{user_id: Owner(handle, None) for user_id, handle in self.handles.items()}, **found}

    def _workers(self) -> Iterator[ChildStatistics]:
        for tree in self._trees():
            yield from workers(tree.statistics(TROUBLED_MAX))

    def _trees(self) -> Iterator[Supervisor]:
        return (tree for tree in (self._foundation, self._bot.root) if tree is not None)

    # ---------------------------------------------------------------------------------------------------- other views

    async def tree(self, path: str | None, state: str | None = None) -> Record:
        """The record of `bot supervisor status --json`; raises LookupError when nothing lies at `path`.

        With a `state` only who is in it is shown, and who is above. `level` and `causes` are what stands above them all.
        """
        tree = part_of_tree(list(self._trees()), path or TOP, self._bot.guard.level, self._wall_ms)
        if state is not None:
            tree = only_in_state(tree, state) or {**tree, "children": [], "unlisted": {}}
        owners = self._owners(await self.facts.look(LOOK_S))
        causes = [self._cause(cause, owners) for cause in self._bot.guard.causes()]
        return {"sentence": self._sentence(owners), "level": self._bot.guard.level, "causes": causes, "tree": tree}

    def _wall_ms(self, at_s: float) -> int:
        """Milliseconds since 1970 of a moment on trio's clock."""
        return self._bot.adapters.clock.now_ms() - round((trio.current_time() - at_s) * 1000)

    def _sentence(self, owners: dict[str, Owner]) -> str:
        """What is wrong, since when, what the bot does about it, and the runbook's page: the worst of it first."""
        now_ms = self._bot.adapters.clock.now_ms()
        troubles = find_troubles(self._workers(), owners, self._wall_ms, now_ms)
        frozen = self.words.frozen_users(self.handles)
        after = f" {frozen}" if frozen else ""
        if (said := self.words.of_everybody()) is not None:
            return said + also(troubles) + after
        if not troubles:
            return frozen or "Everything runs; nothing is asked of you."
        return sentence(troubles, self._bot.fallback.watched) + after

    def _flatten(self, owners: dict[str, Owner]) -> Record | None:
        """How far the selling is that was ordered, None while none is; `user` is whose positions where it is one user's."""
        if (view := self._bot.care.book.view()) is None:
            return None
        owner = owners.get(view[0].removeprefix(OF_USER))
        return {"scope": view[0], "user": None if owner is None else owner.handle, **asdict(view[1])}

    def _spool(self) -> Record | None:
        """The exits that wait in the journal until the database has them."""
        if self._bot.adapters.spool is None:
            return None
        spool, now_ms = self._bot.adapters.spool.spool(), self._bot.adapters.clock.now_ms()
        oldest_s = None if spool.oldest_ms is None else round((now_ms - spool.oldest_ms) / 1000, 1)
        return {
            "records": spool.records,
            "oldest_s": oldest_s,
            "from_memory": spool.from_memory,
            "trouble": spool.trouble,
        }


def _of_now(known: Known[Facts]) -> Overview | None:
    """The sums, where they may be shown as those of now."""
    if known.value is None or (known.trouble is not None and known.age_s > OLD_S):
        return None
    return known.value.overview


def _open(overview: Overview) -> int:
    return sum(one.open_positions for one in overview.modes)


def available(bot: TradingBot, overview: Overview, mode: Mode) -> Spendable | None:
    """What a mode's wallets hold, less its orders on their way and the reserve for exits; None before each was looked at."""
    seen_of_all = bot.balances.seen()
    if len(seen_of_all) < overview.wallets:
        return None
    balances = [seen for seen in seen_of_all if seen.mode is mode]
    now_ms = bot.adapters.clock.now_ms()
    sums = next(one for one in overview.modes if one.mode is mode)
    kept = sums.reserved_lamports + sums.open_positions * EXIT_RESERVE_LAMPORTS
    oldest_ms = min((seen.at_ms for seen in balances), default=now_ms)
    return Spendable(max(sum(seen.lamports for seen in balances) - kept, 0), round((now_ms - oldest_ms) / 1000, 1))
