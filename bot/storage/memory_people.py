"""What users see of one another, in memory: traders and what users think of tokens."""

from __future__ import annotations

from bot.storage.memory_community import MemoryCommunity
from bot.storage.memory_traders import MemoryTraders


class MemoryPeople(MemoryTraders, MemoryCommunity):
    """See `TraderStore` and `CommunityStore`."""
