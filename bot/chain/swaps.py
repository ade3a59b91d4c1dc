"""What any wallet swapped on the launchpad, in its pools or in Raydium's, read from the records of its landed transactions.

The programs' own trade events say who traded what, however many routers the call came through: the launchpad and its pools
repeat each as an instruction to themselves. Raydium's v4 says it by its transfers. A trade that a router made in its own
name is the router's and nobody's signal. Legacy transactions, v0 with lookup tables and v1 read alike: a node answers for
all of them in one shape, and the accounts from tables stand behind the transaction's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from bot.chain import layouts, pool_layouts, raydium, wire
from bot.chain.addresses import WRAPPED_SOL_MINT, canonical_pool, key_from
from bot.chain.endpoints import Endpoints
from bot.chain.landed import account_keys, event_payloads
from bot.chain.record_cache import RecordCache
from bot.chain.rpc import RpcClient
from bot.errors import DecodeError
from bot.ports import WalletMove, WalletSignal, WalletTransaction
from bot.trading.intent import Side


class PumpWallets:
    """The port `WalletHistory` over JSON-RPC endpoints and the launchpad's layouts."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._records = RecordCache(self._read)

    def __repr__(self) -> str:
        return f"<PumpWallets {self._endpoints!r}>"

    async def transactions(
        self, address: str, *, limit: int, before: str | None = None, until: str | None = None, not_before: int = 0
    ) -> list[WalletTransaction]:
        found = await self._endpoints.first(
            lambda client: client.signatures_for_address(
                address, limit=limit, before=before, until=until, commitment="confirmed", since=not_before
            )
        )
        return [WalletTransaction(one.signature, one.slot, failed=one.err is not None) for one in found]

    async def moved(self, signature: str, address: str) -> WalletMove | None:
        record = await self._read(signature)
        return None if record is None else move_in(record, signature, address)

    async def swaps(self, signature: str, address: str) -> list[WalletSignal] | None:
        record = await self._records.record(signature)
        return None if record is None else swaps_in(record, signature, address)

    def credit_per_s(self) -> float | None:
        return self._endpoints.steady_per_s("getSignaturesForAddress")

    async def _read(self, signature: str) -> wire.TransactionRecord | None:
        return await self._endpoints.first_known(lambda client: client.transaction(signature, "confirmed"))


async def sold_in(endpoints: Endpoints, signature: str, seller: str, mint: str, besides: str) -> int | None:
    """What a wallet sold of a token in a transaction, as another endpoint than `besides` shows it; see the port `Chain`."""

    async def ask(client: RpcClient) -> int | None:
        record = await client.transaction(signature, "confirmed")
        if record is None:
            return None
        swaps = swaps_in(record, signature, seller)
        return sum(swap.token_raw for swap in swaps if swap.mint == mint and swap.side is Side.SELL)

    known, _ = await endpoints.known_by_two(ask, within_s=0.0, besides=[besides])
    return known[0][1] if known else None


def move_in(record: wire.TransactionRecord, signature: str, address: str) -> WalletMove:
    """What a transaction changed in a wallet, fees included; raises DecodeError for a record that lacks it."""
    keys, meta = account_keys(record), record.meta
    if meta is None or address not in keys or not len(keys) == len(meta.pre_balances) == len(meta.post_balances):
        raise DecodeError(f"{signature} does not say what it changed in {address}")
    place = keys.index(address)
    lamports = meta.post_balances[place] - meta.pre_balances[place]
    header = record.transaction.message.header
    signers = 1 if header is None else header.num_required_signatures
    return WalletMove(
        signature,
        record.slot,
        lamports,
        paid=place == 0,
        signed=place < signers,
        token_raw=_tokens_in(meta, address),
        payer=keys[0],
    )


def _tokens_in(meta: wire.Meta, address: str) -> dict[str, int]:
    """By mint, what changed in all token accounts of a wallet; mints of which it holds as much as before are left out."""
    changes: Counter[str] = Counter()
    try:
        for sign, balances in ((-1, meta.pre_token_balances), (1, meta.post_token_balances)):
            for balance in balances or ():
                if balance.owner == address:
                    changes[balance.mint] += sign * int(balance.ui_token_amount.amount)
    except ValueError:
        raise DecodeError(f"a token balance of {address} is not a whole number") from None
    return {mint: raw for mint, raw in changes.items() if raw}


@dataclass(frozen=True, slots=True)
class _Swap:
    """One trade of a wallet, wherever; `at_s` is the program's own time for it, 0 where it says none."""

    mint: str
    is_buy: bool
    token_raw: int
    quote_lamports: int
    at_s: int = 0


def swaps_in(record: wire.TransactionRecord, signature: str, address: str) -> list[WalletSignal]:
    """The swaps of `address` in a transaction, one per mint and side in order of the first; none in a failed one.

    Coins that are not quoted in SOL are left out. The block time falls back to the program's own event, since a young
    block may not have one yet. Raises DecodeError when an event is cut short.
    """
    totals: dict[tuple[str, Side], WalletSignal] = {}
    for swap in _swaps_of(record, address):
        mint, side = swap.mint, Side.BUY if swap.is_buy else Side.SELL
        before = totals.get((mint, side))
        totals[mint, side] = WalletSignal(
            address=address,
            mint=mint,
            side=side,
            token_raw=swap.token_raw + (before.token_raw if before else 0),
            quote_lamports=swap.quote_lamports + (before.quote_lamports if before else 0),
            slot=record.slot,
            block_time_s=record.block_time or swap.at_s,
            signature=signature,
            instruction=before.instruction if before else len(totals),
            held_before_raw=_held_before(record.meta, address, mint),
        )
    return [
        replace(one, both_sides=len({side for mint, side in totals if mint == one.mint}) > 1) for one in totals.values()
    ]


def _held_before(meta: wire.Meta | None, address: str, mint: str) -> int | None:
    """Raw tokens of a mint in all accounts of a wallet before a transaction; None for a record without such balances."""
    if meta is None or meta.pre_token_balances is None:
        return None
    try:
        return sum(
            int(balance.ui_token_amount.amount)
            for balance in meta.pre_token_balances
            if (balance.owner, balance.mint) == (address, mint)
        )
    except ValueError:
        raise DecodeError(f"a token balance of {address} is not a whole number") from None


def _swaps_of(record: wire.TransactionRecord, address: str) -> Iterator[_Swap]:
    payloads = event_payloads(record)
    yield from _on_curves(payloads, address)
    yield from _in_pools(payloads, record.meta, address)
    for swap in raydium.swaps_of(record, account_keys(record), address):
        if swap.token_raw > 0:
            yield _Swap(swap.mint, swap.is_buy, swap.token_raw, swap.quote_lamports)


def _on_curves(payloads: Iterable[bytes], address: str) -> Iterator[_Swap]:
    """Coins that are not quoted in SOL carry zero SOL reserves, and those on a curve in SOL never do."""
    for payload in payloads:
        if payload[:8] != layouts.TRADE_EVENT:
            continue
        trade = layouts.decode_trade_event(payload)
        if str(trade.user) == address and trade.token_raw > 0 and trade.virtual_sol_lamports > 0:
            yield _Swap(str(trade.mint), trade.is_buy, trade.token_raw, trade.sol_lamports, trade.timestamp_s)


def _in_pools(payloads: Iterable[bytes], meta: wire.Meta | None, address: str) -> Iterator[_Swap]:
    """A pool's event names no mint; the token accounts of the pool do. Pools that are not a coin's own are left out."""
    for payload in payloads:
        if payload[:8] not in {pool_layouts.BUY_EVENT, pool_layouts.SELL_EVENT}:
            continue
        trade = pool_layouts.decode_pool_trade(payload)
        if str(trade.user) != address or trade.token_raw == 0 or meta is None:
            continue
        balances = [*(meta.pre_token_balances or ()), *(meta.post_token_balances or ())]
        mints = {one.mint for one in balances if one.owner == str(trade.pool)} - {str(WRAPPED_SOL_MINT)}
        for mint in mints:
            if canonical_pool(key_from(mint)) == trade.pool:
                yield _Swap(mint, trade.is_buy, trade.token_raw, trade.quote_lamports, trade.timestamp_s)
