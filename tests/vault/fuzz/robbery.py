"""One run of the fuzz: so many requests to a vault, and every message that it signed carried out and judged.

What is checked is the outcome on the chain and not the message: nobody gains but those who gain by honest trades, the wallet
keeps all rights to its accounts, and what leaves it is within what a message and a day may take.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import trio
import trio.testing
from solders.pubkey import Pubkey
from solders.signature import Signature

from bot.chain import addresses as at
from bot.clock import Clock
from bot.localnet.accounts import Account
from bot.ports import SealedKey, Signing, Wallet
from bot.trading.intent import Mode
from bot.trading.units import LAMPORTS_PER_SOL as SOL
from bot.vault import protocol, totp
from bot.vault.code_book import CodeBook
from bot.vault.day_book import DAY_MS
from bot.vault.envelope import seal
from bot.vault.guard import SigningGuard
from bot.vault.local_vault import LocalVault
from bot.vault.master_key import MasterKey
from bot.vault.policy import TIP_ACCOUNTS
from bot.vault.server import VaultServer, row_of
from tests.vault.fuzz.attacks import Thief
from tests.vault.fuzz.market import Market, open_market
from tests.vault.fuzz.withdrawals import DELAY_MS, REFUGE, THIEF, USER, Safe
from tests.vault.vault_samples import BOUNDS

WITHDRAWALS = 20  # of a batch
LIFE_OF_REQUESTS = 200  # after so many the vault is killed and started again
DAY_OF_REQUESTS = 2_000  # after so many its clock shows the next day
DAY_LAMPORTS = 4 * SOL  # less than somebody takes in a day whom nobody counts
MASTER = MasterKey("fuzz", bytes(range(32)))
MESSAGE_COSTS = 5_000 + BOUNDS.fee_lamports + BOUNDS.tip_lamports
BOUNDS_HERE = replace(
    BOUNDS,
    day_lamports=DAY_LAMPORTS,
    day_costs_lamports=DAY_LAMPORTS // 4,
    address_delay_ms=DELAY_MS,
    export_delay_ms=DELAY_MS,
)
FREE = frozenset({at.TOKEN_PROGRAM, at.TOKEN_2022_PROGRAM})
DELEGATE, CLOSER = slice(72, 76), slice(129, 133)
NONE = bytes(4)


class Robbed(AssertionError):
    """A signed message moves value outside of the policy."""


@dataclass(slots=True)
class Robbery:
    """The victim's side of a run, and what was seen."""

    market: Market
    seen: Counter[str] = field(default_factory=Counter)
    gainers: frozenset[Pubkey] = frozenset()
    day_lamports: int = 0
    sweeps_lamports: int = 0
    signed: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Who gains by honest trades is who may gain."""
        found = {Pubkey.from_string(text) for text in TIP_ACCOUNTS}
        for honest in self.market.honest:
            for key, after in (self.market.outcome(honest.message) or {}).items():
                before = self.market.account(key)
                if after.lamports > (0 if before is None else before.lamports):
                    found.add(key)
        assert self.market.thief.pubkey() not in found
        self.gainers = frozenset(found)

    def next_day(self) -> None:
        self.day_lamports = self.sweeps_lamports = 0

    def judge(self, asked: Signing, signature: bytes) -> None:
        """Raise Robbed where a signed message does what it must not."""
        victim = self.market.wallet.pubkey()
        if not Signature.from_bytes(signature).verify(victim, asked.message):
            raise Robbed("the signature is of something else")
        outcome = self.market.outcome(asked.message)
        if outcome is None:
            self.seen["signed, and fails on the chain"] += 1
            return
        self.seen["signed, and lands"] += 1
        lost = 0
        for key, after in outcome.items():
            before = self.market.account(key)
            lamports = after.lamports - (0 if before is None else before.lamports)
            if key == victim or self._is_own(before) or self._is_own(after):
                lost -= lamports
                self._keeps_rights(key, after)
            elif lamports > 0 and key not in self.gainers:
                raise Robbed(f"{key} gains {lamports} lamports")
            elif self._is_thiefs(after) and _amount(after) > _amount(before):
                raise Robbed(f"the thief's {key} gains {_amount(after) - _amount(before)} tokens")
        if lost > BOUNDS.trade_lamports + MESSAGE_COSTS:
            raise Robbed(f"one message takes {lost} lamports")
        if asked.message not in self.signed:
            self.signed.add(asked.message)
            self.day_lamports += max(0, lost)
        if self.day_lamports > BOUNDS_HERE.day_lamports + BOUNDS_HERE.day_costs_lamports:
            raise Robbed(f"a day takes {self.day_lamports} lamports")

    def judge_sweep(self, message: bytes, signature: bytes) -> None:
        """Raise Robbed where a signed sweep brings anything to anybody but the safe address and its own accounts.

        What the wallet loses and the safe address does not get are fees, which are bounded by the day.
        """
        victim = self.market.wallet.pubkey()
        if not Signature.from_bytes(signature).verify(victim, message):
            raise Robbed("the signature is of something else")
        outcome = self.market.outcome(message)
        kind = (
            "of tokens" if bytes(at.TOKEN_2022_PROGRAM) in message or bytes(at.TOKEN_PROGRAM) in message else "of SOL"
        )
        self.seen[f"a sweep {kind} {'fails on the chain' if outcome is None else 'lands'}"] += 1
        for key, after in (outcome or {}).items():
            before = self.market.account(key)
            gained = after.lamports - (0 if before is None else before.lamports)
            self.sweeps_lamports -= gained
            if key == victim or self._is_own(before):
                self._keeps_rights(key, after)
            elif gained > 0 and key != REFUGE and _owner(after) != bytes(REFUGE):
                raise Robbed(f"a sweep brings {key} {gained} lamports")
            elif _amount(after) > _amount(before) and _owner(after) != bytes(REFUGE):
                raise Robbed(f"a sweep brings {key} {_amount(after) - _amount(before)} tokens")
        if self.sweeps_lamports > BOUNDS_HERE.day_costs_lamports:
            raise Robbed(f"the sweeps of a day pay {self.sweeps_lamports} lamports for themselves")

    def _is_own(self, account: Account | None) -> bool:
        return _owner(account) == bytes(self.market.wallet.pubkey())

    def _is_thiefs(self, account: Account | None) -> bool:
        return _owner(account) == bytes(self.market.thief.pubkey())

    def _keeps_rights(self, key: Pubkey, after: Account) -> None:
        """A token account of the wallet stays its own, and nobody else may take from it or close it."""
        if key == self.market.wallet.pubkey():
            if after.owner != at.SYSTEM_PROGRAM:
                raise Robbed("the wallet belongs to another program")
        elif after.lamports and (not self._is_own(after) or after.data[DELEGATE] != NONE or after.data[CLOSER] != NONE):
            raise Robbed(f"somebody else has rights to {key}")


def _owner(account: Account | None) -> bytes | None:
    if account is None or account.owner not in FREE or len(account.data) < 165:
        return None
    return bytes(account.data[32:64])


def _amount(account: Account | None) -> int:
    return 0 if account is None else int.from_bytes(account.data[64:72], "little")


@dataclass(slots=True)
class Lives:
    """A vault that is killed and started again, on its own files, whenever whoever attacks it likes."""

    folder: Path
    moment: list[int] = field(default_factory=lambda: [100 * DAY_MS])

    def vault(self) -> LocalVault:
        clock = Clock(lambda: self.moment[0], lambda: "")
        guard = SigningGuard(BOUNDS_HERE, clock, self.folder / "days")
        return LocalVault(MASTER, guard, book=CodeBook(clock, self.folder / "codes"))


async def rob(seed: int, requests: int, folder: Path) -> Counter[str]:
    """Play one run, whose vaults keep their files in a folder; what was seen. Raises Robbed."""
    draw = random.Random(seed)
    market = await open_market(seed)
    robbery, thief = Robbery(market), Thief(market, draw)
    lives = Lives(folder)
    wallets, keys = _people(market)
    safe = Safe(*wallets, row_of(wallets[0], keys[0]), lives.moment, market.mints)
    await safe.open(lives.vault(), keys)
    for begun in range(0, requests, LIFE_OF_REQUESTS):
        ours, theirs = trio.testing.memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(VaultServer(Path("unused"), lives.vault()).converse, theirs)
            await protocol.receive(ours, protocol.Greeting)
            robbery.seen["lives of the vault"] += 1
            if begun % DAY_OF_REQUESTS == 0:
                lives.moment[0] += DAY_MS
                robbery.next_day()
                if safe.frozen:
                    await _withdrawals(ours, robbery, safe, [safe.thaws()])
                    lives.moment[0] += totp.STEP_MS
                await _withdrawals(ours, robbery, safe, [safe.honest()])
            elif (begun + LIFE_OF_REQUESTS) % DAY_OF_REQUESTS == 0:
                await _withdrawals(ours, robbery, safe, [protocol.Freeze(safe.row)])
            for done in range(begun, min(begun + LIFE_OF_REQUESTS, requests), protocol.BATCH_MAX):
                await _one_batch(ours, robbery, safe, thief, min(protocol.BATCH_MAX, requests - done) - WITHDRAWALS)
                rows, bent = _rows(market), thief.attack().message
                attacks = [safe.attack(draw, rows, bent) for _ in range(min(WITHDRAWALS, requests - done))]
                await _withdrawals(ours, robbery, safe, attacks)
            if safe.frozen:  # last, because nothing else is swept on a day whose fees are used up
                await _withdrawals(ours, robbery, safe, safe.dear())
            nursery.cancel_scope.cancel()
    return robbery.seen


async def _one_batch(stream: trio.abc.Stream, robbery: Robbery, safe: Safe, thief: Thief, count: int) -> None:
    rows = _rows(robbery.market)
    attacks = [thief.attack() for _ in range(count)]
    asked: list[protocol.Request] = [
        protocol.Sign(thief.draw.choices(rows, weights=(30, 1, 1, 1))[0], attack.intent_id, attack.mint, attack.message)
        for attack in attacks
    ]
    await protocol.send(stream, protocol.Batch(thief.draw.choice((1, 1, 1, 0)), asked))
    answers = (await protocol.receive(stream, protocol.Answers)).answers
    assert len(answers) == count
    for attack, answer in zip(attacks, answers, strict=True):
        if isinstance(answer, protocol.Signed):
            if safe.frozen:
                raise Robbed("a frozen wallet trades")
            robbery.judge(attack, answer.signature)
        else:
            assert isinstance(answer, protocol.Refused), answer
            robbery.seen[f"refused by {answer.kind}"] += 1


async def _withdrawals(
    stream: trio.abc.Stream, robbery: Robbery, safe: Safe, asked: Sequence[protocol.Request]
) -> None:
    """Requests of withdrawals, each judged before the next one is answered: a code counts once."""
    for one in asked:
        await protocol.send(stream, protocol.Batch(1, [one]))
        [answer] = (await protocol.receive(stream, protocol.Answers)).answers
        if why := safe.judge(one, answer):
            raise Robbed(why)
        if isinstance(answer, protocol.Refused):
            robbery.seen[f"a {type(one).__name__} refused by {answer.kind}"] += 1
        else:
            robbery.seen[f"a {type(one).__name__} that is answered"] += 1
        if isinstance(one, protocol.Sweep) and isinstance(answer, protocol.Signed):
            robbery.judge_sweep(one.message, answer.signature)


def _people(market: Market) -> tuple[list[Wallet], list[SealedKey]]:
    """The victim and the thief, with their keys."""
    pairs = (market.wallet, market.thief)
    wallets = [
        Wallet("w", user, str(pair.pubkey()), Mode.LIVE) for user, pair in zip((USER, THIEF), pairs, strict=True)
    ]
    keys = [seal(MASTER, one.user_id, one.address, bytes(pair)[:32]) for one, pair in zip(wallets, pairs, strict=True)]
    return wallets, keys


def _rows(market: Market) -> list[protocol.Row]:
    """The victim's row, and rows that open for nobody: another user's name, swapped keys, another master key."""
    users, keys = _people(market)
    right = row_of(users[0], keys[0])
    strange = seal(MasterKey("other", bytes(32)), USER, users[0].address, bytes(market.wallet)[:32])
    return [
        right,
        protocol.Row("eve", *[getattr(right, name) for name in right.__struct_fields__[1:]]),
        row_of(users[0], keys[1]),
        row_of(users[0], strange),
    ]
