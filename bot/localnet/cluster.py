"""The whole local cluster without its sockets: chain, store, RPC, subscriptions, faults and market in one place.

Both the process and the in-process door for tests drive it through `tick`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from solders.account import Account
from solders.hash import Hash, ParseHashError
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from bot.localnet import aggregator, elsewhere, launchpad, liquidity
from bot.localnet.addresses import (
    LAUNCHPAD_PROGRAM,
    METADATA_PROGRAM,
    POOL_PROGRAM,
    ROUTER_PROGRAM,
    SYSTEM_PROGRAM,
    TIP_ACCOUNTS,
)
from bot.localnet.aggregator import Aggregator
from bot.localnet.birdeye import Birdeye
from bot.localnet.chain import FIRST_SLOT, Chain, ForkRefused, Position
from bot.localnet.dexscreener import DEFAULT_LISTED_AFTER_S, DexScreener
from bot.localnet.endpoints import Faults, make_endpoints
from bot.localnet.engine import BlockEngine
from bot.localnet.errors import LocalnetError
from bot.localnet.faucet import Faucet
from bot.localnet.faults import (
    BIRDEYE,
    DEFAULT_LOST_PERCENT,
    DEXSCREENER,
    ENGINE,
    FAIL_TX,
    GRPC,
    HONEYPOT,
    PORTAL,
    RATINGS,
    ROUTER,
    SKIP_SLOTS,
    SLOTS_OF_A_LEADER,
    SOCIAL,
    FaultError,
    FaultKind,
    FaultTable,
)
from bot.localnet.forks import Fork, Forks
from bot.localnet.geyser import Geyser
from bot.localnet.market.interface import Market
from bot.localnet.market_log import MarketLog
from bot.localnet.migrator import DEFAULT_DELAY_SLOTS, Migrator
from bot.localnet.portal import Portal
from bot.localnet.programs import load_program
from bot.localnet.ratings import Ratings
from bot.localnet.records import Block
from bot.localnet.social import Social
from bot.localnet.store import Store, StoreError
from bot.localnet.traps import launched, set_trap

DEFAULT_SLOT_MS = 400
ENGINE_REQUESTS_PER_S = 200.0  # many users share one local engine; a real region answers one a second
ROUTER_REQUESTS_PER_S = 50.0  # a real aggregator answers one a second to whoever pays nothing
TIP_ACCOUNT_LAMPORTS = 1_000_000_000


def _hash_from(text: str) -> Hash:
    """Raises LocalnetError for a text that is no hash."""
    try:
        return Hash.from_string(text)
    except ParseHashError:
        raise LocalnetError(f"{text} is no genesis hash of 32 bytes in base58") from None


def genesis_hash_of(seed: int, salt: bytes) -> Hash:
    """The genesis hash of a new chain. A salt that is never used twice makes it a chain of its own."""
    return Hash(hashlib.sha256(b"local solana" + seed.to_bytes(8, "little", signed=True) + salt).digest())


class Cluster:
    """A chain that is new or continued, ready to produce its next block; `open` makes one from a data directory.

    `migration_slots` after its end a curve migrates to its pool; None leaves it waiting. DexScreener lists a coin when it is
    `listed_after_s` old.

    `faults`, `dispatcher` and `pubsub` are those of the first endpoint; `all_faults` switches those of any.
    """

    def __init__(
        self,
        store: Store,
        *,
        seed: int,
        salt: bytes,
        time_s: int,
        clock: Callable[[], float],
        market: Market | None,
        slot_ms: int = DEFAULT_SLOT_MS,
        endpoints: int = 1,
        migration_slots: int | None = DEFAULT_DELAY_SLOTS,
        engine_requests_per_s: float = ENGINE_REQUESTS_PER_S,
        listed_after_s: float = DEFAULT_LISTED_AFTER_S,
        genesis_hash: str | None = None,
    ) -> None:
        self.seed = seed
        self.slot_ms = slot_ms
        self.market = market
        self.store = store
        position = self.store.position()
        stored = self.store.genesis_hash()
        new = position is None or stored is None
        if position is None or stored is None:
            stored = genesis_hash_of(seed, salt) if genesis_hash is None else _hash_from(genesis_hash)
            position = Position(FIRST_SLOT, 0, time_s, 0)
            self.store.create(stored, seed)
        elif genesis_hash not in {None, str(stored)}:
            raise LocalnetError(f"the chain here began with genesis hash {stored}; give another --data-dir")
        self.chain = Chain(
            stored,
            self.store,
            programs=[
                (LAUNCHPAD_PROGRAM, load_program("pump")),
                (POOL_PROGRAM, load_program("pump_amm")),
                (ROUTER_PROGRAM, load_program("jupiter")),
                (METADATA_PROGRAM, load_program("metadata")),
            ],
            position=position,
            stored_accounts=() if new else self.store.accounts(),
        )
        self.forks = Forks()
        self.faucet = Faucet(stored)
        self.migrator = Migrator(stored, migration_slots)
        self.endpoints = make_endpoints(endpoints, self.chain, self.store, self.faucet, clock)
        self.engine = BlockEngine(self.chain, self.store, FaultTable(clock), clock, engine_requests_per_s)
        self.portal = Portal(FaultTable(clock))
        self.geyser = Geyser(self.chain, FaultTable(clock))
        self.router = Aggregator(self.chain, FaultTable(clock), clock, ROUTER_REQUESTS_PER_S)
        self.log = MarketLog()
        self.dexscreener = DexScreener(
            self.chain, self.log, FaultTable(clock), clock, seed=self.seed, listed_after_s=listed_after_s
        )
        self.birdeye = Birdeye(self.chain, self.log, FaultTable(clock), clock, seed=self.seed)
        self.social = Social(self.chain, self.log, FaultTable(clock), clock, seed=self.seed)
        self.ratings = Ratings(self.chain, self.log, FaultTable(clock), clock)
        self.all_faults = self._all_faults()
        self.faults = self.endpoints[0].faults
        self.dispatcher = self.endpoints[0].dispatcher
        self.pubsub = self.endpoints[0].pubsub
        for key in TIP_ACCOUNTS:
            if self.chain.accounts.get(key) is None:
                self.chain.accounts.put(key, Account(TIP_ACCOUNT_LAMPORTS, b"", SYSTEM_PROGRAM))
        if new:
            self._write_genesis()
        else:
            self._restore()

    def _all_faults(self) -> Faults:
        services = {
            ENGINE: self.engine.faults,
            ROUTER: self.router.faults,
            DEXSCREENER: self.dexscreener.faults,
            BIRDEYE: self.birdeye.faults,
            SOCIAL: self.social.faults,
            RATINGS: self.ratings.faults,
        }
        return Faults(self.endpoints, {PORTAL: self.portal.faults, GRPC: self.geyser.faults}, services)

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        seed: int | None,
        salt: bytes,
        time_s: int,
        clock: Callable[[], float],
        make_market: Callable[[int], Market | None],
        slot_ms: int,
        endpoints: int = 1,
        listed_after_s: float = DEFAULT_LISTED_AFTER_S,
        genesis_hash: str | None = None,
    ) -> Cluster:
        """The chain of a data directory, continued where it was or new with `seed` (None: drawn from `salt`).

        Raises StoreError when another process holds the directory or the stored chain has another seed, LocalnetError when
        it has another genesis hash than the one that is given in base58, or that is none.
        """
        store = Store(directory)
        try:
            stored = store.seed()
            if stored is not None and seed is not None and stored != seed:
                raise StoreError(
                    f"the chain in {directory} has seed {stored}, and {seed} is asked for; give {stored}, as --seed here or"
                    " as seed below [localnet] in the settings of bot run, or choose another directory"
                )
            drawn = int.from_bytes(hashlib.sha256(salt).digest()[:4], "little")
            chosen = next(one for one in (stored, seed, drawn) if one is not None)
            market = make_market(chosen)
            return cls(
                store,
                seed=chosen,
                salt=salt,
                time_s=time_s,
                clock=clock,
                market=market,
                slot_ms=slot_ms,
                endpoints=endpoints,
                listed_after_s=listed_after_s,
                genesis_hash=genesis_hash,
            )
        except BaseException:
            store.close()
            raise

    def _write_genesis(self) -> None:
        for key, account in self._genesis_accounts():
            self.chain.accounts.put(key, account)
        self._commit(None)

    def _genesis_accounts(self) -> Iterator[tuple[Pubkey, Account]]:
        yield from launchpad.genesis_accounts()
        yield from liquidity.genesis_accounts()
        yield from elsewhere.genesis_accounts()
        yield from aggregator.genesis_accounts()
        yield from self.faucet.genesis_accounts()
        yield from self.migrator.genesis_accounts()
        if self.market is not None:
            yield from self.market.genesis_accounts()

    def _restore(self) -> None:
        for raw in self.store.pending():
            self.chain.submit(VersionedTransaction.from_bytes(raw), raw)
        state = self.store.market_state()
        self.migrator.restore(state)
        if self.market is not None:
            self.market.restore(state)
        # What a chain of an older version, or of another market, did not begin with.
        for key, account in self._genesis_accounts():
            if self.chain.accounts.get(key) is None:
                self.chain.accounts.put(key, account)

    def close(self) -> None:
        """Let go of the data directory; everything up to the last block is stored."""
        self.store.close()

    def fund(self, key: Pubkey, lamports: int) -> None:
        """Set a wallet's balance by decree, for preparing a scenario."""
        self.chain.accounts.put(key, Account(lamports, b"", SYSTEM_PROGRAM))

    def tick(self, time_s: int) -> Block | None:
        """One slot: the market acts, the block is produced, stored whole, and told to subscribers.

        None for a slot that is skipped: what was sent waits for the next block.
        """
        if self.market is not None:
            for transaction in self.market.step(self.slot_ms, self.chain):
                self.chain.submit(transaction, bytes(transaction))
        for transaction, raw in self.forks.due(self.chain.position.slot):
            self.chain.submit(transaction, raw)
        for transaction in self.migrator.step(self.chain):
            self.chain.submit(transaction, bytes(transaction))
        block = self._produce_or_skip(time_s)
        if block is not None:
            self._observe(block)
        self._commit(block)
        for endpoint in self.endpoints:
            endpoint.pubsub.on_block()
        if block is not None:
            self.portal.on_block(block)
        self.geyser.on_block()
        return block

    def _produce_or_skip(self, time_s: int) -> Block | None:
        in_turn = self.chain.position.slot + 1
        if self._is_on(SKIP_SLOTS) and in_turn // SLOTS_OF_A_LEADER % 2:
            self.chain.skip_slot(time_s)
            return None
        if self._is_on(FAIL_TX):
            return self.chain.produce_block(time_s, lambda payer: not self._trades_for_the_market(payer))
        return self.chain.produce_block(time_s)

    def _observe(self, block: Block) -> None:
        self.migrator.observe(block)
        self.log.on_block(block)
        if self._is_on(HONEYPOT):
            for mint in launched(block):
                set_trap(self.chain.accounts, mint)
        if self.market is not None:
            self.market.observe(block, self.chain)

    def _is_on(self, kind: FaultKind) -> bool:
        """Whether a fault of the chain itself is on; it was asked for at any endpoint."""
        return any(endpoint.faults.get(kind) is not None for endpoint in self.endpoints)

    def fork(self, slots: int, *, lost_percent: int = DEFAULT_LOST_PERCENT) -> Fork:
        """Take back the newest slots. Of their transactions about `lost_percent` in a hundred never come back.

        The others are queued again within some slots; whether they land is for the chain to say: a blockhash of a block
        that was taken back is none any more. Raises FaultError for what a fork cannot take back.
        """
        if not 0 <= lost_percent <= 100:
            raise FaultError(f"{lost_percent} percent of the transactions cannot be lost; give 0 to 100")
        newest_slot = self.chain.position.slot
        for endpoint in self.endpoints:
            endpoint.pubsub.node.view.before_fork(slots)
        try:
            gone = self.chain.roll_back(slots)
        except ForkRefused as error:
            raise FaultError(str(error)) from None
        self.log.roll_back(newest_slot - slots)
        fork = self.forks.note(
            gone,
            stayed_slot=newest_slot - slots,
            newest_slot=newest_slot,
            number=self.chain.position.forks[-1][1],
            lost_percent=lost_percent,
            comes_at_once=self._trades_for_the_market,
        )
        self.store.roll_back(
            fork.stayed_slot, self.chain.position, self.chain.accounts.drain_changes(), pending=self._waiting()
        )
        return fork

    def _waiting(self) -> list[bytes]:
        """What may still land, in the order in which a restart queues it again."""
        return [*self.chain.queue.raw_transactions(), *self.forks.waiting()]

    def _commit(self, block: Block | None) -> None:
        self.store.commit(
            block,
            self.chain.position,
            self.chain.accounts.drain_changes(),
            pending=self._waiting(),
            market={**self.migrator.drain_changes(), **({} if self.market is None else self.market.drain_changes())},
            short_lived=self._trades_for_the_market,
        )

    def _trades_for_the_market(self, fee_payer: str) -> bool:
        return self.market is not None and self.market.owns(fee_payer)

    def status(self) -> dict[str, Any]:
        """What `status` and tests want to know, as JSON."""
        position = self.chain.position
        return {
            "slot": position.slot,
            "height": position.height,
            "time_s": position.time_s,
            "genesis_hash": str(self.chain.genesis_hash),
            "slot_ms": self.slot_ms,
            "transactions": position.transactions,
            "pending": len(self.chain.queue),
            "endpoints": [endpoint.name for endpoint in self.endpoints],
            "sessions": sum(endpoint.pubsub.sessions for endpoint in self.endpoints),
            "waiting_for_pools": self.migrator.waiting,
            "token_elsewhere": str(elsewhere.MINT),
            "faults": self.all_faults.active(),
            "forks": [fork.told(self.store.has) for fork in self.forks.latest],
            "market": None if self.market is None else self.market.statistics(),
        }
