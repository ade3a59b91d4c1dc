"""The window of blockhashes that transactions may be signed on: the newest 150 blocks, as on mainnet.

LiteSVM accepts one blockhash only, and every instance starts at the same one, so that a transaction signed on one
chain would be valid on another. The chain's blockhashes are therefore its own: a hash of the genesis hash and the
height. A window can be rebuilt from these two, so nothing of it needs storing.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from solders.hash import Hash

MAX_AGE_BLOCKS = 150
SLOT_HASHES = 512


def blockhash_at(genesis_hash: Hash, height: int) -> Hash:
    """The blockhash of the block at `height` on the chain with this genesis hash."""
    return Hash(hashlib.sha256(bytes(genesis_hash) + height.to_bytes(8, "little")).digest())


class BlockhashWindow:
    """Blockhashes by height, newest last. A transaction may land while `height <= last_valid_height` of its hash."""

    def __init__(self, genesis_hash: Hash, height: int) -> None:
        self._genesis_hash = genesis_hash
        self._heights: OrderedDict[Hash, int] = OrderedDict()
        for older in range(max(0, height - MAX_AGE_BLOCKS), height + 1):
            self.register(older)

    def register(self, height: int) -> Hash:
        """Add the blockhash of a new block and drop the one that became too old."""
        blockhash = blockhash_at(self._genesis_hash, height)
        self._heights[blockhash] = height
        while len(self._heights) > MAX_AGE_BLOCKS + 1:
            self._heights.popitem(last=False)
        return blockhash

    def height_of(self, blockhash: Hash) -> int | None:
        """The height that `blockhash` was produced at, or None when it is unknown or out of the window."""
        return self._heights.get(blockhash)

    def at(self, height: int) -> Hash:
        """The blockhash at a height (clamped to the genesis block)."""
        return blockhash_at(self._genesis_hash, max(0, height))

    def accepts(self, blockhash: Hash, height: int) -> bool:
        """Whether a transaction on `blockhash` may land in the block at `height`."""
        produced = self._heights.get(blockhash)
        return produced is not None and height - produced <= MAX_AGE_BLOCKS
