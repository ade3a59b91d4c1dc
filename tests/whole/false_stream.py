"""Endpoints of which one's WebSocket tells, beside what is true, whatever a test has it tell."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import msgspec
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature

from bot.chain.addresses import PUMP_PROGRAM
from bot.chain.layouts import TRADE_EVENT
from bot.chain.subscriptions import Deliver, Notification, Opened, Subscribe, Subscriptions, Wishes
from bot.localnet.addresses import bonding_curve
from bot.localnet.inprocess import InProcessChain
from bot.trading.curve import Curve
from tests.chain.chain_doubles import InProcessSubscriptions

AMOUNTS = struct.Struct("<QQB")  # lamports and raw token units of the trade, and whether it is a buy
RESERVES = struct.Struct("<QQQQ")  # virtual lamports and tokens, real lamports and tokens
FEES = bytes(32) + bytes(16)  # who takes them, how much, and how much it was


@dataclass(slots=True)
class FalseStream:
    """Makes the streams of a world, of which that of the endpoint `liar` tells what waits in it with its next notification.

    What is subscribed to by name tells what waits in `states`. `told` counts the lies that were delivered, `opened` how often
    the liar's stream was followed.
    """

    liar: int = 0
    told: int = 0
    opened: int = 0
    waiting: list[Notification] = field(default_factory=list)
    states: list[Notification] = field(default_factory=list)

    def door(self, chain: InProcessChain, endpoint: int) -> Subscriptions:
        inner = InProcessSubscriptions(chain, endpoint)
        return _Liar(inner, self) if endpoint == self.liar else inner

    def slot(self, number: int) -> None:
        """Have a slot told."""
        self.waiting.append(Notification("slotNotification", msgspec.Raw(b'{"slot":%d}' % number)))

    def trade(
        self,
        mint: str,
        after: Curve,
        *,
        is_buy: bool = True,
        lamports: int = 0,
        token_raw: int = 0,
        trader: str = "",
        signature: str = "",
    ) -> None:
        """Have a trade told that never was, of `trader` or of somebody who is nobody; `after` is its curve with its slot.

        It may bear the `signature` of a transaction that there is.
        """
        payload = (
            TRADE_EVENT
            + bytes(Pubkey.from_string(mint))
            + AMOUNTS.pack(lamports, token_raw, is_buy)
            + bytes(Pubkey.from_string(trader) if trader else Keypair().pubkey())
            + bytes(8)
            + RESERVES.pack(
                after.virtual_quote_lamports, after.virtual_token_raw, after.real_quote_lamports, after.real_token_raw
            )
            + FEES
            + bytes(Pubkey.from_string(after.creator))
            + bytes(16)
        )
        data = f"Program data: {base64.b64encode(payload).decode()}"
        logs = [f"Program {PUMP_PROGRAM} invoke [1]", data, f"Program {PUMP_PROGRAM} success"]
        value = {"signature": signature or str(Signature.new_unique()), "err": None, "logs": logs}
        result = {"context": {"slot": after.slot}, "value": value}
        self.waiting.append(Notification("logsNotification", msgspec.Raw(msgspec.json.encode(result))))

    def state(self, chain: InProcessChain, mint: str, after: Curve) -> None:
        """Have a curve's account told as it never was, at the slot of `after`."""
        key = bonding_curve(Pubkey.from_string(mint))
        account = chain.cluster.chain.accounts.get(key)
        assert account is not None
        data = bytearray(account.data)
        reserves = (
            after.virtual_token_raw,
            after.virtual_quote_lamports,
            after.real_token_raw,
            after.real_quote_lamports,
        )
        RESERVES.pack_into(data, 8, *reserves)
        value = {
            "lamports": account.lamports,
            "data": [base64.b64encode(data).decode(), "base64"],
            "owner": str(account.owner),
        }
        told = msgspec.Raw(msgspec.json.encode({"context": {"slot": after.slot}, "value": value}))
        self.states.append(Notification("accountNotification", told, str(key)))


@dataclass(slots=True)
class _Liar:
    inner: InProcessSubscriptions
    stream: FalseStream

    @property
    def name(self) -> str:
        return self.inner.name

    async def follow(self, wanted: Sequence[Subscribe], deliver: Deliver, opened: Opened) -> NoReturn:
        if isinstance(wanted, Wishes):
            await self.inner.follow(wanted, self._with(self.stream.states, deliver), opened)
        self.stream.opened += 1

        await self.inner.follow(wanted, self._with(self.stream.waiting, deliver), opened)
        raise AssertionError("a source ends by raising")

    def _with(self, lies: list[Notification], deliver: Deliver) -> Deliver:
        async def told(notification: Notification) -> None:
            while lies:
                lie = lies.pop(0)
                self.stream.told += 1
                await deliver(lie)
            await deliver(notification)

        return told
