"""Walks through the runbooks: a page's fault is brought to a real bot, its alert waited for, its commands typed as they stand.

`make runbooks`, or `python -m tests.runbooks.campaign no-rpc database` for some pages. A page keeps its word when its alert came
and named it, when what it says one sees was there, when every command ended well, and when what it calls good came back. All of
it takes minutes, so it is no part of the test suite. The exit code is 1 when a page does not keep its word.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Sequence

from tests.runbooks.walks import ELSEWHERE, SETTINGS, SUPERVISION, WALKS, Walker
from tests.whole.real import real_bot
from tests.whole.real_market import write_busy_market

LAUNCHES = 6_000


def main(argv: Sequence[str] | None = None) -> int:
    """Walk and print a line for each page; the exit code."""
    parser = argparse.ArgumentParser(prog="campaign", description="Walk through the runbooks on the local chain.")
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=f"default: all of {', '.join(WALKS)}")
    chosen = parser.parse_args(argv).pages or list(WALKS)
    if unknown := [page for page in chosen if page not in WALKS]:
        parser.error(f"{', '.join(unknown)}: no page that is walked here")
    broken = 0
    with real_bot(SETTINGS, SUPERVISION) as bot:
        market = write_busy_market(bot.directory / "busy.csv", LAUNCHES)
        bot.start("--market", str(market))
        bot.until_open()
        for page in chosen:
            walker = Walker(bot, page)
            began_s = time.monotonic()
            try:
                WALKS[page](walker)
                walker.good()
            except AssertionError as error:
                broken += 1
                traceback.print_exc(limit=-3)
                print(f"{page}: DOES NOT HOLD: {str(error).splitlines()[0]}", flush=True)
                walker.clear()
            else:
                print(
                    f"{page}: {walker.typed} commands typed, {walker.told}, {time.monotonic() - began_s:.0f} s",
                    flush=True,
                )
        bot.stop()
    print(f"{len(chosen) - broken} of {len(chosen)} pages kept their word")
    print(f"tried elsewhere: {', '.join(f'{page} by {place}' for page, place in ELSEWHERE.items())}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
