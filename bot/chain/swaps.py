"""What any wallet swapped on the launchpad, read from the records of its landed transactions.

The launchpad's own trade events say who traded what, however many routers the call came through: the launchpad repeats
each as an instruction to itself. A trade that a router made in its own name is the router's and nobody's signal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from bot.chain import layouts, wire
from bot.chain.endpoints import Endpoints
from bot.chain.landed import account_keys, event_payloads
from bot.errors import DecodeError
from bot.ports import WalletMove, WalletSignal, WalletTransaction
from bot.trading.intent import Side


class PumpWallets:
    """The port `WalletHistory` over JSON-RPC endpoints and the launchpad's layouts."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints

    def __repr__(self) -> str:
        return f"<PumpWallets {self._endpoints!r}>"

    async def transactions(
        self, address: str, *, limit: int, before: str | None = None, until: str | None = None
    ) -> list[WalletTransaction]:
        found = await self._endpoints.first(
            lambda client: client.signatures_for_address(
                address, limit=limit, before=before, until=until, commitment="confirmed"
            )
        )
        return [WalletTransaction(one.signature, one.slot, failed=one.err is not None) for one in found]

    async def moved(self, signature: str, address: str) -> WalletMove | None:
        record = await self._endpoints.first_known(lambda client: client.transaction(signature, "confirmed"))
        return None if record is None else move_in(record, signature, address)

    async def swaps(self, signature: str, address: str) -> list[WalletSignal] | None:
        record = await self._endpoints.first_known(lambda client: client.transaction(signature, "confirmed"))
        return None if record is None else swaps_in(record, signature, address)


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
        signature, record.slot, lamports, paid=place == 0, signed=place < signers, token_raw=_tokens_in(meta, address)
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


def swaps_in(record: wire.TransactionRecord, signature: str, address: str) -> list[WalletSignal]:
    """The swaps of `address` in a transaction, one per mint and side in order of the first; none in a failed one.

    Coins that are not quoted in SOL are left out. The block time falls back to the launchpad's own event, since a young
    block may not have one yet. Raises DecodeError when an event is cut short.
    """
    totals: dict[tuple[str, Side], WalletSignal] = {}
    for trade in _trades_of(event_payloads(record), address):
        mint, side = str(trade.mint), Side.BUY if trade.is_buy else Side.SELL
        before = totals.get((mint, side))
        totals[mint, side] = WalletSignal(
            address=address,
            mint=mint,
            side=side,
            token_raw=trade.token_raw + (before.token_raw if before else 0),
            quote_lamports=trade.sol_lamports + (before.quote_lamports if before else 0),
            slot=record.slot,
            block_time_s=record.block_time or trade.timestamp_s,
            signature=signature,
        )
    return list(totals.values())


def _trades_of(payloads: Iterable[bytes], address: str) -> Iterable[layouts.TradeEvent]:
    """Coins that are not quoted in SOL carry zero SOL reserves, and those on a curve in SOL never do."""
    for payload in payloads:
        if payload[:8] != layouts.TRADE_EVENT:
            continue
        trade = layouts.decode_trade_event(payload)
        if str(trade.user) == address and trade.token_raw > 0 and trade.virtual_sol_lamports > 0:
            yield trade
