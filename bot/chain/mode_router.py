"""The router of modes: an order of a wallet goes to the chain of that wallet's mode, and so does every question about it.

Nowhere else is a mode asked for. A wallet has one mode for its whole life, an attempt's bytes and name tell theirs, so that
after a restart as well nothing of paper or of a dry run can reach the cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import trio

from bot.chain.dry_run import DryRunChain, is_dry_run, is_dry_run_name
from bot.chain.paper import PaperChain
from bot.chain.paper_order import is_paper, is_paper_name
from bot.chain.read_through import ReadThrough
from bot.chain.transactions import payer_of
from bot.errors import ChainUnavailable, SendRejected, StoreUnavailable
from bot.ports import (
    Blockhash,
    Chain,
    ClosingOrder,
    Routing,
    SeenLamports,
    Store,
    SwapOrder,
    TransferOrder,
    WalletBalances,
)
from bot.trading.closing import EmptyAccount
from bot.trading.fill import LandedTransaction
from bot.trading.intent import Mode
from bot.trading.recovery import Absence, Sighting, SignatureStatus
from bot.trading.withdrawal import TokenParcel


@dataclass(repr=False)
class ModeRouter(ReadThrough):
    """`real` for wallets of mode live, `dry_run` and `paper` for those of the modes of these names."""

    dry_run: DryRunChain
    paper: PaperChain
    store: Store
    _modes: dict[str, Mode] = field(default_factory=dict)  # by address; a wallet never changes its mode

    def __repr__(self) -> str:
        return f"<ModeRouter {self.real!r}>"

    @property
    def _chains(self) -> dict[Mode, Chain]:
        return {Mode.LIVE: self.real, Mode.DRY_RUN: self.dry_run, Mode.PAPER: self.paper}

    async def _mode_of(self, address: str) -> Mode | None:
        """None for an address that is no wallet of ours. Raises ChainUnavailable where nobody can say."""
        if address not in self._modes:
            try:
                wallets = await self.store.wallets()
            except StoreUnavailable as error:
                raise ChainUnavailable(f"whose wallet {address} is cannot be read: {error}") from error
            self._modes |= {wallet.address: wallet.mode for wallet in wallets}
        return self._modes.get(address)

    async def _chain_of(self, address: str) -> Chain:
        """That of a wallet's mode; of any other address what the cluster shows."""
        return self._chains[await self._mode_of(address) or Mode.LIVE]

    # Wallets

    async def balances(self, address: str) -> WalletBalances:
        return await (await self._chain_of(address)).balances(address)

    async def lamports(self, addresses: Sequence[str]) -> dict[str, SeenLamports]:
        found: dict[str, SeenLamports] = {}
        modes = {address: await self._mode_of(address) or Mode.LIVE for address in addresses}
        for mode, chain in self._chains.items():
            if asked := [address for address in addresses if modes[address] is mode]:
                found |= await chain.lamports(asked)
        return found

    async def holding(self, address: str, mint: str) -> WalletBalances:
        return await (await self._chain_of(address)).holding(address, mint)

    async def closable(self, address: str, mints: Sequence[str]) -> tuple[EmptyAccount, ...]:
        return await (await self._chain_of(address)).closable(address, mints)

    async def sendable(self, address: str, mint: str, to_address: str) -> TokenParcel | None:
        return await (await self._chain_of(address)).sendable(address, mint, to_address)

    # Orders

    def build_transfer(self, order: TransferOrder, blockhash: Blockhash) -> bytes:
        """Raises SendRejected as `build_closing`."""
        if self._modes.get(order.wallet_address) is not Mode.LIVE:
            raise SendRejected("invalid", f"{order.wallet_address} is no wallet of mode live; nothing is made for it")
        return self.real.build_transfer(order, blockhash)

    def build_closing(self, order: ClosingOrder, blockhash: Blockhash) -> bytes:
        """Raises SendRejected for a wallet that is not known to be of mode live: only such have accounts on the chain."""
        if self._modes.get(order.wallet_address) is not Mode.LIVE:
            raise SendRejected("invalid", f"{order.wallet_address} is no wallet of mode live; nothing is made for it")
        return self.real.build_closing(order, blockhash)

    def tip_account(self, mint: str) -> str | None:
        return self.real.tip_account(mint)

    def landing_tip(self) -> int | None:
        return self.real.landing_tip()

    async def compute_units(self, order: SwapOrder) -> int:
        return await (await self._chain_of(order.wallet_address)).compute_units(order)

    async def round_trip(self, order: SwapOrder, receive_lamports: int) -> str | None:
        return await (await self._chain_of(order.wallet_address)).round_trip(order, receive_lamports)

    def build(self, order: SwapOrder, blockhash: Blockhash) -> bytes:
        """Raises SendRejected for a wallet whose mode nobody has looked up: nothing may be sent for it."""
        mode = self._modes.get(order.wallet_address)
        if mode is None:
            raise SendRejected("invalid", f"{order.wallet_address} is no known wallet; nothing is made for it")
        return self._chains[mode].build(order, blockhash)

    def assemble(self, message: bytes, signature: bytes) -> tuple[bytes, str]:
        """Bytes for the cluster are made for wallets of mode live alone; raises SendRejected as each chain does."""
        if is_paper(message):
            return self.paper.assemble(message, signature)
        is_live = self._modes.get(payer_of(message)) is Mode.LIVE
        return (self.real if is_live else self.dry_run).assemble(message, signature)

    async def send(self, raw: bytes, routing: Routing | None = None) -> None:
        virtual = self.paper if is_paper(raw) else self.dry_run if is_dry_run(raw) else None
        await (virtual or self.real).send(raw, routing)

    # What became of them

    def _chain_for(self, signature: str) -> Chain:
        if is_paper_name(signature):
            return self.paper
        return self.dry_run if is_dry_run_name(signature) else self.real

    def _apart(self, signatures: Sequence[str]) -> Iterable[tuple[Chain, list[str]]]:
        """The chains that are asked, each with its own."""
        chain_of = {signature: self._chain_for(signature) for signature in signatures}
        for chain in self._chains.values():
            if asked := [signature for signature in signatures if chain_of[signature] is chain]:
                yield chain, asked

    async def statuses(self, signatures: Sequence[str]) -> list[SignatureStatus | None]:
        found: dict[str, SignatureStatus | None] = {}
        for chain, asked in self._apart(signatures):
            found |= zip(asked, await chain.statuses(asked), strict=True)
        await trio.lowlevel.checkpoint()
        return [found[signature] for signature in signatures]

    async def search_absences(self, signature: str, raw: bytes) -> SignatureStatus | tuple[Absence, ...]:
        return await self._chain_for(signature).search_absences(signature, raw)

    async def sightings(self, signatures: Sequence[str]) -> list[tuple[Sighting, ...]]:
        found: dict[str, tuple[Sighting, ...]] = {}
        for chain, asked in self._apart(signatures):
            found |= zip(asked, await chain.sightings(asked), strict=True)
        await trio.lowlevel.checkpoint()
        return [found[signature] for signature in signatures]

    async def landed(self, signature: str, address: str, mint: str, raw: bytes = b"") -> LandedTransaction | None:
        return await self._chain_for(signature).landed(signature, address, mint, raw)
