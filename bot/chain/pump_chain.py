"""The port `Chain` over JSON-RPC endpoints and the launchpad's layouts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import structlog
import trio
from solders.hash import Hash
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain import canaries, closings, histories, holders, layouts, metaplex, pool_locks, swaps, transactions, wire
from bot.chain.block_engines import BlockEngines
from bot.chain.blockhashes import Blockhashes
from bot.chain.endpoints import Endpoints
from bot.chain.evidence import LandedEvidence
from bot.chain.landed import event_payloads
from bot.chain.launchpad_config import LaunchpadConfig
from bot.chain.mints import decode_metadata, decode_mint, read_powers
from bot.chain.named_transactions import Recorded
from bot.chain.outcome import failed_instruction, failure_of, would_fail
from bot.chain.pools import Pools
from bot.chain.price_witness import PriceWitness, curves_in
from bot.chain.pumpfun import curve_in
from bot.chain.rpc import AccountData, Commitment, RpcClient
from bot.chain.shared_accounts import SharedAccounts
from bot.chain.transfers import Untraded
from bot.chain.unit_prices import FeeHints, UnitPrices
from bot.chain.witnessed import Told, WitnessedReads
from bot.errors import BotError, BudgetSpent, ChainUnavailable, DecodeError, SendRejected
from bot.ports import Blockhash, EndpointHealth, Routing, SeenLamports, SwapOrder, WalletBalances
from bot.trading.closing import EmptyAccount
from bot.trading.curve import Curve, Fees
from bot.trading.failures import TOO_LITTLE_THERE
from bot.trading.fill import LandedTransaction
from bot.trading.holders import Holders
from bot.trading.intent import Side
from bot.trading.liquidity import LiquidityLock
from bot.trading.metadata import TokenMetadata
from bot.trading.pool import Pool
from bot.trading.recovery import Absence, Sighting, SignatureStatus
from bot.trading.route import Route, RouteError
from bot.trading.token_check import MintFacts, MintPowers, hazards
from bot.trading.venue import PUMPSWAP, OwnVenue, Venue

MAX_COINS = 20_000
MAX_SIGNATURES = 1_000  # the largest page that nodes give

log = structlog.get_logger()


class PumpChain(Untraded):
    """Reads, builds and sends for one launchpad. Its caches hold what does not change within their stated age."""

    def __init__(
        self, endpoints: Endpoints, engines: BlockEngines | None = None, hints: FeeHints | None = None
    ) -> None:
        self._endpoints = endpoints
        shared = SharedAccounts(endpoints)
        self._reads = WitnessedReads(endpoints, shared)
        self._evidence = LandedEvidence(endpoints, self._reads.said)
        self._engines = engines
        self._config = LaunchpadConfig(self._reads)
        self._blockhashes = Blockhashes(endpoints)
        self._unit_prices = UnitPrices(endpoints, hints)
        self._coins: OrderedDict[str, transactions.CoinFacts] = OrderedDict()
        self._plain_mints: OrderedDict[str, MintFacts] = OrderedDict()
        self._pools = Pools(endpoints, shared)
        self._decoding = trio.Lock()
        self._witness = PriceWitness(endpoints, shared, self._pools)

    def __repr__(self) -> str:
        return f"<PumpChain {self._endpoints!r}>"

    def health(self) -> list[EndpointHealth]:
        return self._endpoints.health()

    async def probe(self) -> str:
        """Ask every endpoint how it fares; one line for people. Raises ChainUnavailable when none can be used.

        Blockhashes are remembered, because an exit is signed on one that is old by then.
        """
        line = await self._endpoints.probe()
        try:
            await self._blockhashes.remember()
        except BudgetSpent:
            pass  # an exit asks for one itself, and is not refused
        except ChainUnavailable as error:
            log.info("blockhash_not_remembered", reason=str(error))
        return line

    async def finalized_height(self) -> int:
        return await self._endpoints.first(lambda client: client.block_height("finalized"))

    async def latest_blockhash(self) -> Blockhash:
        return await self._blockhashes.latest()

    async def short_blockhash(self) -> Blockhash:
        """Usually without asking anybody: each probe remembers the blockhash of its moment."""
        return await self._blockhashes.short()

    async def market_unit_price(self, mint: str) -> int:
        key = at.key_from(mint)
        market = at.bonding_curve(key) if self._pools.token_program_of(mint) is None else at.canonical_pool(key)
        return await self._unit_prices.of(str(market))

    # Reserves and fees

    async def venue(self, mint: str) -> Venue:
        if (pool := await self._known_pool(at.key_from(mint))) is not None:
            return pool
        told = await self._read_coins([mint], "confirmed")
        address = at.curve_address(mint)
        account = told.accounts[address]
        if account is None:
            raise LookupError(f"{mint} has no bonding curve")
        curve = curve_in(account, told.slot, told.by[address])
        return (await self._pools_of({mint: curve})).get(mint, curve)

    async def venues(self, mints: Sequence[str], besides: str = "") -> dict[str, Venue]:
        if not mints:
            return {}
        migrated = {at.key_from(mint): program for mint in mints if (program := self._pools.token_program_of(mint))}
        found: dict[str, Venue] = {**await self._pools.read(migrated, "confirmed", besides)}
        others = [mint for mint in dict.fromkeys(mints) if mint not in found]
        if not others:
            return found
        told = await self._read_coins(others, "confirmed", besides)
        async with self._decoding:
            # Answers that came together are decoded one after the other, and whoever else is ready runs in between.
            await trio.lowlevel.checkpoint()
            curves = curves_in(told, others)
        return {**found, **curves, **await self._pools_of(curves)}

    async def venue_besides(self, mint: str, told: OwnVenue) -> OwnVenue:
        return await self._witness.besides(mint, told)

    async def looks(self, mint: str, told: OwnVenue) -> list[OwnVenue]:
        return await self._witness.looks(mint, told)

    async def routes(self, mints: Sequence[str]) -> dict[str, Venue]:  # noqa: ARG002 - it has none for any
        """The launchpad alone knows no way for other tokens."""
        await trio.lowlevel.checkpoint()
        return {}

    async def offer(self, mint: str, side: Side, amount: int, slippage_bps: int) -> Route:  # noqa: ARG002 - none
        await trio.lowlevel.checkpoint()
        raise RouteError(f"{mint} has neither a curve nor a pool, and no aggregator is configured")

    async def _known_pool(self, mint: Pubkey) -> Pool | None:
        """The pool of a coin that had one before, read alone; None for one that may still be on its curve."""
        program = self._pools.token_program_of(str(mint))
        return None if program is None else (await self._pools.read({mint: program}, "confirmed")).get(str(mint))

    async def _pools_of(self, curves: Mapping[str, Curve]) -> dict[str, Pool]:
        """The pools of those coins whose curves are complete and whose pools exist."""
        complete = [mint for mint, curve in curves.items() if curve.complete and mint in self._coins]
        programs = {at.key_from(mint): self._coins[mint].token_program for mint in complete}
        return await self._pools.read(programs, "confirmed")

    async def _read_coins(self, mints: Sequence[str], commitment: Commitment, besides: str = "") -> Told:
        """The curve accounts of mints, and the mints themselves where their facts are not known yet."""
        new = [mint for mint in mints if mint not in self._coins]
        addresses = [at.curve_address(mint) for mint in mints] + new
        told = await self._reads.told(addresses, commitment, besides)
        for mint in new:
            self._learn(mint, told.accounts[mint], told.accounts[at.curve_address(mint)])
        return told

    def _learn(self, mint: str, mint_account: AccountData | None, curve_account: AccountData | None) -> None:
        """Remember what never changes of a coin. Accounts of other programs teach nothing; reading them says why."""
        programs = {str(program): program for program in at.TOKEN_PROGRAMS}
        if mint_account is None or mint_account.owner not in programs:
            return
        if curve_account is None or curve_account.owner != str(at.PUMP_PROGRAM):
            return
        try:
            is_mayhem = layouts.decode_curve(curve_account.data).is_mayhem
        except DecodeError as error:
            log.warning("coin_not_learned", mint=mint, reason=str(error))
            return
        try:
            self._remember_plain(mint, decode_mint(mint_account.data))
        except DecodeError as error:
            # It can be sold all the same; whether it may be bought is for `mint_facts` to say.
            log.warning("mint_not_read", mint=mint, reason=str(error))
        self._coins[mint] = transactions.CoinFacts(programs[mint_account.owner], is_mayhem)
        while len(self._coins) > MAX_COINS:
            self._coins.popitem(last=False)

    async def mint_facts(self, mint: str) -> MintFacts:
        """Read once for a mint that nobody has power over: a power that was given up never comes back."""
        if (known := self._plain_mints.get(mint)) is not None:
            return known
        facts = decode_mint(await self._mint_account(mint))
        self._remember_plain(mint, facts)
        return facts

    async def mint_powers(self, mints: Sequence[str]) -> dict[str, MintPowers]:
        return await read_powers(self._reads, [mint for mint in mints if mint not in self._plain_mints])

    async def metadata(self, mint: str) -> TokenMetadata | None:
        return decode_metadata(await self._mint_account(mint)) or await metaplex.read(self._endpoints, mint)

    async def _mint_account(self, mint: str) -> bytes:
        key = str(at.key_from(mint))
        _, accounts = await self._reads.accounts([key], "confirmed")
        account = accounts[key]
        if account is None:
            raise LookupError(f"{mint} is no token, or so new that the chain has not confirmed it")
        if account.owner not in map(str, at.TOKEN_PROGRAMS):
            raise DecodeError(f"{mint} belongs to {account.owner}, which is no token program")
        return account.data

    async def holders(self, mint: str, creator: str) -> Holders:
        return await holders.read(self._endpoints, mint, creator)

    async def liquidity_lock(self, mint: str) -> LiquidityLock | None:
        is_in_pool = self._pools.token_program_of(mint) is not None
        return await pool_locks.read(self._endpoints, mint) if is_in_pool else None

    def _remember_plain(self, mint: str, facts: MintFacts) -> None:
        if hazards(facts):
            return
        self._plain_mints[mint] = facts
        while len(self._plain_mints) > MAX_COINS:
            self._plain_mints.popitem(last=False)

    async def fees(self) -> Fees:
        """The fees of coins on the curve, from the launchpad's own accounts, at most a minute old."""
        return await self._config.fees()

    # Wallets

    async def balances(self, address: str) -> WalletBalances:
        """Lamports and tokens, never from before a transaction of the wallet that is known; other than known needs two."""
        return await self._reads.balances(address)

    async def lamports(self, addresses: Sequence[str]) -> dict[str, SeenLamports]:
        return await self._reads.lamports(addresses)

    async def holding(self, address: str, mint: str) -> WalletBalances:
        """The whole look for a token whose program is not known yet."""
        program = self._pools.token_program_of(mint)
        if program is None and (facts := self._coins.get(mint)) is not None:
            program = facts.token_program
        if program is None:
            return await self._reads.balances(address)
        return await self._reads.holding(address, mint, program)

    # Transactions

    async def compute_units(self, order: SwapOrder) -> int:
        """Simulated on the newest state with the order's own limit, so that a limit which is too small shows."""
        await self._read_for(order)
        raw = transactions.unsigned_wire(self._message(order, Hash.default()))
        simulated = await self._endpoints.first(lambda client: client.simulate(raw))
        failure = failure_of(simulated.err)
        if failure is not None:
            if failure.program_error in TOO_LITTLE_THERE:
                self._reads.doubt(order.wallet_address)
            raise would_fail(failure, simulated.logs)
        if not simulated.units_consumed:
            raise ChainUnavailable("a simulation succeeded without saying what it used")
        return simulated.units_consumed

    async def round_trip(self, order: SwapOrder, receive_lamports: int) -> str | None:
        await self._read_for(order)
        message, sale_at = self._round_trip(order, receive_lamports)
        raw = transactions.unsigned_wire(message)
        simulated = await self._endpoints.first(lambda client: client.simulate(raw))
        failure, at_instruction = failure_of(simulated.err), failed_instruction(simulated.err)
        if failure is None:
            return None
        if at_instruction != sale_at:
            raise would_fail(failure, simulated.logs)
        return failure.said_to_people

    def _round_trip(self, order: SwapOrder, receive_lamports: int) -> tuple[bytes, int]:
        if isinstance(order.venue, Pool):
            return self._pools.round_trip(order, Hash.default(), receive_lamports)
        facts, recipients = self._accounts_for(order.mint)
        return transactions.build_round_trip(order, facts, recipients, Hash.default(), receive_lamports)

    async def _read_for(self, order: SwapOrder) -> None:
        """What a message of this order needs to know, where it is not known yet."""
        if isinstance(order.venue, Pool):
            await self._pools.fresh_config()
            return
        await self._config.fresh()
        if order.mint not in self._coins:
            await self._read_coins([order.mint], "processed")

    async def closable(self, address: str, mints: Sequence[str]) -> tuple[EmptyAccount, ...]:
        return await closings.closable(self._endpoints, self._reads, address, mints)

    async def canary(self, program: str, mints: Sequence[str]) -> tuple[str, ...]:
        is_pools = program == PUMPSWAP
        known = self._pools.latest(canaries.COINS) if is_pools else canaries.some_of(list(self._coins))
        return await canaries.look(self._endpoints, program, list(dict.fromkeys([*mints, *reversed(known)])))

    def build(self, order: SwapOrder, blockhash: Blockhash) -> bytes:
        """The message bytes. No I/O: the coin must have been read by `venue` or `compute_units` and the fees by `fees`."""
        return self._message(order, Hash.from_string(blockhash.value))

    def _message(self, order: SwapOrder, blockhash: Hash) -> bytes:
        if isinstance(order.venue, Pool):
            return self._pools.message(order, blockhash)
        facts, recipients = self._accounts_for(order.mint)
        return transactions.build_message(order, facts, recipients, blockhash)

    def _accounts_for(self, mint: str) -> tuple[transactions.CoinFacts, transactions.Recipients]:
        facts = self._coins.get(mint)
        if self._config.known is None or facts is None:
            raise ChainUnavailable(f"the launchpad's accounts of {mint} have not been read yet")
        config, key = self._config.known.account, at.key_from(mint)
        return facts, transactions.pick_recipients(config, key, is_mayhem=facts.is_mayhem)

    def assemble(self, message: bytes, signature: bytes) -> tuple[bytes, str]:
        return transactions.assemble(message, signature)

    def tip_account(self, mint: str) -> str | None:
        return None if self._engines is None else self._engines.tip_account(mint)

    def landing_tip(self) -> int | None:
        return None if self._engines is None else self._engines.landing_tip()

    async def send(self, raw: bytes, routing: Routing | None = None) -> None:
        """One endpoint that takes the bytes is enough; protected ones wait for a block engine and go by nothing else.

        They count as rejected only when every endpoint refused them: one that did not answer may have passed them on.
        """
        if routing is not None and routing.protected:
            if self._engines is None:
                raise ChainUnavailable("no block engine is configured, and this order may go by nothing else")
            self._engines.offer(raw, routing)
            await trio.lowlevel.checkpoint()
            return
        told = await self._endpoints.all_until_taken(lambda client: client.send(raw))
        outcomes = [outcome for _, outcome in told]
        if any(not isinstance(outcome, BotError) for outcome in outcomes):
            return
        rejections = [outcome for outcome in outcomes if isinstance(outcome, SendRejected)]
        if len(rejections) == len(outcomes):
            raise rejections[0]
        raise ChainUnavailable("; ".join(str(outcome) for outcome in outcomes))

    # What became of them

    async def statuses(self, signatures: Sequence[str]) -> list[SignatureStatus | None]:
        if not signatures:
            return []
        return [histories.status_of(status) for status in await self._reads.statuses(signatures)]

    async def search_absences(self, signature: str, raw: bytes) -> SignatureStatus | tuple[Absence, ...]:
        return await histories.search_absences(self._endpoints, signature, transactions.blockhash_of(raw))

    async def sightings(self, signatures: Sequence[str]) -> list[tuple[Sighting, ...]]:
        return await histories.sightings(self._endpoints, signatures)

    async def landed(self, signature: str, address: str, mint: str, raw: bytes = b"") -> LandedTransaction | None:
        landed = await self._evidence.read(signature, address, mint, raw)
        if landed is not None:
            self._reads.landed(address, mint, landed)
        return landed

    async def sold(self, signature: str, seller: str, mint: str, besides: str) -> int | None:
        return await swaps.sold_in(self._endpoints, signature, seller, mint, besides)

    async def signatures_since(self, signature: str) -> list[tuple[str, int]]:
        """Signature and slot of the launchpad's transactions after one, failed ones left out; one page, newest first."""
        found = await self.signatures_of(str(at.PUMP_PROGRAM), until=signature, limit=MAX_SIGNATURES)
        return [(one.signature, one.slot) for one in found if one.err is None]

    async def signatures_of(self, address: str, *, until: str | None, limit: int) -> Sequence[wire.SignatureInfo]:
        """The newest confirmed transactions that named an account, failed ones too, down to a signature."""
        return await self._endpoints.first(
            lambda client: client.signatures_for_address(
                address, limit=limit, before=None, until=until, commitment="confirmed"
            )
        )

    def newest_slot(self) -> int:
        """The newest slot that the endpoints told lately; 0 when nobody was heard."""
        return self._endpoints.newest_slot()

    async def recorded(self, signature: str) -> Recorded | None:
        """The launchpad's events of a confirmed transaction, for one that was cut or named; None when none is shown yet."""

        async def ask(client: RpcClient) -> Recorded | None:
            record = await client.transaction(signature, "confirmed")
            told_by = client.name if len(self._endpoints.names) > 1 else ""
            return None if record is None else Recorded(record.slot, event_payloads(record), told_by)

        return await self._endpoints.first_known(ask)
