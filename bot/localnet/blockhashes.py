"""The window of blockhashes that transactions may be signed on: the newest 150 blocks, as on mainnet.

LiteSVM accepts one blockhash only, and every instance starts at the same one, so that a transaction signed on one
chain would be valid on another. The chain's blockhashes are therefore its own: a hash of the genesis hash, the height
and the fork that the block is on. A window can be rebuilt from these, so that no hash needs storing.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

from solders.hash import Hash

MAX_AGE_BLOCKS = 150
LISTED = 150  # by the sysvar RecentBlockhashes
LAMPORTS_PER_SIGNATURE = 5_000
SLOT_HASHES = 512


# The height of the newest block that a fork left, and the number of that fork, counted from 1.
ForkPoint = tuple[int, int]


def blockhash_at(genesis_hash: Hash, height: int, fork: int = 0) -> Hash:
    """The blockhash of the block at `height` on the chain with this genesis hash, made after the fork of this number."""
    made_after = fork.to_bytes(4, "little") if fork else b""
    return Hash(hashlib.sha256(bytes(genesis_hash) + height.to_bytes(8, "little") + made_after).digest())


def listing(newest_first: Sequence[Hash]) -> bytes:
    """The data of the sysvar RecentBlockhashes: bincode of a count, then each hash with the fee of its time."""
    fee = LAMPORTS_PER_SIGNATURE.to_bytes(8, "little")
    return len(newest_first).to_bytes(8, "little") + b"".join(bytes(one) + fee for one in newest_first)


class BlockhashWindow:
    """Blockhashes by height, newest last. A transaction may land while `height <= last_valid_height` of its hash.

    `forks` are the points at which the chain went on differently, the heights ascending. A transaction that was signed
    on a blockhash of a block that was rolled back can never land.
    """

    def __init__(self, genesis_hash: Hash, height: int, forks: Sequence[ForkPoint] = ()) -> None:
        self._genesis_hash = genesis_hash
        self.forks: tuple[ForkPoint, ...] = tuple(forks)
        self._heights: OrderedDict[Hash, int] = OrderedDict()
        for older in range(max(0, height - MAX_AGE_BLOCKS), height + 1):
            self.register(older)

    def register(self, height: int) -> Hash:
        """Add the blockhash of a new block and drop the one that became too old."""
        blockhash = self.at(height)
        self._heights[blockhash] = height
        while len(self._heights) > MAX_AGE_BLOCKS + 1:
            self._heights.popitem(last=False)
        return blockhash

    def height_of(self, blockhash: Hash) -> int | None:
        """The height that `blockhash` was produced at, or None when it is unknown or out of the window."""
        return self._heights.get(blockhash)

    def at(self, height: int) -> Hash:
        """The blockhash at a height (clamped to the genesis block)."""
        height = max(0, height)
        return blockhash_at(self._genesis_hash, height, self._fork_of(height))

    def _fork_of(self, height: int) -> int:
        """The latest fork that the block at `height` was made after; 0 for none."""
        return next((number for stayed, number in reversed(self.forks) if stayed < height), 0)

    def roll_back(self, height: int) -> None:
        """Forget the blocks above `height`; those that follow have other blockhashes than the ones they replace.

        A fork is remembered until one goes back further, or until nothing that a window can hold was made before it.
        """
        number = max((known for _, known in self.forks), default=0) + 1
        for blockhash in [known for known, at in self._heights.items() if at > height]:
            del self._heights[blockhash]
        for older in range(max(0, height - MAX_AGE_BLOCKS), height + 1):
            self._heights.setdefault(self.at(older), older)
        self._heights = OrderedDict(sorted(self._heights.items(), key=lambda entry: entry[1]))
        known = [point for point in self.forks if point[0] < height]
        old = sum(stayed < height - SLOT_HASHES for stayed, _ in known)
        self.forks = (*known[max(0, old - 1) :], (height, number))

    def accepts(self, blockhash: Hash, height: int) -> bool:
        """Whether a transaction on `blockhash` may land in the block at `height`."""
        produced = self._heights.get(blockhash)
        return produced is not None and height - produced <= MAX_AGE_BLOCKS
