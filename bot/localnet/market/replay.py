"""A recorded market on the local chain: each launch and trade of the recording becomes a real transaction.

The recordings name no traders, so the pool's wallets stand in: a buy goes to any of them, a sale to whoever holds
enough. The bot's own trades move the curve too, so recorded sizes are used with loose limits, and what is no longer
possible is clamped or left out, and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from random import Random
from typing import Any

import msgspec
from solders.account import Account
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from bot.localnet.chain import Chain
from bot.localnet.launchpad import Curve, with_fees
from bot.localnet.market.pool import BPS, Pool, derived_keypair
from bot.localnet.market.recording import Action, Recording
from bot.localnet.records import Block
from bot.localnet.tokens import token_account

TRADERS = 200
CREATORS = 60
MAX_SELLERS = 4
PRICE_MICRO_LAMPORTS = 50_000
ANY_SLIPPAGE_BPS = BPS


class ReplayState(msgspec.Struct):
    """What survives a restart: the market clock, the next action, and counts."""

    speed: float
    clock_ms: int = 0
    next_action: int = 0
    launches: int = 0
    transactions: int = 0
    failed: int = 0
    clamped: int = 0
    not_replayed: int = 0


class ReplayedMarket:
    """Plays a recording once, then stays silent."""

    def __init__(self, seed: int, recording: Recording) -> None:
        self._seed = seed
        self._recording = recording
        self._pool = Pool(seed, traders=TRADERS, creators=CREATORS)
        # Creators never sell: the recordings do not tell who sold, and a creator's sale would be an invented fact.
        self._sellers_by_key = {keypair.pubkey(): keypair for keypair in self._pool.traders}
        self._state = ReplayState(speed=recording.speed)
        self._sold: Counter[tuple[Pubkey, int]] = Counter()
        self._bought: set[int] = set()
        self._created: set[int] = set()

    @property
    def name(self) -> str:
        """The recording's file name."""
        return self._recording.name

    @property
    def _state_key(self) -> str:
        return f"replay/{self._recording.fingerprint}"

    def genesis_accounts(self) -> Iterable[tuple[Pubkey, Account]]:
        """The pool's wallets."""
        return self._pool.genesis_accounts()

    def restore(self, state: Mapping[str, bytes]) -> None:
        """Continue where a stored replay was; at another speed, from the same action on."""
        stored = state.get(self._state_key)
        if stored is None:
            return
        self._state = msgspec.json.decode(stored, type=ReplayState)
        if self._state.speed != self._recording.speed:
            self._state.speed = self._recording.speed
            if self._state.next_action < len(self._recording.actions):
                self._state.clock_ms = self._recording.actions[self._state.next_action].at_ms

    def step(self, slot_ms: int, chain: Chain) -> Iterator[VersionedTransaction]:
        """The recorded launches and trades that are due in the next block.

        A sale of what was bought in the same block waits for the next one, with everything behind it.
        """
        state, actions = self._state, self._recording.actions
        state.clock_ms += slot_ms
        self._sold.clear()
        self._bought.clear()
        self._created.clear()
        while state.next_action < len(actions) and actions[state.next_action].at_ms <= state.clock_ms:
            action = actions[state.next_action]
            if action.kind == "sell" and action.mint in self._bought and self._short_of(action, chain):
                break
            state.next_action += 1
            yield from self._carry_out(action, chain)

    def _carry_out(self, action: Action, chain: Chain) -> Iterator[VersionedTransaction]:
        draw = Random(f"{self._seed}/replay/{self._state.next_action}")
        mint = derived_keypair("replayed mint", self._seed, self._recording.fingerprint, action.mint)
        creator = self._pool.creators[action.mint % CREATORS]
        if action.kind == "create":
            yield from self._create(action, mint, creator, chain)
        elif action.kind == "sell":
            yield from self._sell(action, mint.pubkey(), creator.pubkey(), chain)
        else:
            wallet = draw.choice(self._pool.traders)
            if action.kind == "open" and action.mint in self._created:
                wallet = creator
            yield from self._buy(action, wallet, mint.pubkey(), creator.pubkey(), chain)

    def _create(self, action: Action, mint: Keypair, creator: Keypair, chain: Chain) -> Iterator[VersionedTransaction]:
        recorded = self._recording.tokens[action.mint]
        refill = self._pool.refill(creator.pubkey(), chain)
        if refill is not None:
            yield refill
        self._created.add(action.mint)
        self._state.launches += 1
        yield self._pool.launch(
            mint,
            creator,
            chain,
            name=recorded.name,
            symbol=recorded.symbol,
            uri=f"https://localnet.invalid/replay/{recorded.mint}",
        )

    def _buy(
        self, action: Action, wallet: Keypair, mint: Pubkey, creator: Pubkey, chain: Chain
    ) -> Iterator[VersionedTransaction]:
        refill = self._pool.refill(wallet.pubkey(), chain)
        if refill is not None:
            yield refill
        transaction = self._pool.buy(
            wallet,
            mint,
            creator,
            chain,
            spend_lamports=with_fees(action.lamports),
            slippage_bps=ANY_SLIPPAGE_BPS,
            price_micro_lamports=PRICE_MICRO_LAMPORTS,
            curve=Curve() if action.mint in self._created else None,
        )
        if transaction is None:
            self._state.not_replayed += 1
            return
        self._bought.add(action.mint)
        yield transaction

    def _sell(self, action: Action, mint: Pubkey, creator: Pubkey, chain: Chain) -> Iterator[VersionedTransaction]:
        missing_raw = action.token_raw
        sent = 0
        for held_raw, wallet in self._sellers(action, mint, chain):
            if missing_raw <= 0 or sent >= MAX_SELLERS:
                break
            token_raw = min(held_raw, missing_raw)
            transaction = self._pool.sell(
                wallet,
                mint,
                creator,
                chain,
                token_raw=token_raw,
                slippage_bps=ANY_SLIPPAGE_BPS,
                price_micro_lamports=PRICE_MICRO_LAMPORTS,
            )
            if transaction is not None:
                self._sold[wallet.pubkey(), action.mint] += token_raw
                missing_raw -= token_raw
                sent += 1
                yield transaction
        self._state.not_replayed += sent == 0
        self._state.clamped += sent > 0 and missing_raw > 0

    def _sellers(self, action: Action, mint: Pubkey, chain: Chain) -> list[tuple[int, Keypair]]:
        """Holders of the pool: the smallest that can sell the whole amount, or else the largest ones first."""
        holdings = []
        for address in chain.accounts.tokens_of_mint(mint):
            held = token_account(chain.accounts.get(address))
            if held is None or held.owner not in self._sellers_by_key:
                continue
            left_raw = held.amount_raw - self._sold[held.owner, action.mint]
            if left_raw > 0:
                holdings.append((left_raw, self._sellers_by_key[held.owner]))
        enough = [holding for holding in holdings if holding[0] >= action.token_raw]
        if enough:
            return [min(enough, key=_by_amount)]
        return sorted(holdings, key=_by_amount, reverse=True)

    def _short_of(self, action: Action, chain: Chain) -> bool:
        mint = derived_keypair("replayed mint", self._seed, self._recording.fingerprint, action.mint).pubkey()
        return sum(held_raw for held_raw, _ in self._sellers(action, mint, chain)) < action.token_raw

    def observe(self, block: Block, chain: Chain) -> None:  # noqa: ARG002
        """Count the pool's transactions and failures."""
        for landed in block.transactions:
            if self.owns(landed.record.account_keys[0]):
                self._state.transactions += 1
                self._state.failed += landed.record.error is not None

    def owns(self, fee_payer: str) -> bool:
        """Whether this address is one of the pool's wallets."""
        return self._pool.owns(fee_payer)

    def drain_changes(self) -> dict[str, bytes | None]:
        """The state of the replay."""
        return {self._state_key: msgspec.json.encode(self._state)}

    def statistics(self) -> dict[str, Any]:
        """Counts for `status`; `shortened_s` of recorded silence were cut from the schedule."""
        state, recording = self._state, self._recording
        return {
            "name": self.name,
            "speed": state.speed,
            "clock_s": state.clock_ms // 1000,
            "launches": state.launches,
            "actions_done": state.next_action,
            "actions": len(recording.actions),
            "finished": state.next_action >= len(recording.actions),
            "shortened_s": recording.shortened_ms // 1000,
            "transactions": state.transactions,
            "failed": state.failed,
            "clamped": state.clamped,
            "not_replayed": state.not_replayed,
            "left_out_rows": recording.left_out_rows,
        }


def _by_amount(holding: tuple[int, Keypair]) -> tuple[int, bytes]:
    return holding[0], bytes(holding[1].pubkey())
