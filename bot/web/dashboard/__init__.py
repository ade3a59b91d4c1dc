"""`bot web`: the live dashboard of a running bot in a browser.

A process of its own that asks the control socket like any other client, draws HTML and pushes what changed; the process
that trades never draws. Nothing of the bot itself comes in here: no chain, no storage, no app.
"""

from bot.web.dashboard.serving import main

__all__ = ["main"]
