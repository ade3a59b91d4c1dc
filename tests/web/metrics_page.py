"""Writes docs/metrics.md from the table of the code: `python -m tests.web.metrics_page > docs/metrics.md`."""

from __future__ import annotations

from bot.metrics_table import METRICS, PREFIX

HEAD = """# What monitoring reads

Written by `python -m tests.web.metrics_page` from the table in bot/metrics_table.py; a test holds it against that.

With `web.port` the bot answers on 127.0.0.1, and nowhere else:

| path | what it says |
|---|---|
| `/livez` | 200 while the event loop turns and no actor hangs in one message, else 503 with what does |
| `/readyz` | 200 while database and chain answer, books are compared and every position is watched, else 503 with the reasons |
| `/metrics` | the numbers below, in Prometheus' text format |

/livez is what a restart mends; /readyz is not: a bot without its database sells what it holds, and a restart would end that.
There is no password, because nothing there is about one user and any program of the machine may ask; a proxy that shows it to
others has to have one. deploy/ has alert rules and a dashboard that use these names.

Amounts are lamports, times seconds, shares 0 to 1. No label names a user, a wallet or a token. Counters begin at 0 with the
process; those of trades and positions follow the books, a fill within seconds of its row. What the database alone knows is
missing while it does not answer.

| name | kind | what it says |
|---|---|---|
"""


def page() -> str:
    """The whole text."""
    return HEAD + "".join(f"| `{PREFIX}{name}` | {kind} | {told} |\n" for name, (kind, told) in METRICS.items())


if __name__ == "__main__":
    print(page(), end="")
