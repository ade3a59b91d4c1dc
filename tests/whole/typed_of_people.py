"""What is typed at a real bot of other people: traders who show their results, and what users think of tokens."""

from __future__ import annotations

SOME_TOKEN = "So11111111111111111111111111111111111111112"

OF_PEOPLE = (
    ("/leaderboard", "[live] Traders who show their results"),
    ("/leaderboard weekly", "usage: /leaderboard"),
    ("/trader", "You are not shown to anybody"),
    ("/trader on *d*", "a public handle has 3 to 20 letters"),
    (f"/community {SOME_TOKEN}", "Nobody has rated"),
    ("/community", "usage: /community"),
    (f"/rate_token {SOME_TOKEN} 5", "this bot has not seen that token"),
    (f"/rate_token {SOME_TOKEN} 11", "is no rating"),
    ("/rewards", "100 for having begun"),
    ("/rewards x", "usage: /rewards"),
    ("/moderate trader ada restore", "/moderate is for people with the role admin"),
)
