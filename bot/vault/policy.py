"""What the vault signs: trades of one token at known programs, closings of the wallet's own accounts, and withdrawals.

A message is judged by its bytes alone, whoever asks. What leaves a wallet is then what a buy spends, the fees, and a tip to
a block engine; the books of `guard.py` hold that against what an order and a day may take.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from solders.pubkey import Pubkey

from bot.errors import SigningRefused
from bot.ports import Signing
from bot.trading.intent import Side
from bot.trading.ledger import SIGNATURE_FEE_LAMPORTS
from bot.vault import programs as at
from bot.vault.parsed_message import Called, ParsedMessage, parse_message
from bot.vault.trades import launchpad_trade, pool_trade, routed_trade

MICRO_LAMPORTS = 1_000_000
UNITS_MAX = 1_400_000  # of one transaction, the runtime's limit
INSTRUCTIONS_MAX = 24
OPENED_MAX = 2  # the account of the token and that of wrapped SOL

# The block engine's, on mainnet (Jito's documentation, February 2026); the local chain's stand-in has the same.
TIP_ACCOUNTS = (
    "96gYZGLnJYVFmbjzopPSU6QiEV5fGqZNyN9nmNhvrZU5",
    "HFqU5x63VTqvQss8hp11i4wVV8bD44PvwucfZ2bU7gRe",
    "Cw8CFyM9FkoMi7K7Crf6HNQqf4uEMzpKw6QNghXLvLkY",
    "ADaUMid9yfUytqMBgopwjb2DTLSokTSzL1zt6iGPaS49",
    "DfXygSm4jCyNCybVYYK6DwvWqjKee8pbDmJGcLWNDXjh",
    "ADuUkR4vqLUMWXxW9gh6D6L8pMSawimctcNZ5pGwDcEt",
    "DttWaMuVvTiduZRnguLF7jNxTgiMBZ1hyAumKUiL2KRL",
    "3AVi9Tg9Uo68tJfuvoKvqKNWKkC5wPdSSdeBnizKZ6jT",
)

PROGRAMS = frozenset(
    {
        *(at.SYSTEM, at.TOKEN, at.TOKEN_2022, at.ASSOCIATED, at.BUDGET, at.WRAPPED_SOL),
        *(at.LAUNCHPAD, at.POOLS, at.FEES, at.AGGREGATOR),
    }
)

_LIMIT, _PRICE, _TRANSFER = b"\x02", b"\x03", b"\x02\x00\x00\x00"
_CREATE, _CLOSE, _SYNC = b"\x01", b"\x09", b"\x11"
_SEND_TOKENS, _SEND_TOKENS_BYTES = b"\x0c", 10


class Kind(StrEnum):
    """What a message does."""

    BUY = "buy"
    SELL = "sell"
    CLOSE = "close"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one message, the orders of one intent, and a wallet's day may take. All amounts are lamports.

    `trade_lamports` is the most that the buys of one intent spend, `fee_lamports` and `tip_lamports` the most of one message.
    `day_lamports` is what a wallet's buys may take in a day (UTC) with their fees, counted without what its sales bring back;
    `day_costs_lamports` what the fees and tips of its sales and closings may, and what the fees of its sweeps may besides. Each
    counts as if all that was signed landed.
    Tips go to `tip_accounts` alone. `routed` says whether the aggregator's swaps are signed. `address_delay_ms` is how long
    an address has to wait, from the moment at which its user has allowed it, for the first withdrawal to it;
    `export_delay_ms` how long a user waits for a key of his.
    """

    trade_lamports: int
    fee_lamports: int
    tip_lamports: int
    day_lamports: int
    day_costs_lamports: int
    tip_accounts: frozenset[str]
    routed: bool
    address_delay_ms: int
    export_delay_ms: int


@dataclass(frozen=True, slots=True)
class Outlay:
    """What leaves the wallet if the message lands: `trade_lamports` of a buy, and fees and tip in `costs_lamports`."""

    kind: Kind
    mint: str
    trade_lamports: int
    costs_lamports: int


@dataclass(slots=True)
class _Reading:
    """One message as far as it was read."""

    user: Pubkey
    mint: Pubkey | None
    bounds: Bounds
    unit_limit: int | None = None
    unit_price: int | None = None
    tip_lamports: int | None = None
    wrapped_lamports: int = 0
    opened: int = 0
    closed: int = 0
    trade: tuple[Side, int] | None = None

    @property
    def own_accounts(self) -> set[Pubkey]:
        """The wallet's accounts of the token that is traded, and of wrapped SOL."""
        accounts = {at.wrapped_sol(self.user)}
        if self.mint is not None:
            accounts |= {at.token_account(self.user, self.mint, program) for program in at.TOKEN_PROGRAMS}
        return accounts


def judge(address: str, asked: Signing, bounds: Bounds) -> Outlay:
    """What a message of the wallet at `address` takes from it; raises SigningRefused for one that is not signed."""
    parsed = parse_message(asked.message)
    user, mint = _key(address), _key(asked.mint) if asked.mint else None
    if mint == at.WRAPPED_SOL:
        raise SigningRefused("wrapped SOL is no token to trade")
    if parsed.payer != user:
        raise SigningRefused("the message is another wallet's")
    if len(parsed.instructions) > INSTRUCTIONS_MAX:
        raise SigningRefused(f"the message has {len(parsed.instructions)} instructions")
    reading = _Reading(user, mint, bounds)
    for called in parsed.instructions:
        _read(called, reading)
    _refuse_tables(parsed)
    return _outlay(reading, asked)


def judge_withdrawal(address: str, message: bytes, target: str, bounds: Bounds) -> Outlay:
    """What a message takes from a wallet that sends SOL to one address and does nothing else; raises SigningRefused."""
    parsed = parse_message(message)
    user, to = _key(address), _key(target)
    if parsed.payer != user or parsed.has_tables:
        raise SigningRefused("the message is another wallet's, or names accounts through a lookup table")
    reading = _Reading(user, None, bounds)
    sent: list[int] = []
    for called in parsed.instructions:
        if called.program == at.BUDGET:
            _read_budget(called, reading)
        elif called.program != at.SYSTEM or sent:
            raise SigningRefused("the message does something else beside one transfer")
        elif called.data[:4] != _TRANSFER or len(called.data) != 12 or called.accounts != (user, to):
            raise SigningRefused(f"the message is no transfer to {target}")
        else:
            sent.append(int.from_bytes(called.data[4:], "little"))
    if not sent:
        raise SigningRefused("the message sends nothing")
    return Outlay(Kind.WITHDRAW, "", sent[0], SIGNATURE_FEE_LAMPORTS + _priority_fee(reading))


def judge_sweep(address: str, message: bytes, target: str, bounds: Bounds) -> Outlay:
    """The same of a sweep, which sends SOL, or what the wallet has of one token; raises SigningRefused.

    A token goes from the wallet's own account of it to the one of `target`, which the message may open before; behind it the
    wallet's own may be closed, into the wallet. Both accounts are derived here, from the mint that the transfer names.
    """
    parsed = parse_message(message)
    calls = [called for called in parsed.instructions if called.program != at.BUDGET]
    sending = [called for called in calls if called.program in at.TOKEN_PROGRAMS and called.data[:1] == _SEND_TOKENS]
    if not sending:
        return judge_withdrawal(address, message, target, bounds)
    user, to, called = _key(address), _key(target), sending[0]
    if parsed.payer != user or parsed.has_tables:
        raise SigningRefused("the message is another wallet's, or names accounts through a lookup table")
    mint = called.accounts[1] if len(called.accounts) == 4 else None
    if mint is None or len(called.data) != _SEND_TOKENS_BYTES:
        raise SigningRefused("the message sends tokens in another way than from account to account")
    own, theirs = (at.token_account(owner, mint, called.program) for owner in (user, to))
    opened = Called(at.ASSOCIATED, _CREATE, (user, theirs, to, mint, at.SYSTEM, called.program))
    sent = Called(called.program, called.data, (own, mint, theirs, user))
    closed = Called(called.program, _CLOSE, (own, user, user))
    if calls not in ([sent], [opened, sent], [sent, closed], [opened, sent, closed]):
        raise SigningRefused(f"the message does something else than sending a token of the wallet to {target}")
    reading = _Reading(user, mint, bounds)
    for one in parsed.instructions:
        if one.program == at.BUDGET:
            _read_budget(one, reading)
    return Outlay(Kind.WITHDRAW, str(mint), 0, SIGNATURE_FEE_LAMPORTS + _priority_fee(reading))


def refuse_target(address: str, target: str) -> None:
    """Raise SigningRefused for what no SOL of a wallet is ever sent to: no address, its own, or a program's."""
    if _key(target) in {_key(address), at.wrapped_sol(_key(address)), *PROGRAMS}:
        raise SigningRefused(f"{target} is the wallet itself or a program; nothing is sent there")


def _key(text: str) -> Pubkey:
    try:
        return Pubkey.from_string(text)
    except ValueError:
        raise SigningRefused("the wallet or the token is no address") from None


def _read(called: Called, reading: _Reading) -> None:
    """One instruction; every program that is not named here is refused."""
    if called.program == at.BUDGET:
        _read_budget(called, reading)
    elif called.program == at.SYSTEM:
        _read_transfer(called, reading)
    elif called.program == at.ASSOCIATED:
        _read_opening(called, reading)
    elif called.program in at.TOKEN_PROGRAMS:
        _read_token_call(called, reading)
    elif called.program in {at.LAUNCHPAD, at.POOLS, at.AGGREGATOR}:
        _read_trade(called, reading)
    else:
        raise SigningRefused(f"the message calls program {called.program}")


def _read_budget(called: Called, reading: _Reading) -> None:
    """The unit limit and the unit price, each once."""
    tag, number = called.data[:1], int.from_bytes(called.data[1:], "little")
    if tag == _LIMIT and len(called.data) == 5 and reading.unit_limit is None:
        reading.unit_limit = number
    elif tag == _PRICE and len(called.data) == 9 and reading.unit_price is None:
        reading.unit_price = number
    else:
        raise SigningRefused("the message has a budget of another kind")


def _priority_fee(reading: _Reading) -> int:
    """What the budget pays at most, in lamports; raises SigningRefused for more than is signed."""
    limit = UNITS_MAX if reading.unit_limit is None else reading.unit_limit
    fee_lamports = -(-limit * (reading.unit_price or 0) // MICRO_LAMPORTS)
    if fee_lamports > reading.bounds.fee_lamports:
        most = reading.bounds.fee_lamports
        raise SigningRefused(f"a priority fee of {fee_lamports} lamports; at most {most} are signed")
    return fee_lamports


def _read_transfer(called: Called, reading: _Reading) -> None:
    """SOL into the wallet's own wrapped account, or one tip."""
    if called.data[:4] != _TRANSFER or len(called.data) != 12 or len(called.accounts) != 2:
        raise SigningRefused("the message calls the system program for something else than a transfer")
    source, target = called.accounts
    lamports = int.from_bytes(called.data[4:], "little")
    if source != reading.user or target is None:
        raise SigningRefused("the message transfers from another account")
    if target == at.wrapped_sol(reading.user):
        reading.wrapped_lamports += lamports
    elif str(target) in reading.bounds.tip_accounts and reading.tip_lamports is None:
        reading.tip_lamports = lamports
    else:
        raise SigningRefused(f"the message transfers SOL to {target}")


def _read_opening(called: Called, reading: _Reading) -> None:
    """Opening one of the two accounts of the trade, for the wallet. A mint in a lookup table cannot make it another one."""
    keys, user = called.accounts, reading.user
    if called.data != _CREATE or len(keys) != 6 or keys[0] != user or keys[2] != user:
        raise SigningRefused("the message opens an account for somebody else")
    if keys[1] not in reading.own_accounts:
        raise SigningRefused("the message opens an account of another token")
    reading.opened += 1


def _read_token_call(called: Called, reading: _Reading) -> None:
    """Counting what was wrapped, and closing an account into the wallet that owns it."""
    keys, user = called.accounts, reading.user
    if called.data == _SYNC and keys == (at.wrapped_sol(user),) and called.program == at.TOKEN:
        return
    if called.data != _CLOSE or len(keys) != 3 or keys[0] is None or keys[1:] != (user, user):
        raise SigningRefused("the message calls a token program for something else than closing into the wallet")
    reading.closed += 1


def _read_trade(called: Called, reading: _Reading) -> None:
    if reading.trade is not None:
        raise SigningRefused("the message trades twice")
    if reading.mint is None:
        raise SigningRefused("the message trades, and no token was named")
    if called.program == at.LAUNCHPAD:
        reading.trade = launchpad_trade(called, reading.user, reading.mint)
    elif called.program == at.POOLS:
        reading.trade = pool_trade(called, reading.user, reading.mint)
    elif reading.bounds.routed:
        reading.trade = routed_trade(called, reading.user, reading.mint)
    else:
        raise SigningRefused("the message trades by the aggregator, and the settings name none")


def _refuse_tables(parsed: ParsedMessage) -> None:
    """Only the aggregator's swaps name accounts through tables."""
    if parsed.has_tables and not any(called.program == at.AGGREGATOR for called in parsed.instructions):
        raise SigningRefused("the message names accounts through a lookup table")


def _outlay(reading: _Reading, asked: Signing) -> Outlay:
    """The sum, held against what one message may take."""
    bounds = reading.bounds
    tip_lamports, fee_lamports = reading.tip_lamports or 0, _priority_fee(reading)
    if tip_lamports > bounds.tip_lamports:
        raise SigningRefused(f"a tip of {tip_lamports} lamports; at most {bounds.tip_lamports} are signed")
    costs_lamports = SIGNATURE_FEE_LAMPORTS + fee_lamports + tip_lamports
    if reading.trade is None:
        if not reading.closed or reading.opened or reading.wrapped_lamports or tip_lamports:
            raise SigningRefused("the message neither trades nor only closes accounts")
        return Outlay(Kind.CLOSE, asked.mint, 0, costs_lamports)
    side, trade_lamports = reading.trade
    if max(trade_lamports, reading.wrapped_lamports) > bounds.trade_lamports:
        raise SigningRefused(
            f"a trade of {max(trade_lamports, reading.wrapped_lamports)} lamports; at most {bounds.trade_lamports} are signed"
        )
    if reading.opened > OPENED_MAX:
        raise SigningRefused(f"the message opens {reading.opened} accounts")
    return Outlay(Kind.BUY if side is Side.BUY else Kind.SELL, asked.mint, trade_lamports, costs_lamports)
