"""Writes docs/token_safety.md from the rules: `python -m tests.trading.token_safety_page > docs/token_safety.md`."""

from __future__ import annotations

from bot.trading.token_check import RULES, UNREADABLE, Verdict

HEAD = f"""# What a mint may say

Written by `python -m tests.trading.token_safety_page` from `bot/trading/token_check.py`; a test holds it against that.

Before an entry the bot reads the token's mint: its two authorities, and every Token-2022 extension behind them. While a
user's `check_honeypots` is on, or the operator's `trading.always_check_tokens`, what is *refused* stops the buy with what
is said below, by the sniper and by hand; what is *warned* stands on the card of /buy and in /price and stops nothing. With
it off all of them are warnings. What has no row is fine: pointers to names, pictures and groups. An extension whose number
nobody here knows is refused, and so is a mint that cannot be read: {UNREADABLE}. No sale ever asks any of this.

What nobody ordered by hand is tried as well: a buy and the sale behind it are simulated in one transaction, and the token
is not bought where the sale fails, brings less than half, or cannot be simulated within a second.

A coin that has left its curve trades in a pool. The shares in it that its migration made are burnt, so that this liquidity is
locked for good; what others add they can withdraw at any moment. /price and /info say how much that is, by the pool's own count
of shares beside the supply of their mint, and the card of /buy warns from a tenth on.

| verdict | what is said | why |
|---|---|---|
"""


def page() -> str:
    """The whole text."""
    rows = [
        f"| {rule.verdict} | {rule.says.format(tax='5 %', types='77')} | {rule.why} |"
        for verdict in Verdict
        for rule in RULES
        if rule.verdict is verdict
    ]
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(page(), end="")
