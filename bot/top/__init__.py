"""`bot top`: the live dashboard of a running bot in a terminal.

A process of its own that asks the control socket like any other client; the process that trades never renders. Nothing
of the bot itself comes in here: no trio, no chain, no storage, no app.
"""

from bot.top.screen import main

__all__ = ["main"]
