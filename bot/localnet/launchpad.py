"""The launchpad on the local chain: genesis accounts, the bonding curve's arithmetic, and instructions for traders.

Layouts, discriminators, account order and rounding follow the official interface description and SDK 2.0.0; the program
itself is `programs/pump.c`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from solders.account import Account
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from bot.localnet import addresses as at

RENT_PER_BYTE_LAMPORTS = 6_960
RENT_OVERHEAD_BYTES = 128
RECIPIENT_BALANCE_LAMPORTS = 1_000_000_000
BPS = 10_000
LAMPORTS_PER_SOL = 1_000_000_000

TOKEN_SUPPLY_RAW = 1_000_000_000_000_000
VIRTUAL_TOKEN_RAW = 1_073_000_000_000_000
VIRTUAL_QUOTE_LAMPORTS = 30_000_000_000
REAL_TOKEN_RAW = 793_100_000_000_000
MIGRATION_FEE_LAMPORTS = 15_000_001
PROTOCOL_FEE_BPS = 95
CREATOR_FEE_BPS = 30
BUYBACK_SHARE_BPS = 5_000

GLOBAL_DISCRIMINATOR = bytes.fromhex("a7e8e8b1c86c727f")
GLOBAL_LENGTH = 1087
FEE_CONFIG_DISCRIMINATOR = bytes.fromhex("8f3492bbdb7b4c9b")
FEE_CONFIG_LENGTH = 4097
CURVE_DISCRIMINATOR = bytes.fromhex("17b7f83760d8ac60")

CREATE = bytes.fromhex("181ec828051c0777")
CREATE_V2 = bytes.fromhex("d6904cec5f8b31b4")
BUY_V2 = bytes.fromhex("b817ee6167c5d33d")
BUY_EXACT_QUOTE_IN_V2 = bytes.fromhex("c2ab1c46684d5b2f")
SELL_V2 = bytes.fromhex("5df6823ce7e940b2")
CREATE_ATA_IDEMPOTENT = b"\x01"


def rent_exempt_lamports(length: int) -> int:
    """The balance that keeps an account of `length` bytes alive."""
    return (RENT_OVERHEAD_BYTES + length) * RENT_PER_BYTE_LAMPORTS


def _global_account() -> bytes:
    data = bytearray(GLOBAL_LENGTH)
    data[:8] = GLOBAL_DISCRIMINATOR
    data[8] = 1
    data[41:73] = bytes(at.FEE_RECIPIENTS[0])
    struct.pack_into("<4Q", data, 73, VIRTUAL_TOKEN_RAW, VIRTUAL_QUOTE_LAMPORTS, REAL_TOKEN_RAW, TOKEN_SUPPLY_RAW)
    struct.pack_into("<Q", data, 105, PROTOCOL_FEE_BPS)
    data[145] = 1
    struct.pack_into("<2Q", data, 146, MIGRATION_FEE_LAMPORTS, CREATOR_FEE_BPS)
    for index, recipient in enumerate(at.FEE_RECIPIENTS[1:]):
        data[162 + 32 * index : 194 + 32 * index] = bytes(recipient)
    data[450] = 1
    for index, recipient in enumerate(at.BUYBACK_RECIPIENTS):
        data[741 + 32 * index : 773 + 32 * index] = bytes(recipient)
    struct.pack_into("<Q", data, 997, BUYBACK_SHARE_BPS)
    return bytes(data)


def _fee_config_account() -> bytes:
    """One tier for every market cap, as the mainnet account has for coins on the curve: threshold, then LP, protocol, creator."""
    flat = struct.pack("<3Q", 0, PROTOCOL_FEE_BPS, CREATOR_FEE_BPS)
    tiers = struct.pack("<I", 1) + bytes(16) + flat
    data = FEE_CONFIG_DISCRIMINATOR + b"\xff" + bytes(32) + flat + tiers
    return data.ljust(FEE_CONFIG_LENGTH, b"\x00")


def genesis_accounts() -> Iterator[tuple[Pubkey, Account]]:
    """The accounts that the launchpad's program needs before its first instruction."""
    for key, data, program in (
        (at.GLOBAL_ACCOUNT, _global_account(), at.LAUNCHPAD_PROGRAM),
        (at.FEE_CONFIG_ACCOUNT, _fee_config_account(), at.LAUNCHPAD_FEES_PROGRAM),
    ):
        yield key, Account(rent_exempt_lamports(len(data)), data, program)
    for recipient in (*at.FEE_RECIPIENTS, *at.BUYBACK_RECIPIENTS):
        yield recipient, Account(RECIPIENT_BALANCE_LAMPORTS, b"", at.SYSTEM_PROGRAM)


def ceil_bps(amount: int, bps: int) -> int:
    """`bps` of an amount, rounded up, as the program takes each fee."""
    return -(-amount * bps // BPS)


@dataclass(frozen=True, slots=True)
class Curve:
    """Reserves of a bonding curve: virtual and real, tokens in raw units, quote in lamports."""

    virtual_token_raw: int = VIRTUAL_TOKEN_RAW
    virtual_quote_lamports: int = VIRTUAL_QUOTE_LAMPORTS
    real_token_raw: int = REAL_TOKEN_RAW
    real_quote_lamports: int = 0
    complete: bool = False

    def tokens_for(self, spend_lamports: int) -> int:
        """The tokens that `spend_lamports`, fees included, buys; 0 when it buys none."""
        if self.complete or spend_lamports < 2:
            return 0
        net = (spend_lamports - 1) * BPS // (BPS + PROTOCOL_FEE_BPS + CREATOR_FEE_BPS)
        return min(net * self.virtual_token_raw // (self.virtual_quote_lamports + net), self.real_token_raw)

    def quote_to_buy(self, token_raw: int) -> int:
        """Lamports that go into the curve for `token_raw` tokens, before fees."""
        return token_raw * self.virtual_quote_lamports // (self.virtual_token_raw - token_raw) + 1

    def quote_to_sell(self, token_raw: int) -> int:
        """Lamports that leave the curve for `token_raw` tokens, before fees."""
        return token_raw * self.virtual_quote_lamports // (self.virtual_token_raw + token_raw)

    def after_buy(self, token_raw: int) -> Curve:
        """The reserves after `token_raw` were bought."""
        quote = self.quote_to_buy(token_raw)
        return Curve(
            self.virtual_token_raw - token_raw,
            self.virtual_quote_lamports + quote,
            self.real_token_raw - token_raw,
            self.real_quote_lamports + quote,
            self.real_token_raw == token_raw,
        )

    def after_sell(self, token_raw: int) -> Curve:
        """The reserves after `token_raw` were sold."""
        quote = self.quote_to_sell(token_raw)
        return Curve(
            self.virtual_token_raw + token_raw,
            self.virtual_quote_lamports - quote,
            self.real_token_raw + token_raw,
            self.real_quote_lamports - quote,
            self.complete,
        )


def with_fees(quote_lamports: int) -> int:
    """What a buyer pays in all when `quote_lamports` go into the curve."""
    return quote_lamports + ceil_bps(quote_lamports, PROTOCOL_FEE_BPS) + ceil_bps(quote_lamports, CREATOR_FEE_BPS)


def without_fees(quote_lamports: int) -> int:
    """What a seller receives when `quote_lamports` leave the curve."""
    return quote_lamports - ceil_bps(quote_lamports, PROTOCOL_FEE_BPS) - ceil_bps(quote_lamports, CREATOR_FEE_BPS)


def decode_curve(account: Account | None) -> Curve | None:
    """The reserves in a curve account; None when the account does not exist or is no curve."""
    if account is None or account.owner != at.LAUNCHPAD_PROGRAM or account.data[:8] != CURVE_DISCRIMINATOR:
        return None
    virtual_token, virtual_quote, real_token, real_quote = struct.unpack_from("<4Q", account.data, 8)
    return Curve(virtual_token, virtual_quote, real_token, real_quote, account.data[48] == 1)


def decode_curve_creator(account: Account) -> Pubkey:
    """Who earns the fees of the coin whose curve account this is."""
    return Pubkey.from_bytes(account.data[49:81])


def _writable(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, is_signer=False, is_writable=True)


def _readonly(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, is_signer=False, is_writable=False)


def _signer(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, is_signer=True, is_writable=True)


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<I", len(encoded)) + encoded


def create_v2(mint: Pubkey, creator: Pubkey, *, name: str, symbol: str, uri: str) -> Instruction:
    """Launch a coin; `creator` pays and earns the creator fees. Signers: the mint and the creator."""
    curve = at.bonding_curve(mint)
    data = CREATE_V2 + _text(name) + _text(symbol) + _text(uri) + bytes(creator) + b"\x00\x00"
    accounts = [
        _signer(mint),
        _readonly(at.MINT_AUTHORITY),
        _writable(curve),
        _writable(at.associated_token(curve, mint)),
        _readonly(at.GLOBAL_ACCOUNT),
        _signer(creator),
        _readonly(at.SYSTEM_PROGRAM),
        _readonly(at.TOKEN_2022_PROGRAM),
        _readonly(at.ASSOCIATED_TOKEN_PROGRAM),
        _writable(at.MAYHEM_PROGRAM),
        _readonly(at.MAYHEM_GLOBAL_PARAMS),
        _writable(at.MAYHEM_SOL_VAULT),
        _writable(at.derive(at.MAYHEM_PROGRAM, b"mayhem-state", bytes(mint))),
        _writable(at.associated_token(at.MAYHEM_SOL_VAULT, mint)),
        _readonly(at.EVENT_AUTHORITY),
        _readonly(at.LAUNCHPAD_PROGRAM),
    ]
    return Instruction(at.LAUNCHPAD_PROGRAM, data, accounts)


def create(mint: Pubkey, creator: Pubkey, *, name: str, symbol: str, uri: str) -> Instruction:
    """Launch a coin the older way: its mint is one of SPL Token. Signers: the mint and the creator."""
    curve = at.bonding_curve(mint)
    data = CREATE + _text(name) + _text(symbol) + _text(uri) + bytes(creator)
    accounts = [
        _signer(mint),
        _readonly(at.MINT_AUTHORITY),
        _writable(curve),
        _writable(at.associated_token(curve, mint, at.TOKEN_PROGRAM)),
        _readonly(at.GLOBAL_ACCOUNT),
        _readonly(at.METADATA_PROGRAM),
        _writable(at.derive(at.METADATA_PROGRAM, b"metadata", bytes(at.METADATA_PROGRAM), bytes(mint))),
        _signer(creator),
        _readonly(at.SYSTEM_PROGRAM),
        _readonly(at.TOKEN_PROGRAM),
        _readonly(at.ASSOCIATED_TOKEN_PROGRAM),
        _readonly(at.RENT_SYSVAR),
        _readonly(at.EVENT_AUTHORITY),
        _readonly(at.LAUNCHPAD_PROGRAM),
    ]
    return Instruction(at.LAUNCHPAD_PROGRAM, data, accounts)


def _trade(data: bytes, mint: Pubkey, user: Pubkey, creator: Pubkey, *, buys: bool) -> Instruction:
    def quote_account(owner: Pubkey) -> AccountMeta:
        return _writable(at.associated_token(owner, at.WRAPPED_SOL_MINT, at.TOKEN_PROGRAM))

    curve = at.bonding_curve(mint)
    vault = at.creator_vault(creator)
    accumulator = at.user_volume_accumulator(user)
    fee_recipient, buyback_recipient = at.FEE_RECIPIENTS[0], at.BUYBACK_RECIPIENTS[0]
    accounts = [
        _readonly(at.GLOBAL_ACCOUNT),
        _readonly(mint),
        _readonly(at.WRAPPED_SOL_MINT),
        _readonly(at.TOKEN_2022_PROGRAM),
        _readonly(at.TOKEN_PROGRAM),
        _readonly(at.ASSOCIATED_TOKEN_PROGRAM),
        _writable(fee_recipient),
        quote_account(fee_recipient),
        _writable(buyback_recipient),
        quote_account(buyback_recipient),
        _writable(curve),
        _writable(at.associated_token(curve, mint)),
        quote_account(curve),
        _signer(user),
        _writable(at.associated_token(user, mint)),
        quote_account(user),
        _writable(vault),
        quote_account(vault),
        _readonly(at.sharing_config(mint)),
        *([_readonly(at.GLOBAL_VOLUME_ACCUMULATOR)] if buys else []),
        _writable(accumulator),
        quote_account(accumulator),
        _readonly(at.FEE_CONFIG_ACCOUNT),
        _readonly(at.LAUNCHPAD_FEES_PROGRAM),
        _readonly(at.SYSTEM_PROGRAM),
        _readonly(at.EVENT_AUTHORITY),
        _readonly(at.LAUNCHPAD_PROGRAM),
    ]
    return Instruction(at.LAUNCHPAD_PROGRAM, data, accounts)


def buy_v2(mint: Pubkey, user: Pubkey, creator: Pubkey, *, token_raw: int, max_pay_lamports: int) -> Instruction:
    """Buy exactly `token_raw` for at most `max_pay_lamports`, fees included (else error 6002)."""
    data = BUY_V2 + struct.pack("<QQ", token_raw, max_pay_lamports)
    return _trade(data, mint, user, creator, buys=True)


def buy_exact_quote_in_v2(
    mint: Pubkey, user: Pubkey, creator: Pubkey, *, spend_lamports: int, min_token_raw: int
) -> Instruction:
    """Spend `spend_lamports`, fees included, for at least `min_token_raw` (else error 6042)."""
    data = BUY_EXACT_QUOTE_IN_V2 + struct.pack("<QQ", spend_lamports, min_token_raw)
    return _trade(data, mint, user, creator, buys=True)


def sell_v2(mint: Pubkey, user: Pubkey, creator: Pubkey, *, token_raw: int, min_receive_lamports: int) -> Instruction:
    """Sell `token_raw` for at least `min_receive_lamports` after fees (else error 6003)."""
    data = SELL_V2 + struct.pack("<QQ", token_raw, min_receive_lamports)
    return _trade(data, mint, user, creator, buys=False)


def create_associated_token(
    payer: Pubkey, owner: Pubkey, mint: Pubkey, token_program: Pubkey = at.TOKEN_2022_PROGRAM
) -> Instruction:
    """Create the owner's associated token account, doing nothing when it exists."""
    accounts = [
        _signer(payer),
        _writable(at.associated_token(owner, mint, token_program)),
        _readonly(owner),
        _readonly(mint),
        _readonly(at.SYSTEM_PROGRAM),
        _readonly(token_program),
    ]
    return Instruction(at.ASSOCIATED_TOKEN_PROGRAM, CREATE_ATA_IDEMPOTENT, accounts)
