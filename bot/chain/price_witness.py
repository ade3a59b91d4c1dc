"""Who told reserves, and what others say of them: a price is money, and one endpoint's word of it may be false.

Who told `told_by` of a venue is asked nothing here first; who is contradicted by two others at the very same slot is
distrusted. Between two slots somebody may have traded, so that a difference there proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import structlog

from bot.chain import addresses as at
from bot.chain.endpoints import Endpoints
from bot.chain.pools import Pools
from bot.chain.pumpfun import curve_in
from bot.chain.rpc import AccountData
from bot.chain.rpc_errors import SlotNotReached
from bot.chain.shared_accounts import Seen, SharedAccounts
from bot.chain.witnessed import Told
from bot.errors import BotError, ChainUnavailable, DecodeError
from bot.trading.curve import Curve
from bot.trading.pool import Pool
from bot.trading.venue import OwnVenue, same_reserves

log = structlog.get_logger()


class PriceWitness:
    """Reads one curve or pool again, from others. Questions that come together share a request."""

    def __init__(self, endpoints: Endpoints, shared: SharedAccounts, pools: Pools) -> None:
        self._endpoints = endpoints
        self._shared = shared
        self._pools = pools

    async def besides(self, mint: str, told: OwnVenue) -> OwnVenue:
        """As an endpoint shows it that did not tell `told`; see the port."""
        addresses = self._addresses(mint, told)
        # No endpoint's own word on how far the chain is makes the others too late to contradict it.
        not_before = min(told.slot, self._endpoints.newest_slot() or told.slot)
        try:
            seen = await self._read(addresses, told.told_by, not_before)
        except SlotNotReached:
            seen = await self._read(addresses, told.told_by, 0)
        return await self._venue(mint, told, seen.accounts, seen.slot, seen.name)

    async def _read(self, addresses: Sequence[str], besides: str, not_before: int) -> Seen:
        return await self._shared.read(addresses, "processed", not_before=not_before, besides=besides)

    async def looks(self, mint: str, told: OwnVenue) -> list[OwnVenue]:
        """As everybody shows it who answers at once; see the port."""
        addresses = self._addresses(mint, told)
        answers = await self._endpoints.every(lambda client: client.accounts(addresses, "confirmed"), soon=True)
        found: list[OwnVenue] = []
        troubles: list[str] = []
        for name, answer in answers:
            if isinstance(answer, BotError):
                troubles.append(str(answer))
                continue
            slot, accounts = answer
            try:
                found.append(await self._venue(mint, told, accounts, slot, name))
            except (DecodeError, LookupError) as error:
                troubles.append(f"{name}: {error}")
        if not found:
            raise ChainUnavailable("; ".join(troubles))
        self._judge(mint, found)
        return found

    def _judge(self, mint: str, found: Sequence[OwnVenue]) -> None:
        """Distrust whom two others contradict, who agree with each other at the same slot."""
        by_slot = sorted(found, key=lambda venue: venue.slot)
        for slot, group in groupby(by_slot, key=lambda venue: venue.slot):
            looks = list(group)
            for look in looks:
                others = [other for other in looks if not same_reserves(other, look)]
                is_alone = len(others) == len(looks) - 1
                if is_alone and len(others) > 1 and all(same_reserves(other, others[0]) for other in others):
                    names = " and ".join(other.told_by for other in others)
                    self._endpoints.distrust(
                        look.told_by, f"at slot {slot} it told other reserves of {mint} than {names}, who agree"
                    )

    def _addresses(self, mint: str, told: OwnVenue) -> list[str]:
        if isinstance(told, Pool):
            return self._pools.addresses(mint)
        return [at.curve_address(mint)]

    async def _venue(
        self, mint: str, told: OwnVenue, accounts: Mapping[str, AccountData | None], slot: int, name: str
    ) -> OwnVenue:
        if isinstance(told, Pool):
            return await self._pools.decoded(mint, accounts, slot, name)
        account = accounts[self._addresses(mint, told)[0]]
        if account is None:
            raise LookupError(f"{name} does not show the curve of {mint}")
        return curve_in(account, slot, name)


def curves_in(told: Told, mints: Sequence[str]) -> dict[str, Curve]:
    """The curves of those coins that have one which can be read, each with who told it."""
    curves: dict[str, Curve] = {}
    for mint in mints:
        address = at.curve_address(mint)
        account = told.accounts[address]
        if account is None:
            continue
        try:
            curves[mint] = curve_in(account, told.slot, told.by[address])
        except DecodeError as error:
            log.warning("curve_left_out", mint=mint, reason=str(error))
    return curves
