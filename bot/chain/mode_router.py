"""The router of modes: an order of a wallet goes to the chain of that wallet's mode, and so does every question about it.

Nowhere else is a mode asked for. A wallet has one mode for its whole life, an attempt's bytes and name tell theirs, so that
after a restart as well nothing of a dry run can reach the cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from bot.chain.dry_run import DryRunChain, is_dry_run, is_dry_run_name
from bot.chain.read_through import ReadThrough
from bot.chain.transactions import payer_of
from bot.errors import ChainUnavailable, SendRejected, StoreUnavailable
from bot.ports import Blockhash, Chain, ClosingOrder, Routing, SeenLamports, Store, SwapOrder, WalletBalances
from bot.trading.closing import EmptyAccount
from bot.trading.fill import LandedTransaction
from bot.trading.intent import Mode
from bot.trading.recovery import Absence, Sighting, SignatureStatus


@dataclass(repr=False)
class ModeRouter(ReadThrough):
    """`real` for wallets of mode live, `dry_run` for those of mode dry_run."""

    dry_run: DryRunChain
    store: Store
    _modes: dict[str, Mode] = field(default_factory=dict)  # by address; a wallet never changes its mode

    def __repr__(self) -> str:
        return f"<ModeRouter {self.real!r}>"

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
        return self.dry_run if await self._mode_of(address) is Mode.DRY_RUN else self.real

    # Wallets

    async def balances(self, address: str) -> WalletBalances:
        return await (await self._chain_of(address)).balances(address)

    async def lamports(self, addresses: Sequence[str]) -> dict[str, SeenLamports]:
        dry = [address for address in addresses if await self._mode_of(address) is Mode.DRY_RUN]
        found = await self.dry_run.lamports(dry) if dry else {}
        real = [address for address in addresses if self._modes.get(address) is not Mode.DRY_RUN]
        return found | (await self.real.lamports(real) if real else {})

    async def holding(self, address: str, mint: str) -> WalletBalances:
        return await (await self._chain_of(address)).holding(address, mint)

    async def closable(self, address: str, mints: Sequence[str]) -> tuple[EmptyAccount, ...]:
        return await (await self._chain_of(address)).closable(address, mints)

    # Orders

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
        """Raises SendRejected for a wallet whose mode nobody has looked up: it might be one of a dry run."""
        mode = self._modes.get(order.wallet_address)
        if mode is None:
            raise SendRejected("invalid", f"{order.wallet_address} is no known wallet; nothing is made for it")
        return (self.dry_run if mode is Mode.DRY_RUN else self.real).build(order, blockhash)

    def assemble(self, message: bytes, signature: bytes) -> tuple[bytes, str]:
        """Bytes for the cluster are made for wallets of mode live alone; raises SendRejected as both chains do."""
        is_live = self._modes.get(payer_of(message)) is Mode.LIVE
        return (self.real if is_live else self.dry_run).assemble(message, signature)

    async def send(self, raw: bytes, routing: Routing | None = None) -> None:
        await (self.dry_run if is_dry_run(raw) else self.real).send(raw, routing)

    # What became of them

    def _chain_for(self, signature: str) -> Chain:
        return self.dry_run if is_dry_run_name(signature) else self.real

    async def statuses(self, signatures: Sequence[str]) -> list[SignatureStatus | None]:
        real, virtual = _apart(signatures)
        found: dict[str, SignatureStatus | None] = {}
        for chain, asked in ((self.real, real), (self.dry_run, virtual)):
            if asked:
                found |= zip(asked, await chain.statuses(asked), strict=True)
        await trio.lowlevel.checkpoint()
        return [found[signature] for signature in signatures]

    async def search_absences(self, signature: str, raw: bytes) -> SignatureStatus | tuple[Absence, ...]:
        return await self._chain_for(signature).search_absences(signature, raw)

    async def sightings(self, signatures: Sequence[str]) -> list[tuple[Sighting, ...]]:
        real, virtual = _apart(signatures)
        found: dict[str, tuple[Sighting, ...]] = {}
        for chain, asked in ((self.real, real), (self.dry_run, virtual)):
            if asked:
                found |= zip(asked, await chain.sightings(asked), strict=True)
        await trio.lowlevel.checkpoint()
        return [found[signature] for signature in signatures]

    async def landed(self, signature: str, address: str, mint: str, raw: bytes = b"") -> LandedTransaction | None:
        return await self._chain_for(signature).landed(signature, address, mint, raw)


def _apart(signatures: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those of transactions, and the names of a dry run's attempts."""
    real = [signature for signature in signatures if not is_dry_run_name(signature)]
    return real, [signature for signature in signatures if is_dry_run_name(signature)]
