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
from collections.abc import Callable, Sequence
from functools import partial

from tests.runbooks.surroundings import surrounded_bot
from tests.runbooks.walker import GOOD_WITHIN_S, Walker
from tests.runbooks.walks import ELSEWHERE, NOTHING_TO_TYPE, OWN_SCENE, WALKS

NEWLINE = "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Walk and print a line for each page; the exit code."""
    every = [*WALKS, *OWN_SCENE]
    parser = argparse.ArgumentParser(prog="campaign", description="Walk through the runbooks on the local chain.")
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=f"default: all of {', '.join(every)}")
    chosen = parser.parse_args(argv).pages or every
    if unknown := [page for page in chosen if page not in every]:
        parser.error(f"{', '.join(unknown)}: no page that is walked here")
    kept = [kept_its_word(page, OWN_SCENE[page]) for page in chosen if page in OWN_SCENE]
    if together := [page for page in chosen if page in WALKS]:
        with surrounded_bot() as (bot, around):
            around.start(bot)
            bot.until("open for entries", lambda status: status["state"] == "OPEN", within_s=GOOD_WITHIN_S)
            for page in together:
                walker = Walker(bot, page, around)
                kept.append(kept_its_word(page, partial(walked, walker)))
                if not kept[-1]:  # the next page begins without what this one has left
                    walker.clear()
                    bot.forgive()
            bot.stop()
    print(f"{sum(kept)} of {len(chosen)} pages kept their word")
    print(f"tried elsewhere: {', '.join(f'{page} by {place}' for page, (place, _) in ELSEWHERE.items())}")
    print(f"nothing to type: {', '.join(NOTHING_TO_TYPE)}")
    return 0 if all(kept) else 1


def walked(walker: Walker) -> Walker:
    """One page on the bot that stands for all, and what every page calls good behind it."""
    WALKS[walker.page](walker)
    walker.good()
    return walker


def kept_its_word(page: str, walk: Callable[[], Walker]) -> bool:
    """Whether it did; a line about it, and where it broke."""
    began_s = time.monotonic()
    try:
        walker = walk()
    except Exception as error:
        print("".join(traceback.format_tb(error.__traceback__)[-3:]), flush=True)
        print(f"{page}: DOES NOT HOLD: {str(error).partition(NEWLINE)[0] or repr(error)}", flush=True)
        return False
    took_s = time.monotonic() - began_s
    print(f"{page}: {walker.typed} commands typed, {walker.told}, {took_s:.0f} s", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
