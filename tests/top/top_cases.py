"""The bots whose frames are written down in `golden`.

`python -m tests.top.top_cases` writes the files anew; their diff is then what there is to review.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot.top.frame import draw
from bot.top.ink import UNICODE
from bot.top.reading import read
from bot.top.record import View
from tests.top.top_samples import NOW_MS, Answer, Answers, at, event, position, source, status, supervisor, token, top

GOLDEN = Path(__file__).parent / "golden"
SIZES = ((80, 24), (120, 36), (160, 45))

HOSTILE = (
    "\x1b[2J\x1b[31m[bold red]PUMP[/]\r\n\x07\u202egnp\u200f \u05d0\u05d1 e\u0301\u0301\u0301\u0301 \u4e2d\u6587 "
    + "A" * 10_000
)

RPC = {"cause": "rpc", "scope": "global", "since": at(72), "by": "rpc probe", "why": "no endpoint answers within 3 s"}
DAILY_LOSS = {
    "cause": "daily_loss:1",
    "scope": "user:1",
    "since": at(3_700),
    "by": "risk gate",
    "why": "lost 1.0000 SOL of 1.0000 SOL today",
}
HALT = {"cause": "rpc", "since": at(200), "by": "guard", "why": "rpc was away longer than 120 s"}


def paused() -> Answers:
    """Two causes, one for everybody and one for one user; one endpoint is down and an actor is in quarantine."""
    answer = status("PAUSED", 2, [DAILY_LOSS, RPC])
    answer["services"]["rpc"] |= {"health": "down", "since": at(72), "detail": "no endpoint answers within 3 s"}
    answer["services"]["rpc"]["endpoints"][0] |= {"healthy": False, "slot": None, "detail": "no answer within 3 s"}
    answer["services"]["stream"]["sources"] = [
        source("logs", "down", 72.0, "127.0.0.1:38916: nothing heard for 2 s, not even a new slot"),
        source("grpc", "up", 0.2),
        source("polling", "waiting", None),
    ]
    answer["monitors"] |= {"live": 2, "fallback": 1}
    answer["positions"]["unknown"] = 1
    sentence = (
        "Entries are paused since 2027-01-15T07:58:48.000Z by rpc (no endpoint answers within 3 s); exits and monitors go on"
        " and entries open again by themselves; see runbooks/no-rpc.md."
    )
    rows = [
        position(1, 61_200_000, price_age_s=31.0),
        position(2, None, price_age_s=None, monitor="fallback"),
        position(3, 44_000_000, mode="paper", monitor="none"),
    ]
    levels = [{"at": at(72), "state": "PAUSED", "level": 2, "cause": "rpc", "why": "no endpoint answers within 3 s"}]
    return answer, supervisor(sentence, "quarantined"), top(rows, levels)


def flattening() -> Answers:
    """The halt is latched, and positions are being sold."""
    sums = {"total": 9, "waiting": 3, "selling": 2, "sold": 3, "unsellable": 1, "held": 0}
    answer = status("FLATTENING", 3, [RPC]) | {"halt": HALT, "flatten": {"scope": "global", "user": None, **sums}}
    return answer, supervisor("The bot sells everything because rpc was away longer than 120 s."), top()


def halted() -> Answers:
    """Everything is sold; the bot stays up so that people can look."""
    answer = status("HALTED", 3) | {"halt": HALT}
    answer["positions"]["open"] = 0
    answer["monitors"] |= {"expected": 0, "live": 0}
    more = top([])
    more["today"][0]["unrealized_lamports"] = 0
    return answer, supervisor("The bot is halted; see runbooks/halted.md, then bot rearm."), more


def starting() -> Answers:
    """A bot that has just begun and does not know the verb `top`; its database is still away."""
    answer: Answer = {
        "state": "STARTING",
        "level": 1,
        "causes": [],
        "mode": "live",
        "cluster": "local",
        "uptime_s": 0.4,
    }
    return answer, {}, {}


def database_away() -> Answers:
    """The database hangs: what it alone knows is not known, and the panels are as they were."""
    why = "the database: no answer in time"
    cause = {"cause": "database", "scope": "global", "since": at(41), "by": "database watch", "why": why}
    answer = status("PAUSED", 2, [cause])
    answer |= {"users": None, "snipers": None, "signals_today": None, "pnl_lamports_today": None, "last_trade_at": None}
    answer["positions"] = {"open": None, "closed_today": None, "unknown": None}
    answer["trades_today"] = {"buys": None, "sells": None, "failed": None}
    answer["capital_lamports"] = {"deployed": None, "available": None, "available_age_s": None}
    answer["monitors"]["expected"] = answer["wallets_followed"]["expected"] = None
    answer["services"]["database"] = {"health": "down", "since": at(41), "detail": why}
    sentence = f"Entries are paused by database ({why}); monitors go on, exits go on from memory; see its page."
    return answer, supervisor(sentence), top() | {"details_age_s": 43.6}


def two_modes() -> Answers:
    """A user with real money beside one who trades on paper."""
    more = top([position(1, 61_200_000), position(2, 20_000_000, mode="paper")])
    live = more["today"][0]
    paper = {
        **live,
        "mode": "paper",
        "realized_lamports": -1_250_000_000,
        "unrealized_lamports": -30_000_000,
        "wins": 0,
        "losses": 0,
    }
    more["today"] = [live, paper]
    more["capital"].append({"mode": "paper", "deployed_lamports": 50_000_000, "available_lamports": 98_720_000_000})
    return status(), supervisor(), more


def sixty_positions() -> Answers:
    """More positions than a screen has lines; every third one loses."""
    rows = [position(number, 40_000_000 if number % 3 == 0 else 52_500_000) for number in range(60)]
    return status(), supervisor(), top(rows)


def hostile() -> Answers:
    """Names that want to steer the terminal, and numbers that no screen has room for."""
    answer = status("PAUSED", 2, [{**RPC, "why": HOSTILE, "by": HOSTILE}])
    answer |= {"uptime_s": -5, "launches_seen": 10**23, "users": -1, "pnl_lamports_today": 10**400, "cluster": HOSTILE}
    answer["services"][HOSTILE] = {"health": HOSTILE, "since": "yesterday", "detail": HOSTILE}
    rows: list[dict[str, Any]] = [
        position(1, 10**23, symbol=HOSTILE, mint=HOSTILE, user=HOSTILE, mode=HOSTILE, monitor=HOSTILE),
        position(2, -(10**20), symbol="\u202e", cost_lamports=10**19, opened_at=at(-90), price_age_s=float("inf")),
        position(3, 5 * 10**15, symbol="\u4e2d" * 30, cost_lamports=0, stop_loss_bps=10**9),
    ]
    more = top(rows)
    more["today"][0] |= {
        "realized_lamports": -(10**17),
        "unrealized_lamports": 10**13,
        "wins": 10**22,
        "fees_lamports": 1.5,
    }
    more["momentum"]["rows"] = [{**token(1, -(10**9), HOSTILE), "symbol": HOSTILE, "reason": HOSTILE}, {}]
    more["recent"] = [
        event(-5, HOSTILE, "sell", 10**18, -(10**18), HOSTILE),
        {**event(1, "fill", "buy", 1, None, ""), "symbol": HOSTILE},
    ]
    more["levels"] = [{"at": HOSTILE, "state": HOSTILE, "level": 10**9, "cause": HOSTILE, "why": HOSTILE}, {}, "no row"]
    more["process"] |= {"rss_bytes": 10**23, "cpu_bps": -1, "threads": "five", "loop_lag_ms": True}
    return answer, supervisor(HOSTILE, HOSTILE), more


CASES = {
    "open": lambda: (status(), supervisor(), top()),
    "paused": paused,
    "flattening": flattening,
    "halted": halted,
    "starting": starting,
    "database_away": database_away,
    "two_modes": two_modes,
    "sixty_positions": sixty_positions,
    "hostile": hostile,
}


def view(name: str, *, ascii_only: bool = False) -> View:
    """The record of a case."""
    return read(*CASES[name](), ascii_only=ascii_only)


def written(name: str) -> str:
    """What the golden file of a case holds: its frame at each size, the lines between two bars that end at the edge."""
    parts = []
    for width, height in SIZES:
        frame = draw(view(name), now_ms=NOW_MS, width=width, height=height, glyphs=UNICODE)
        parts.append(f"{width}x{height}\n{'=' * width}\n{frame.plain}\n{'=' * width}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for case in CASES:
        (GOLDEN / f"{case}.txt").write_text(written(case), encoding="utf-8")
