"""Scripted traders on the in-process chain: launches, buys and sales as real signed transactions."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

import trio
from solders.account import Account
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from bot.chain.layouts import BONDING_CURVE
from bot.localnet import elsewhere, liquidity
from bot.localnet.addresses import (
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    WRAPPED_SOL_MINT,
    associated_token,
    bonding_curve,
    pool,
    wrapped_sol,
)
from bot.localnet.inprocess import InProcessChain
from bot.localnet.launchpad import buy_exact_quote_in_v2, create_associated_token, create_v2, sell_v2
from bot.localnet.tokens import token_account
from bot.trading.curve import INITIAL_VIRTUAL_QUOTE_LAMPORTS, INITIAL_VIRTUAL_TOKEN_RAW
from bot.trading.units import BPS, LAMPORTS_PER_SOL, TOKEN_DECIMALS

TRANSFER_CHECKED = bytes([12])


def _keypair(number: int) -> Keypair:
    return Keypair.from_seed(number.to_bytes(32, "little"))


def _bought_raw(before_lamports: int, lamports: int) -> int:
    """What this buys, fees and all, of a curve into which so much has gone before: less than it really does."""
    quote = INITIAL_VIRTUAL_QUOTE_LAMPORTS + before_lamports
    return (
        INITIAL_VIRTUAL_TOKEN_RAW * INITIAL_VIRTUAL_QUOTE_LAMPORTS * lamports * 98 // (quote * (quote + lamports) * 100)
    )


@dataclass(slots=True)
class Crowd:
    """Creates tokens and trades them; every trader is funded when he is first used."""

    chain: InProcessChain
    _funded: set[int] = field(default_factory=set)
    _mints: int = 0

    def launch(self, *, creator: int = 1, name: str | None = None, uri: str = "https://example.invalid") -> str:
        """A new token, under a name of its own or one that is given; its mint."""
        self._mints += 1
        mint = _keypair(1_000_000 + self._mints)
        owner = self._trader(creator)
        instruction = create_v2(
            mint.pubkey(),
            owner.pubkey(),
            name=f"Token {self._mints}" if name is None else name,
            symbol=f"T{self._mints}",
            uri=uri,
        )
        self._send([instruction], [owner, mint])
        return str(mint.pubkey())

    def buy(self, mint: str, trader: int, lamports: int, *, creator: int = 1) -> str:
        """A buy of exactly `lamports`, whatever it brings; its signature."""
        owner, key = self._trader(trader), Pubkey.from_string(mint)
        buy = buy_exact_quote_in_v2(
            key, owner.pubkey(), _keypair(creator).pubkey(), spend_lamports=lamports, min_token_raw=1
        )
        account = create_associated_token(owner.pubkey(), owner.pubkey(), key, TOKEN_2022_PROGRAM)
        return self._send([account, buy], [owner])

    def sell_all(self, mint: str, trader: int, *, creator: int = 1) -> str:
        """A sale of everything that the trader holds, at any price; its signature."""
        owner = self._trader(trader)
        answer = self.chain.call(
            "getTokenAccountsByOwner",
            str(owner.pubkey()),
            {"mint": mint},
            {"encoding": "base64", "commitment": "processed"},
        )
        token_raw = sum(
            int.from_bytes(base64.b64decode(entry["account"]["data"][0])[64:72], "little") for entry in answer["value"]
        )
        return self.sell(mint, trader, token_raw, creator=creator)

    def sell(self, mint: str, trader: int, token_raw: int, *, creator: int = 1) -> str:
        """A sale of so many raw units, at any price; its signature."""
        owner, key = self._trader(trader), Pubkey.from_string(mint)
        sale = sell_v2(key, owner.pubkey(), _keypair(creator).pubkey(), token_raw=token_raw, min_receive_lamports=0)
        return self._send([sale], [owner])

    async def rush(self, mint: str, traders: Sequence[int], lamports: int, *, gap_s: float = 0.2) -> None:
        """So many buy one after the other, and when half of them have, the first of them sell: a strong buy by the rules.

        Rules take nobody's word for a crowd that nothing has tried yet.
        """
        for place, trader in enumerate(traders):
            self.buy(mint, trader, lamports)
            if place == len(traders) // 2:
                token_raw = _bought_raw(place * lamports, lamports)  # the first had more for it
                for early in traders[: max(len(traders) // 6, 1) + 1]:
                    self.sell(mint, early, token_raw)
            await trio.sleep(gap_s)

    def pay(self, payer: int, trader: int, lamports: int) -> None:
        """Send SOL to a trader who has had none so far, and who has only that from now on."""
        source, target = self._trader(payer), _keypair(trader)
        self._funded.add(trader)
        params = TransferParams(from_pubkey=source.pubkey(), to_pubkey=target.pubkey(), lamports=lamports)
        self._send([transfer(params)], [source])

    def address(self, trader: int) -> str:
        """A trader's wallet, which has nothing yet unless he was used."""
        return str(_keypair(trader).pubkey())

    def give(self, mint: str, trader: int, address: str, token_raw: int) -> None:
        """Send some of a trader's tokens to a wallet that has an account of them, which nobody there has asked for."""
        owner, key, target = self._trader(trader), Pubkey.from_string(mint), Pubkey.from_string(address)
        accounts = [
            AccountMeta(associated_token(owner.pubkey(), key), is_signer=False, is_writable=True),
            AccountMeta(key, is_signer=False, is_writable=False),
            AccountMeta(associated_token(target, key), is_signer=False, is_writable=True),
            AccountMeta(owner.pubkey(), is_signer=True, is_writable=False),
        ]
        data = TRANSFER_CHECKED + token_raw.to_bytes(8, "little") + bytes([TOKEN_DECIMALS])
        touches_target = AccountMeta(target, is_signer=False, is_writable=False)
        self._send([Instruction(TOKEN_2022_PROGRAM, data, [*accounts, touches_target])], [owner])

    def open_account(self, mint: str, trader: int, address: str) -> None:
        """Open an account of a mint for somebody's wallet, who has not asked for it, and pay its rent."""
        payer, key = self._trader(trader), Pubkey.from_string(mint)
        opened = create_associated_token(payer.pubkey(), Pubkey.from_string(address), key, TOKEN_2022_PROGRAM)
        self._send([opened], [payer])

    def let_freeze(self, mint: str, holder: int = 66) -> None:
        """Give somebody the power to freeze a token's holders, by decree: no launch of the launchpad has it."""
        key = Pubkey.from_string(mint)
        accounts = self.chain.cluster.chain.accounts
        account = accounts.get(key)
        assert account is not None
        data = bytearray(account.data)
        data[46:82] = (1).to_bytes(4, "little") + bytes(_keypair(holder).pubkey())
        accounts.put(key, Account(account.lamports, bytes(data), account.owner, account.executable, account.rent_epoch))

    def complete(self, mint: str, *, done: bool = True) -> None:
        """Let a curve be complete, by decree: nothing trades on it any more, and no pool has the token yet either."""
        key = bonding_curve(Pubkey.from_string(mint))
        accounts = self.chain.cluster.chain.accounts
        account = accounts.get(key)
        assert account is not None
        data = bytearray(account.data)
        data[48] = done
        accounts.put(key, Account(account.lamports, bytes(data), account.owner, account.executable, account.rent_epoch))

    def blur(self, mint: str, *, blurred: bool) -> None:
        """Let nobody be able to read a curve, by decree, or let it be as it was."""
        key = bonding_curve(Pubkey.from_string(mint))
        accounts = self.chain.cluster.chain.accounts
        account = accounts.get(key)
        assert account is not None
        data = bytearray(account.data)
        data[0] ^= 0xFF
        assert (bytes(data[:8]) != BONDING_CURVE) == blurred
        accounts.put(key, Account(account.lamports, bytes(data), account.owner, account.executable, account.rent_epoch))

    def finish(self, mint: str, trader: int, *, creator: int = 1) -> None:
        """Buy what is left of a curve: the coin completes, and migrates to its pool some slots later."""
        self.buy(mint, trader, 200 * LAMPORTS_PER_SOL, creator=creator)

    def sell_all_in_pool(self, mint: str, trader: int, *, creator: int = 1) -> None:
        """A sale of everything that the trader holds in the coin's pool, at any price; nothing where he holds none."""
        owner, key = self._trader(trader).pubkey(), Pubkey.from_string(mint)
        held = token_account(self.chain.cluster.chain.accounts.get(associated_token(owner, key)))
        if held is None:
            return
        sale = liquidity.sell(key, owner, _keypair(creator).pubkey(), token_raw=held.amount_raw, min_receive_lamports=0)
        wrapped = create_associated_token(owner, owner, WRAPPED_SOL_MINT, TOKEN_PROGRAM)
        self._send([wrapped, sale, liquidity.unwrap_sol(owner)], [self._trader(trader)])

    def drain_pool(self, mint: str, left_bps: int) -> None:
        """Leave so much of both sides of a coin's pool, by decree: whoever opened one elsewhere can take his share out."""
        owner = pool(Pubkey.from_string(mint))
        accounts = self.chain.cluster.chain.accounts
        for key in (associated_token(owner, Pubkey.from_string(mint)), wrapped_sol(owner)):
            account = accounts.get(key)
            assert account is not None
            data = bytearray(account.data)
            data[64:72] = (int.from_bytes(data[64:72], "little") * left_bps // BPS).to_bytes(8, "little")
            kept = (account.lamports, bytes(data), account.owner, account.executable, account.rent_epoch)
            accounts.put(key, Account(*kept))

    def buy_elsewhere(self, trader: int, lamports: int) -> None:
        """A buy of the token that has neither a curve nor a pool of its own, in the pool that somebody opened for it."""
        owner = self._trader(trader).pubkey()
        opened = create_associated_token(owner, owner, elsewhere.MINT, TOKEN_PROGRAM)
        wrapped = create_associated_token(owner, owner, WRAPPED_SOL_MINT, TOKEN_PROGRAM)
        params = TransferParams(from_pubkey=owner, to_pubkey=wrapped_sol(owner), lamports=lamports)
        buy = liquidity.buy_at(elsewhere.PLACE, owner, elsewhere.OPENER, spend_lamports=lamports, min_token_raw=1)
        spend = [transfer(params), liquidity.sync_wrapped_sol(owner), buy, liquidity.unwrap_sol(owner)]
        self._send([opened, wrapped, *spend], [self._trader(trader)])

    def sell_all_elsewhere(self, trader: int) -> None:
        """A sale of everything that the trader holds of it, at any price."""
        owner = self._trader(trader).pubkey()
        key = associated_token(owner, elsewhere.MINT, TOKEN_PROGRAM)
        held = token_account(self.chain.cluster.chain.accounts.get(key))
        assert held is not None
        sale = liquidity.sell_at(
            elsewhere.PLACE, owner, elsewhere.OPENER, token_raw=held.amount_raw, min_receive_lamports=0
        )
        wrapped = create_associated_token(owner, owner, WRAPPED_SOL_MINT, TOKEN_PROGRAM)
        self._send([wrapped, sale, liquidity.unwrap_sol(owner)], [self._trader(trader)])

    def _trader(self, number: int) -> Keypair:
        keypair = _keypair(number)
        if number not in self._funded:
            self._funded.add(number)
            self.chain.call("requestAirdrop", str(keypair.pubkey()), 1_000 * LAMPORTS_PER_SOL)
            self.chain.step(2)
        return keypair

    def _send(self, instructions: list[Instruction], signers: list[Keypair]) -> str:
        blockhash = self.chain.call("getLatestBlockhash")["value"]["blockhash"]
        message = MessageV0.try_compile(signers[0].pubkey(), instructions, [], Hash.from_string(blockhash))
        raw = bytes(VersionedTransaction(message, signers))
        self.chain.call(
            "sendTransaction", base64.b64encode(raw).decode(), {"encoding": "base64", "skipPreflight": True}
        )
        return str(VersionedTransaction.from_bytes(raw).signatures[0])
