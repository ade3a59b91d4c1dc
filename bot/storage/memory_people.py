"""What users see of one another, in memory: traders, what they think of tokens, points, and shares."""

from __future__ import annotations

from bot.storage.memory_community import MemoryCommunity
from bot.storage.memory_rewards import MemoryRewards
from bot.storage.memory_shares import MemoryShares
from bot.storage.memory_traders import MemoryTraders


class MemoryPeople(MemoryTraders, MemoryCommunity, MemoryRewards, MemoryShares):
    """See `TraderStore`, `CommunityStore`, `RewardStore` and `ShareStore`."""
