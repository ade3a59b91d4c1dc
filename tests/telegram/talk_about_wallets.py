"""What somebody says about other people's wallets in a conversation that tries every command."""

from __future__ import annotations

import re

from solders.keypair import Keypair

from tests.telegram.telegram_bot import Talk
from tests.whole.crowd import Crowd


async def follows_wallets(talk: Talk) -> None:
    """Of other people, and of none of his own."""
    leader = Crowd(talk.world.chain)._trader(3)
    await talk.asks(f"/track {leader.pubkey()} leader", "trades are recorded from now on, checked every 30 s.")
    await talk.asks(f"/track {leader.pubkey()}", "You follow")
    other = Keypair.from_seed(bytes([76]) * 32).pubkey()
    await talk.asks(f"/track {other} \u202erekcah\u202c  \u200bman", "Following rekcah man;")
    await talk.asks(f"/untrack {other}", "no more")
    own = re.findall(r"\b[1-9A-HJ-NP-Za-km-z]{43,44}\b", await talk.asks("/wallet", "balance"))[0]
    await talk.asks(f"/track {own}", "that is a wallet of your own")
    await talk.asks("/track So11111111111111111111111111111111111111112", "is wrapped SOL, a token")
    await talk.asks("/track", "You follow 1 of at most 50 wallets")
    await talk.asks("/rankings", "none has traded yet")
    await talk.asks("/copies", "You copy nobody")
    await talk.asks(f"/copy_trader {leader.pubkey()} 0.1", "SOL for each buy of his")
    talk.press("Confirm")
    await talk.hears("from now on; his wallet is checked every 30 s")
    await talk.asks(f"/stop_copy {leader.pubkey()}", "No copy of his is open")
    await talk.asks("/autostart", "it buys what 2 of the wallets that you follow buy, and you follow 1")
    await talk.asks("/autostart 0.05 65% 10 1", "The automated trader is on. It buys for 0.05 SOL what at least 1")
    await talk.asks("/autostatus", "The automated trader is on.")
    await talk.asks("/autostop", "The automated trader is off; open positions")
    await talk.asks(f"/untrack {leader.pubkey()}", "no more")
