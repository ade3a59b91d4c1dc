"""Blockhashes that were seen, so that an exit can be signed on an old one: it is proven dead soon when it does not land."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import structlog
import trio
from solders.hash import Hash

from bot.chain.addresses import RECENT_BLOCKHASHES
from bot.chain.endpoints import Endpoints
from bot.errors import ChainUnavailable, DecodeError
from bot.ports import Blockhash

LIFE_BLOCKS = 150  # a blockhash is valid for so many blocks after its own
EXIT_LIFE_BLOCKS = 30
FRESH_S = 1.5  # how old the newest may be for the height to be known well enough
NEWEST_S = 3.0  # how old it may be for a buy, whose bytes live for a minute
MEMORY = 300
LOOKS = 16  # whose times tell how quickly the chain makes its blocks
GAP_BLOCKS = 25  # so many blocks without a look leave no blockhash with the right life for ten seconds

BLOCKS_PER_S = 50.0  # the cluster makes 2.5; a local chain may be as quick as this
WITNESS_WITHIN_S = 0.25
DECIDING = 3  # endpoints whose word is enough for anything

# The list is read again after so many blocks, so that the hashes of a lost fork, which is at most 32 slots deep, are forgotten
# long before an exit would be signed on one.
LISTED_EVERY_BLOCKS = 40
LOOK_BACK_WITHIN_S = 0.5  # an exit waits no longer for the blockhashes of the time before
LOOK_BACK_EVERY_S = 2.0
COUNT_BYTES = 8
ENTRY_BYTES = 40  # a blockhash and the fee of its time

log = structlog.get_logger()


@dataclass(slots=True)
class SeenBlockhashes:
    """Remembers what each look brought, oldest first. Times are trio's.

    `reaches_back` says that nothing is missing between the oldest and the newest: it is not so after a start, and after a
    time in which nobody looked. `listed_at` is the height of the newest when the chain's own list was taken.
    """

    reaches_back: bool = False
    listed_at: int = 0
    _seen: deque[Blockhash] = field(default_factory=lambda: deque(maxlen=MEMORY))
    _seen_at_s: float = float("-inf")
    _looks: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=LOOKS))  # times and newest heights

    def learn(self, blockhash: Blockhash, now_s: float) -> None:
        """Take what an endpoint said is the latest; one that is behind changes nothing."""
        if self._seen:
            blocks = blockhash.last_valid_block_height - self._seen[-1].last_valid_block_height
            if blocks < 0:
                return
            self.reaches_back = self.reaches_back and blocks <= GAP_BLOCKS
        self._seen_at_s = now_s
        self._looks.append((now_s, blockhash.last_valid_block_height))
        if not self._seen or blockhash.value != self._seen[-1].value:
            self._seen.append(blockhash)

    def learn_back(self, values: Sequence[str]) -> bool:
        """Take the chain's own list of its latest blockhashes, the newest first; False where it has none that is known.

        They are those of blocks one after the other, so that one that is known tells the heights of all. What was seen at a
        height where another one is listed was lost with its fork, and so was everything above it that is not listed.
        """
        heights = {one.value: one.last_valid_block_height for one in self._seen}
        known = next((place for place, value in enumerate(values) if value in heights), None)
        if known is None:
            return False
        newest = self._seen[-1].last_valid_block_height
        at_known = heights[values[known]]
        listed = [Blockhash(value, at_known + known - place) for place, value in enumerate(values)]
        top, of_height = listed[0].last_valid_block_height, {one.last_valid_block_height: one.value for one in listed}
        if any(of_height.get(height, value) != value for value, height in heights.items()):
            self._seen = deque((one for one in self._seen if one.last_valid_block_height <= top), maxlen=MEMORY)
        by_height = {one.last_valid_block_height: one for one in (*self._seen, *listed)}
        kept = [one for _, one in sorted(by_height.items())]
        # What is newer than the latest look says nothing of when it was seen.
        self._seen = deque((one for one in kept if one.last_valid_block_height <= newest), maxlen=MEMORY)
        self.reaches_back, self.listed_at = True, self._seen[-1].last_valid_block_height
        return True

    @property
    def wants_list(self) -> bool:
        """Whether the chain's own list is to be read: something is missing, or some of it may have been lost since."""
        if not self.reaches_back or not self._seen:
            return True
        return self._seen[-1].last_valid_block_height - self.listed_at >= LISTED_EVERY_BLOCKS

    def follows(self, blockhash: Blockhash, now_s: float) -> bool:
        """Whether the chain can have come from the newest known to this one in the time between."""
        if not self._seen:
            return False
        blocks = blockhash.last_valid_block_height - self._seen[-1].last_valid_block_height
        return -GAP_BLOCKS <= blocks <= GAP_BLOCKS + (now_s - self._seen_at_s) * BLOCKS_PER_S

    def newest(self, now_s: float) -> Blockhash | None:
        """The latest that was told; None where that was too long ago."""
        return self._seen[-1] if self._seen and now_s - self._seen_at_s <= NEWEST_S else None

    def short_lived(self, now_s: float) -> Blockhash | None:
        """The oldest with at least EXIT_LIFE_BLOCKS left; None when the newest that is known is too old to tell.

        Blocks that the chain must have made since the newest was told are counted, at the pace of the latest looks: a cluster
        that is quicker than others would else have an exit signed on a blockhash that is as good as dead.
        """
        if now_s - self._seen_at_s > FRESH_S:
            return None
        left = min(EXIT_LIFE_BLOCKS + self._made_since(now_s), LIFE_BLOCKS)
        least = self._seen[-1].last_valid_block_height - LIFE_BLOCKS + left
        return next(one for one in self._seen if one.last_valid_block_height >= least)

    def _made_since(self, now_s: float) -> int:
        """Blocks since the newest was told, as many a second as between the latest looks."""
        (first_s, first), (last_s, last) = self._looks[0], self._looks[-1]
        pace = (last - first) / (last_s - first_s) if last_s > first_s else 0.0
        return math.ceil(min(pace, BLOCKS_PER_S) * (now_s - last_s))


def _agreed(answers: Mapping[str, Blockhash]) -> list[str]:
    """The names of two whose heights are a few blocks apart at most; empty where there are none."""
    names = sorted(answers, key=lambda name: answers[name].last_valid_block_height)
    for lower, higher in pairwise(names):
        if answers[higher].last_valid_block_height - answers[lower].last_valid_block_height <= GAP_BLOCKS:
            return [lower, higher]
    return []


class Blockhashes:
    """The blockhashes that orders are signed on, asked of the pool.

    What was seen is remembered from look to look. What was before the first one, or while nobody looked, the chain itself
    still lists: the sysvar `RecentBlockhashes` has the latest 150.
    """

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._seen = SeenBlockhashes()
        self._lock = trio.Lock()
        self._look_back_at_s = float("-inf")

    async def latest(self) -> Blockhash:
        """The newest confirmed one, as it was at most NEWEST_S ago: usually the last probe has it. Raises ChainUnavailable."""
        return self._seen.newest(trio.current_time()) or await self._ask()

    async def _ask(self) -> Blockhash:
        """What one endpoint says, where it goes on from what is known; else as another one bears it out."""
        name, latest = await self._told_by_other()
        if not self._seen.follows(latest, trio.current_time()):
            latest = await self._borne_out(name, latest)
        self._seen.learn(latest, trio.current_time())
        return latest

    async def _told_by_other(self, *besides: str) -> tuple[str, Blockhash]:
        name, found = await self._endpoints.first_named(
            lambda client: client.latest_blockhash("confirmed"), hedge=True, besides=besides
        )
        return name, Blockhash(found.blockhash, found.last_valid_block_height)

    async def _borne_out(self, name: str, told: Blockhash) -> Blockhash:
        """A height that starts or breaks the row, as two endpoints tell it; of two that contradict each other a third decides.

        Without one the lower counts: what is signed on it is asked for too early, which proves nothing, and not too late.
        Where nobody else answers soon its word is all there is.
        """
        answers = {name: told}
        with trio.move_on_after(WITNESS_WITHIN_S):
            try:
                while len(answers) < DECIDING and not _agreed(answers):
                    other, latest = await self._told_by_other(*answers)
                    answers[other] = latest
            except ChainUnavailable as error:
                log.debug("blockhash_not_witnessed", endpoint=name, reason=str(error))
        agreed = _agreed(answers)
        if not agreed:
            return min(answers.values(), key=lambda one: one.last_valid_block_height)
        for liar in answers.keys() - set(agreed):
            height = answers[liar].last_valid_block_height
            self._endpoints.distrust(
                liar, f"it said that its newest blockhash is good to block {height}, two others not"
            )
        return answers[agreed[0]]

    async def short(self) -> Blockhash:
        """One with about EXIT_LIFE_BLOCKS left, usually without asking anybody. Raises ChainUnavailable.

        Where the chain itself is younger, or nobody lists what was before, the oldest that is known.
        """
        async with self._lock:  # whoever waits meanwhile has what the first one learns
            known = self._seen.short_lived(trio.current_time())
            if known is not None and self._seen.reaches_back:
                return known
            latest = await self._ask() if known is None else known
            if not self._seen.reaches_back:
                await self._look_back()
            return self._seen.short_lived(trio.current_time()) or latest

    async def remember(self) -> None:
        """Look at the newest, and at those before where they are missing, so that an exit need not. Raises ChainUnavailable."""
        await self._ask()
        async with self._lock:
            await self._look_back()

    async def _look_back(self) -> None:
        now_s = trio.current_time()
        if not self._seen.wants_list or now_s < self._look_back_at_s:
            return
        self._look_back_at_s = now_s + LOOK_BACK_EVERY_S
        reason = f"no answer within {LOOK_BACK_WITHIN_S:g} s"
        with trio.move_on_after(LOOK_BACK_WITHIN_S):
            try:
                if self._seen.learn_back(await self._listed()):
                    return
                reason = "none of them is known here"
            except (ChainUnavailable, DecodeError) as error:
                reason = str(error)
        log.info("older_blockhashes_not_known", reason=reason)

    async def _listed(self) -> list[str]:
        address = str(RECENT_BLOCKHASHES)
        _, accounts = await self._endpoints.first(lambda client: client.accounts([address], "confirmed"), hedge=True)
        account = accounts[address]
        if account is None:
            raise DecodeError("the chain shows no list of its blockhashes")
        return listed_blockhashes(account.data)


def listed_blockhashes(data: bytes) -> list[str]:
    """The sysvar's blockhashes, the newest first; raises DecodeError for bytes that are none.

    Layout: Agave `sdk/sysvar` RecentBlockhashes, bincode: a u64 count, then for each 32 bytes and a u64.
    """
    count = int.from_bytes(data[:COUNT_BYTES], "little")
    if len(data) < COUNT_BYTES + count * ENTRY_BYTES:
        raise DecodeError(f"{len(data)} bytes are no list of {count} blockhashes")
    starts = range(COUNT_BYTES, COUNT_BYTES + count * ENTRY_BYTES, ENTRY_BYTES)
    return [str(Hash.from_bytes(data[start : start + Hash.LENGTH])) for start in starts]
