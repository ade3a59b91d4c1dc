"""What users see of one another, in memory: traders, what users think of tokens, and points that they earn."""

from __future__ import annotations

from bot.storage.memory_community import MemoryCommunity
from bot.storage.memory_rewards import MemoryRewards
from bot.storage.memory_traders import MemoryTraders


class MemoryPeople(MemoryTraders, MemoryCommunity, MemoryRewards):
    """See `TraderStore`, `CommunityStore` and `RewardStore`."""
