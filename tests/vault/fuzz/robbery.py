"""One run of the fuzz: so many requests to a vault, and every message that it signed carried out and judged.

What is checked is the outcome on the chain and not the message: nobody gains but those who gain by honest trades, the wallet
keeps all rights to its accounts, and what leaves it is within what a message and a day may take.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import trio
import trio.testing
from solders.pubkey import Pubkey
from solders.signature import Signature

from bot.chain import addresses as at
from bot.clock import Clock
from bot.localnet.accounts import Account
from bot.ports import Signing, Wallet
from bot.trading.intent import Mode
from bot.vault import protocol
from bot.vault.envelope import seal
from bot.vault.guard import DAY_MS, SigningGuard
from bot.vault.local_vault import LocalVault
from bot.vault.master_key import MasterKey
from bot.vault.policy import TIP_ACCOUNTS
from bot.vault.server import VaultServer, row_of
from tests.vault.fuzz.attacks import Thief
from tests.vault.fuzz.market import Market, open_market
from tests.vault.vault_samples import BOUNDS

DAY_OF_REQUESTS = 2_000  # after so many the vault's clock shows the next day
MASTER = MasterKey("fuzz", bytes(range(32)))
MESSAGE_COSTS = 5_000 + BOUNDS.fee_lamports + BOUNDS.tip_lamports
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
        self.day_lamports = 0

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
        if self.day_lamports > BOUNDS.day_lamports + BOUNDS.day_costs_lamports:
            raise Robbed(f"a day takes {self.day_lamports} lamports")

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


async def rob(seed: int, requests: int) -> Counter[str]:
    """Play one run; what was seen. Raises Robbed."""
    draw = random.Random(seed)
    market = await open_market(seed)
    robbery, thief = Robbery(market), Thief(market, draw)
    moment = [100 * DAY_MS]
    vault = LocalVault(MASTER, SigningGuard(BOUNDS, Clock(lambda: moment[0], lambda: "")))
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(VaultServer(Path("unused"), vault).converse, theirs)
        await protocol.receive(ours, protocol.Greeting)
        for done in range(0, requests, protocol.BATCH_MAX):
            if done % DAY_OF_REQUESTS == 0:
                moment[0] += DAY_MS
                robbery.next_day()
            await _one_batch(ours, robbery, thief, min(protocol.BATCH_MAX, requests - done))
        nursery.cancel_scope.cancel()
    return robbery.seen


async def _one_batch(stream: trio.abc.Stream, robbery: Robbery, thief: Thief, count: int) -> None:
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
            robbery.judge(attack, answer.signature)
        else:
            assert isinstance(answer, protocol.Refused), answer
            robbery.seen[f"refused by {answer.kind}"] += 1


def _rows(market: Market) -> list[protocol.Row]:
    """The victim's row, and rows that open for nobody: another user's name, swapped keys, another master key."""
    seeds = [bytes(pair)[:32] for pair in (market.wallet, market.thief)]
    users = [
        Wallet("w", user, str(pair.pubkey()), Mode.LIVE)
        for user, pair in (("ada", market.wallet), ("eve", market.thief))
    ]
    keys = [seal(MASTER, user.user_id, user.address, seed) for user, seed in zip(users, seeds, strict=True)]
    right = row_of(users[0], keys[0])
    strange = seal(MasterKey("other", bytes(32)), "ada", users[0].address, seeds[0])
    return [
        right,
        protocol.Row("eve", *[getattr(right, name) for name in right.__struct_fields__[1:]]),
        row_of(users[0], keys[1]),
        row_of(users[0], strange),
    ]
