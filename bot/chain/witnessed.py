"""Reads whose "there is nothing" is dangerous: no account, no status, fewer tokens. Two endpoints must say so.

An endpoint that lies, lags or has lost its index answers empty as quickly as an honest one. What it says it has is taken
from one endpoint; what it says is gone is asked of another one as well, at no older slot. What it says of a wallet that
is known is held against that, and more than is known needs another one as less does. Who is proved wrong is distrusted
for a while, and over looks at a wallet only who contradicts two others. One that does not even show what every cluster
has is believed in nothing (`rpc.EndpointBlind`), so that two of them are no witnesses.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog
import trio
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain import wire
from bot.chain.endpoint import Question
from bot.chain.endpoints import Endpoints
from bot.chain.evidence import SaidStatuses
from bot.chain.holdings import KnownHoldings
from bot.chain.rpc import MAX_ACCOUNTS, AccountData, Commitment
from bot.chain.rpc_errors import SlotNotReached
from bot.chain.shared_accounts import Seen, SharedAccounts
from bot.chain.wallet_looks import contradicted, held_in, is_nothing, least_of, least_shown, look_at, same
from bot.errors import ChainUnavailable
from bot.execution.lanes import in_exit_lane, order_lane
from bot.ports import SeenLamports, WalletBalances
from bot.trading.fill import LandedTransaction

Answer = TypeVar("Answer")

# An endpoint that is a slot or two late gets there within this; confirmed slots come every 0.4 s.
SLOT_TRIES = 5
SLOT_PAUSE_S = 0.25

# How long a second endpoint may take over statuses, which are asked for again and again.
STATUSES_WITHIN_S = 0.25

# How long a second endpoint may take over a look that shows nothing less than is known, or over an exit's look.
WITNESS_WITHIN_S = 0.5

# A wallet that is known to hold this much pays the fees of any sale, so that nobody is asked whether it has more by now.
FEES_LAMPORTS = 50_000_000

WALLETS_AT_ONCE = MAX_ACCOUNTS - 1  # the landmark is asked for with them

# A status this many slots old that an endpoint does not know is no matter of a moment.
CERTAIN_AFTER_SLOTS = 8

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Told:
    """Accounts by address, None for one that two endpoints do not show; the oldest slot, and who showed each."""

    slot: int
    accounts: dict[str, AccountData | None]
    by: dict[str, str]


class WitnessedReads:
    """Reads through the pool that believe an absence only when a second endpoint confirms it.

    With one endpoint configured its word is all there is; callers look twice before they act on it.
    """

    def __init__(self, endpoints: Endpoints, shared: SharedAccounts) -> None:
        self._endpoints = endpoints
        self._shared = shared
        self._known = KnownHoldings()
        self.said = SaidStatuses(endpoints)

    @property
    def _alone(self) -> bool:
        return len(self._endpoints.names) == 1

    # Accounts

    async def accounts(
        self, addresses: Sequence[str], commitment: Commitment
    ) -> tuple[int, dict[str, AccountData | None]]:
        """The oldest slot and the accounts by address, None for one that two endpoints do not show; raises as `told`."""
        told = await self.told(addresses, commitment)
        return told.slot, told.accounts

    async def told(self, addresses: Sequence[str], commitment: Commitment, besides: str = "") -> Told:
        """The accounts, and who showed them; the endpoint `besides` is not the first to be asked.

        Raises ChainUnavailable when one is missing and nobody else can say whether it is there.
        """
        return await self._witnessed(await self._shared.read(addresses, commitment, besides=besides), commitment)

    async def _witnessed(self, seen: Seen, commitment: Commitment) -> Told:
        name, slot, found = seen.name, seen.slot, seen.accounts
        missing = [address for address, account in found.items() if account is None]
        by = dict.fromkeys(found, name)
        if not missing or self._alone:
            return Told(slot, found, by)
        second, (seen_at, others) = await self._second_named(
            name, lambda client: client.accounts(missing, commitment), f"{len(missing)} account(s) missing"
        )
        there = [address for address, account in others.items() if account is not None]
        if there and seen_at <= slot and commitment != "processed":
            self._endpoints.distrust(
                name, f"at slot {slot} it did not show {there[0]}, which another one had at {seen_at}"
            )
        return Told(min(slot, seen_at), {**found, **others}, by | dict.fromkeys(others, second))

    async def _second(self, first: str, question: Question[Answer], what: str) -> Answer:
        """The answer of an endpoint other than `first`; the error says what stays unproven."""
        _, answer = await self._second_named(first, question, what)
        return answer

    async def _second_named(self, first: str, question: Question[Answer], what: str) -> tuple[str, Answer]:
        try:
            return await self._patiently(lambda: self._other(question, first))
        except ChainUnavailable as error:
            raise ChainUnavailable(f"{first}: {what}, and nobody else can say: {error}") from None

    async def _other(self, question: Question[Answer], *besides: str) -> tuple[str, Answer]:
        return await self._endpoints.first_named(question, hedge=True, besides=besides)

    async def _patiently(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask again while nobody has come as far as the question asks, for about a second."""
        for _ in range(SLOT_TRIES - 1):
            try:
                return await ask()
            except SlotNotReached:
                await trio.sleep(SLOT_PAUSE_S)
        return await ask()

    # Signatures

    async def statuses(self, signatures: Sequence[str]) -> list[wire.Status | None]:
        """Statuses from the recent caches; None for a signature that nobody who was asked knows.

        A second endpoint is asked for what the first does not know. Where none can be, or none answers soon, unknown
        stays unknown, which proves nothing to anybody: whoever waits for the other orders is not to wait for a slow one.
        """
        name, (slot, found) = await self._endpoints.first_named(
            lambda client: client.signature_statuses(signatures, search_history=False)
        )
        self.said.heard(name, signatures, found)
        unknown = [signature for signature, status in zip(signatures, found, strict=True) if status is None]
        if not unknown or self._alone:
            return found
        others: list[wire.Status | None] = []
        reason = f"no answer within {STATUSES_WITHIN_S:g} s"
        with trio.move_on_after(STATUSES_WITHIN_S):
            try:
                other, (_, others) = await self._other(
                    lambda client: client.signature_statuses(unknown, search_history=False), name
                )
                self.said.heard(other, unknown, others)
            except ChainUnavailable as error:
                reason = str(error)
        if not others:
            log.debug("statuses_from_one_endpoint", endpoint=name, unknown=len(unknown), reason=reason)
            return found
        known = {signature: one for signature, one in zip(unknown, others, strict=True) if one is not None}
        for signature, status in known.items():
            if status.slot + CERTAIN_AFTER_SLOTS <= slot:
                self._endpoints.distrust(name, f"at slot {slot} it did not know {signature} of slot {status.slot}")
        return [status or known.get(signature) for signature, status in zip(signatures, found, strict=True)]

    async def twice(self, addresses: Sequence[str]) -> list[dict[str, AccountData | None]]:
        """Accounts as two endpoints show them, the second at no older slot; the only one alone is asked once.

        For what is done about an account that is there, and would be wrong if it were another. Raises ChainUnavailable.
        """
        name, (slot, found) = await self._endpoints.first_named(lambda client: client.accounts(addresses, "confirmed"))
        if self._alone:
            return [found]
        _, others = await self._second(
            name, lambda client: client.accounts(addresses, "confirmed", not_before=slot), "a witness is asked for"
        )
        return [found, others]

    # Wallets

    def landed(self, address: str, mint: str, landed: LandedTransaction) -> None:
        """A transaction of the wallet was read: looks from before it show too much or too little."""
        self._known.add(address, mint, landed)

    def doubt(self, address: str) -> None:
        """An order failed for want of what is known to be there: the next look needs a witness, whatever it shows."""
        self._known.doubt(address)

    async def balances(self, address: str) -> WalletBalances:
        """What a wallet holds, at a slot no older than its newest known transaction.

        Less or more than is known needs a second endpoint, where there is one. Where it does not answer about more, the word
        of one is for showing alone (`is_witnessed`), and an exit gets what is known. Where two contradict each other a third
        decides; without one an exit takes what is borne out, and everybody else gets ChainUnavailable. Once a sale has failed
        for want of what was shown, exits take the least that anybody shows until one succeeds: most may be wrong alike.
        """
        at.key_from(address)
        not_before = self._known.least_slot(address)
        if in_exit_lane() and not self._alone and self._known.is_doubted(address):
            least = await least_shown(self._endpoints, address, not_before, WITNESS_WITHIN_S)
            if least is not None:
                return least
        name, look = await self._patiently(
            lambda: self._endpoints.first_named(look_at(address, not_before), hedge=True)
        )
        if self._alone:
            self._known.believe(address, look)
            return look
        if not self._known.is_as_known(address, look) or not (self._known.is_witnessed(address) or in_exit_lane()):
            look = await self._confirmed(address, name, look)
        else:
            look = replace(look, is_witnessed=self._known.is_witnessed(address))
        if look.is_witnessed or not self._known.is_known(address):
            self._known.believe(address, look)
        return self._known.proven_of(address, look) if in_exit_lane() and not look.is_witnessed else look

    async def lamports(self, addresses: Sequence[str]) -> dict[str, SeenLamports]:
        """Of many wallets in few requests, all at once; one that is not shown needs a second endpoint that does not show it."""
        found: dict[str, SeenLamports] = {}
        troubles: list[ChainUnavailable] = []

        async def look(some: Sequence[str]) -> None:
            try:
                told = await self._witnessed(await self._shared.alone(some, "confirmed"), "confirmed")
            except ChainUnavailable as error:
                troubles.append(error)
                return
            for address, account in told.accounts.items():
                found[address] = SeenLamports(told.slot, 0 if account is None else account.lamports)

        async with trio.open_nursery() as nursery:
            for start in range(0, len(addresses), WALLETS_AT_ONCE):
                nursery.start_soon(look, addresses[start : start + WALLETS_AT_ONCE])
        if troubles:
            raise troubles[0]
        return found

    async def holding(self, address: str, mint: str, token_program: Pubkey) -> WalletBalances:
        """What a sale of one token needs: the wallet's lamports, and what its own account of the token holds.

        Two accounts, which the sales of other wallets share a request for. They are believed as a whole look is: never
        from before the wallet's newest known transaction, and only where they show the tokens that are known. Whatever else
        there is to say, a wallet that is not known or an account that is not there, is for `balances` and its witness.
        Lamports beyond those that are known pay for nothing before a witness has seen them.
        """
        own = at.token_account(at.key_from(address), at.key_from(mint), token_program)
        if self._known.is_known(address) and not self._known.is_doubted(address):
            try:
                seen = await self._shared.read(
                    [address, str(own)], "confirmed", not_before=self._known.least_slot(address)
                )
            except SlotNotReached:
                return await self.balances(address)
            token_raw = held_in(seen.accounts[str(own)], address, mint)
            wallet = seen.accounts[address]
            look = WalletBalances(seen.slot, wallet.lamports if wallet else 0, {mint: token_raw})
            proven = self._known.proven_of(address, look)
            if token_raw > 0 and proven.token_raw == look.token_raw and not self._wants_witness(address, look, mint):
                return proven
        return await self.balances(address)

    def _wants_witness(self, address: str, look: WalletBalances, mint: str) -> bool:
        """Whether a look at one token shows less than is known, or lamports that the fees of its sale may hang on."""
        proven = self._known.proven_of(address, look)
        hangs_on_more = proven.lamports < min(look.lamports, FEES_LAMPORTS)
        return hangs_on_more or self._known.shows_less(address, look, only=mint)

    async def _confirmed(self, address: str, name: str, look: WalletBalances) -> WalletBalances:
        """The look, when it may be believed; what another endpoint shows, when that is to be believed instead.

        What left a wallet is money: no budget of requests keeps a witness of less from being asked.
        """
        is_less = self._known.shows_less(address, look)
        found: tuple[str, WalletBalances] | None = None
        trouble = f"no answer within {WITNESS_WITHIN_S:g} s"
        with trio.move_on_after(math.inf if is_less and not in_exit_lane() else WITNESS_WITHIN_S):
            try:
                with order_lane() if is_less else nullcontext():
                    found = await self._patiently(lambda: self._other(look_at(address, look.slot), name))
            except ChainUnavailable as error:
                trouble = str(error)
        if found is None:
            if is_less and not in_exit_lane():
                raise ChainUnavailable(f"{name} shows less in {address}, and nobody else can say: {trouble}")
            return replace(look, is_witnessed=False)
        return await self._settled(address, name, look, *found)

    async def _settled(
        self, address: str, name: str, look: WalletBalances, other_name: str, other: WalletBalances
    ) -> WalletBalances:
        """Two looks, the second not older than the first: what they agree on, or what a third one says."""
        if same(look, other):
            return other
        if self._known.is_as_known(address, other):
            # What became known while the second look was under way may clear the first: an honest one from before it.
            if in_exit_lane() or look.slot < self._known.least_slot(address):
                return other
        elif other.slot > look.slot and not is_nothing(look) and not is_nothing(other):
            # The wallet may have changed between the two; the first is asked again for what is there now.
            everybody_else = {*self._endpoints.names} - {name}
            _, look = await self._patiently(lambda: self._other(look_at(address, other.slot), *everybody_else))
            if same(look, other) or (look.slot > other.slot and self._known.is_as_known(address, look)):
                return look
        return await self._decided(address, {name: look, other_name: other})

    async def _decided(self, address: str, looks: dict[str, WalletBalances]) -> WalletBalances:
        """What a third endpoint says, when it agrees with one of two."""
        newest = max(look.slot for look in looks.values())
        try:
            _, third = await self._patiently(lambda: self._other(look_at(address, newest), *looks))
        except ChainUnavailable as error:
            third, trouble = None, str(error)
        else:
            trouble = "a third one says something else again"
        agreeing = [name for name, look in looks.items() if third is not None and same(look, third)]
        if third is not None and agreeing:
            for name in looks.keys() - set(agreeing):
                self._endpoints.distrust(name, contradicted(address, looks[name], third))
            return third
        return self._without_a_third(address, looks, trouble)

    def _without_a_third(self, address: str, looks: dict[str, WalletBalances], trouble: str) -> WalletBalances:
        """Of two looks the one that what is known bears out, or the one that shows anything at all.

        Endpoints lose accounts more easily than they invent them. An exit whose looks both say something else sells no
        more than is known, and of a wallet that is not known what both show.
        """
        one, other = looks.values()
        for look in (one, other):
            if self._known.is_as_known(address, look):
                return replace(look, is_witnessed=self._known.is_witnessed(address))
        if is_nothing(one) != is_nothing(other):
            return replace(other if is_nothing(one) else one, is_witnessed=False)
        if not in_exit_lane():
            raise ChainUnavailable(f"{' and '.join(looks)} contradict each other about {address}: {trouble}")
        if self._known.is_known(address):
            fuller = max(one, other, key=lambda look: (sum(look.token_raw.values()), look.lamports))
            return replace(fuller, is_witnessed=False)
        return least_of(one, other)
