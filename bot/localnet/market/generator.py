"""The generated market: launches in a steady stream, each with its plan, through a bounded pool of wallets.

What it remembers is small: the market clock, the number of the next launch, and for each living launch how far its
plan has been carried out. Plans and keys follow from the seed; holdings are read from the chain.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec
from solders.account import Account
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from bot.localnet import addresses as at
from bot.localnet.chain import Chain
from bot.localnet.launchpad import Curve
from bot.localnet.market import shapes
from bot.localnet.market.plan import BPS, CREATOR, LaunchPlan, PlannedTrade, plan_launch
from bot.localnet.market.pool import Pool, derived_keypair
from bot.localnet.records import Block
from bot.localnet.tokens import token_account

TRADERS = 300
CREATORS = 60
FIRST_LAUNCH_MS = 800
MAX_FINISHED_TOKENS = 3_000
STATE_KEY = "generator/state"
RUN_PREFIX = "generator/run/"


class GeneratorState(msgspec.Struct):
    """What survives a restart beside the living launches. `swept` launches were considered for removal."""

    clock_ms: int = 0
    next_index: int = 0
    next_launch_ms: int = FIRST_LAUNCH_MS
    swept: int = 0
    trades: int = 0
    failed_trades: int = 0
    skipped_trades: int = 0
    removed_tokens: int = 0


class RunState(msgspec.Struct):
    """How far the plan of a launch has been carried out."""

    launched_ms: int
    done: int


@dataclass(slots=True)
class _Run:
    plan: LaunchPlan
    mint: Keypair
    creator: Keypair
    state: RunState

    @property
    def due_ms(self) -> int | None:
        """When the next trade is due on the market clock; None when the plan is finished."""
        if self.state.done >= len(self.plan.trades):
            return None
        return self.state.launched_ms + self.plan.trades[self.state.done].at_ms


class GeneratedMarket:
    """A market that is drawn from a seed; see `plan` for what a launch does and `shapes` for where that comes from."""

    name = "generated"

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._pool = Pool(seed, traders=TRADERS, creators=CREATORS)
        self._state = GeneratorState()
        self._runs: dict[int, _Run] = {}
        self._due: list[tuple[int, int]] = []
        self._changed: set[int] = set()
        self._ended: set[int] = set()

    def genesis_accounts(self) -> Iterable[tuple[Pubkey, Account]]:
        """The pool's wallets."""
        return self._pool.genesis_accounts()

    def restore(self, state: Mapping[str, bytes]) -> None:
        """Continue where a stored market was."""
        if STATE_KEY in state:
            self._state = msgspec.json.decode(state[STATE_KEY], type=GeneratorState)
        for key, value in state.items():
            if key.startswith(RUN_PREFIX):
                self._add_run(int(key.removeprefix(RUN_PREFIX)), msgspec.json.decode(value, type=RunState))

    def _add_run(self, index: int, state: RunState) -> _Run:
        plan = plan_launch(self._seed, index, traders=TRADERS, creators=CREATORS)
        run = _Run(plan, self._mint(index), self._pool.creators[plan.creator], state)
        self._runs[index] = run
        self._schedule(index, run)
        return run

    def _schedule(self, index: int, run: _Run) -> None:
        if run.due_ms is None:
            del self._runs[index]
            self._ended.add(index)
        else:
            heapq.heappush(self._due, (run.due_ms, index))

    def _mint(self, index: int) -> Keypair:
        return derived_keypair("mint", self._seed, index)

    def step(self, slot_ms: int, chain: Chain) -> Iterator[VersionedTransaction]:
        """The launches and trades that are due in the next block."""
        state = self._state
        state.clock_ms += slot_ms
        while state.next_launch_ms <= state.clock_ms:
            yield from self._launch(chain)
        while self._due and self._due[0][0] <= state.clock_ms:
            _, index = heapq.heappop(self._due)
            run = self._runs[index]
            trade = run.plan.trades[run.state.done]
            run.state.done += 1
            self._changed.add(index)
            self._schedule(index, run)
            yield from self._trade(run, trade, chain)
        self._remove_old_token(chain)

    def _launch(self, chain: Chain) -> Iterator[VersionedTransaction]:
        state = self._state
        index = state.next_index
        launched_ms = state.next_launch_ms
        state.next_index += 1
        state.next_launch_ms += shapes.launch_gap_ms(Random(f"{self._seed}/gap/{index}"))
        run = self._add_run(index, RunState(launched_ms=launched_ms, done=0))
        self._changed.add(index)
        creator = run.creator.pubkey()
        refill = self._pool.refill(creator, chain)
        if refill is not None:
            yield refill
        uri = f"https://localnet.invalid/{index}.json"
        yield self._pool.launch(run.mint, run.creator, chain, name=run.plan.name, symbol=run.plan.symbol, uri=uri)

    def _trade(self, run: _Run, trade: PlannedTrade, chain: Chain) -> Iterator[VersionedTransaction]:
        wallet = run.creator if trade.trader == CREATOR else self._pool.traders[trade.trader]
        mint, creator = run.mint.pubkey(), run.creator.pubkey()
        if trade.buys:
            refill = self._pool.refill(wallet.pubkey(), chain)
            if refill is not None:
                yield refill
            launched_now = chain.accounts.get(at.bonding_curve(mint)) is None
            transaction = self._pool.buy(
                wallet,
                mint,
                creator,
                chain,
                spend_lamports=trade.spend_lamports,
                slippage_bps=trade.slippage_bps,
                price_micro_lamports=trade.priority_micro_lamports,
                curve=Curve() if launched_now else None,
            )
        else:
            held_raw = self._pool.held_raw(wallet.pubkey(), mint, chain)
            transaction = self._pool.sell(
                wallet,
                mint,
                creator,
                chain,
                token_raw=held_raw * trade.share_bps // BPS,
                slippage_bps=trade.slippage_bps,
                price_micro_lamports=trade.priority_micro_lamports,
            )
        if transaction is None:
            self._state.skipped_trades += 1
        else:
            yield transaction

    def _remove_old_token(self, chain: Chain) -> None:
        """Remove the accounts of the oldest finished token beyond the bound, unless somebody outside the pool holds it.

        Nothing on a real chain disappears like this; here it keeps a chain that runs for days within its memory.
        """
        state = self._state
        index = state.swept
        if state.next_index - index <= MAX_FINISHED_TOKENS or index in self._runs:
            return
        state.swept += 1
        mint = self._mint(index).pubkey()
        curve, pool, authority = at.bonding_curve(mint), at.pool(mint), at.pool_authority(mint)
        holders = list(chain.accounts.tokens_of_mint(mint))
        for holder in holders:
            held = token_account(chain.accounts.get(holder))
            if (
                held is not None
                and held.owner not in self._pool.addresses
                and held.owner not in {curve, pool, authority}
            ):
                return
        for key in (*holders, curve, mint, pool, at.wrapped_sol(pool), at.wrapped_sol(authority)):
            chain.accounts.put(key, None)
        state.removed_tokens += 1

    def observe(self, block: Block, chain: Chain) -> None:  # noqa: ARG002
        """Count the pool's trades and failures."""
        for landed in block.transactions:
            if self.owns(landed.record.account_keys[0]):
                self._state.trades += 1
                self._state.failed_trades += landed.record.error is not None

    def owns(self, fee_payer: str) -> bool:
        """Whether this address is one of the pool's wallets."""
        return self._pool.owns(fee_payer)

    def drain_changes(self) -> dict[str, bytes | None]:
        """The state, and the launches that went on or ended since the last call."""
        changes: dict[str, bytes | None] = {STATE_KEY: msgspec.json.encode(self._state)}
        for index in self._changed & self._runs.keys():
            changes[f"{RUN_PREFIX}{index}"] = msgspec.json.encode(self._runs[index].state)
        for index in self._ended:
            changes[f"{RUN_PREFIX}{index}"] = None
        self._changed.clear()
        self._ended.clear()
        return changes

    def statistics(self) -> dict[str, Any]:
        """Counts for `status`."""
        state = self._state
        return {
            "name": self.name,
            "clock_s": state.clock_ms // 1000,
            "launches": state.next_index,
            "living": len(self._runs),
            "transactions": state.trades,
            "failed": state.failed_trades,
            "skipped": state.skipped_trades,
            "removed_tokens": state.removed_tokens,
        }
