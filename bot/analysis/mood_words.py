"""The words by which a text about a token speaks well or ill of it: few, English, and such as mean the same in most posts.

Pump, moon and "100x" are not among them: whoever is paid to praise writes those first, and whoever mocks writes them too.
What warns of a theft counts as ill whoever writes it.
"""

from __future__ import annotations

from typing import Final

GOOD: Final = frozenset(
    {
        "accumulating",
        "active",
        "amazing",
        "bullish",
        "bought",
        "building",
        "buying",
        "early",
        "gem",
        "good",
        "great",
        "growing",
        "holding",
        "legit",
        "like",
        "love",
        "organic",
        "real",
        "safe",
        "solid",
        "strong",
        "transparent",
        "undervalued",
        "winner",
        "\U0001f48e",
        "\U0001f525",
        "\U0001f680",
    }
)
BAD: Final = frozenset(
    {
        "abandoned",
        "avoid",
        "bad",
        "bearish",
        "bundled",
        "careful",
        "dead",
        "drained",
        "dumped",
        "dumping",
        "exit",
        "fake",
        "fraud",
        "honeypot",
        "insiders",
        "larp",
        "loss",
        "lost",
        "rug",
        "rugged",
        "rugging",
        "rugpull",
        "scam",
        "scammed",
        "scammer",
        "scammers",
        "selling",
        "sniped",
        "sold",
        "steal",
        "stole",
        "stolen",
        "suspicious",
        "unsafe",
        "warning",
        "weak",
        "worthless",
        "\U0001f4a9",
        "\U0001f480",
        "\U0001f6a8",
        "\u26a0",
    }
)
NEGATIONS: Final = frozenset(
    {"not", "no", "never", "isn't", "ain't", "don't", "doesn't", "didn't", "won't", "isnt", "dont", "without", "hardly"}
)
