"""What people write of a token where they meet: posts, or what a service says of all of them together."""

from __future__ import annotations

from dataclasses import dataclass

from bot.analysis.sentiment import Post, Votes


@dataclass(frozen=True, slots=True)
class SocialWord:
    """What one service told of a token: the posts that name its address, the newest first, or its users' votes."""

    posts: tuple[Post, ...] = ()
    votes: Votes | None = None
