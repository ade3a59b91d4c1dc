"""Answers of the control socket for the dashboard's tests: one bot in every state, at one fixed moment."""

from __future__ import annotations

from typing import Any

from bot.clock import rfc3339

NOW_MS = 1_800_000_000_000  # 2027-01-15 08:00:00 UTC
SOL = 1_000_000_000

Answer = dict[str, Any]
Answers = tuple[Answer, Answer, Answer]


def at(seconds_ago: float) -> str:
    """An RFC 3339 time that long before the moment of the samples."""
    return rfc3339(NOW_MS - round(seconds_ago * 1000))


def status(state: str = "OPEN", level: int = 1, causes: list[Answer] | None = None) -> Answer:
    """The answer to `status`."""
    up = {"health": "up", "since": at(9_240), "detail": "answers"}
    return {
        "state": state,
        "level": level,
        "causes": causes or [],
        "mode": "live",
        "cluster": "local",
        "uptime_s": 9_245.3,
        "reconciled": True,
        "users": 2,
        "snipers": 2,
        "launches_seen": 312,
        "tokens_tracked": 47,
        "signals_today": 12,
        "positions": {"open": 3, "closed_today": 9, "unknown": 0},
        "trades_today": {"buys": 12, "sells": 9, "failed": 1},
        "pnl_lamports_today": 130_000_000,
        "capital_lamports": {"deployed": 250_000_000, "available": 19_400_000_000, "available_age_s": 12.5},
        "monitors": {"expected": 3, "live": 3, "fallback": 0, "oldest_check_s": 0.4},
        "wallets_followed": {"expected": 2, "live": 2, "oldest_look_s": 12.0, "waiting": 0, "trouble": None},
        "last_trade_at": at(14),
        "errors_today": 0,
        "errors_since": at(9_245),
        "prices_age_s": 0.3,
        "services": {
            "database": up,
            "rpc": {
                **up,
                "detail": "finalized height 20418",
                "endpoints": [
                    {"name": "127.0.0.1:38915", "healthy": True, "slot": 20_450, "latency_ms": 3, "detail": ""},
                    {"name": "127.0.0.1:38917", "healthy": True, "slot": 20_450, "latency_ms": 4, "detail": ""},
                ],
            },
            "stream": {**up, "detail": "connected", "sources": [source("logs", "up", 0.2)]},
            "telegram": {"health": "off", "since": None, "detail": "not in this version"},
        },
    }


def supervisor(sentence: str = "Everything runs; nothing is asked of you.", state: str = "running") -> Answer:
    """The answer to `supervisor`: a small tree, one of whose actors is in `state`."""
    workers = ["launch_watcher", "reconciler", "price_poller"]
    children = [{"name": name, "kind": "worker", "state": "running", "restarts": 0, "children": []} for name in workers]
    children.append({"name": "sniper-2", "kind": "worker", "state": state, "restarts": 2, "children": []})
    hunt = {"name": "hunt", "kind": "supervisor", "state": "running", "restarts": 2, "children": children}
    return {"sentence": sentence, "tree": {"name": "bot", "kind": "supervisor", "state": "running", "children": [hunt]}}


def position(number: int, value_lamports: int | None, **more: Any) -> Answer:
    """An open position that cost 0.05 SOL."""
    return {
        "id": f"position-{number}",
        "mint": f"{number:04}MintMintMintMintMintMintMintMintMintpump",
        "symbol": f"TOKEN{number}",
        "user": f"demo-{number % 2 + 1}",
        "mode": "live",
        "opened_at": at(64 + number),
        "cost_lamports": 50_000_000,
        "value_lamports": value_lamports,
        "price_age_s": 0.4,
        "take_profit_bps": 2_000,
        "stop_loss_bps": 1_000,
        "monitor": "live",
        **more,
    }


def token(number: int, score_bps: int, action: str) -> Answer:
    """A token of the momentum list."""
    return {
        "mint": f"{number:04}MintMintMintMintMintMintMintMintMintpump",
        "symbol": f"TOKEN{number}",
        "score_bps": score_bps,
        "action": action,
        "age_s": 3.5 * number,
        "curve_lamports": 3_210_000_000,
        "reason": "11 distinct buyers; 3.21 SOL net inflow",
    }


def event(
    seconds_ago: float, kind: str, side: str, lamports: int, realized_lamports: int | None, reason: str
) -> Answer:
    """Something that happened to TOKEN1 of demo-1."""
    return {
        "at": at(seconds_ago),
        "kind": kind,
        "side": side,
        "user": "demo-1",
        "mode": "live",
        "mint": "0001MintMintMintMintMintMintMintMintMintpump",
        "symbol": "TOKEN1",
        "lamports": lamports,
        "realized_lamports": realized_lamports,
        "reason": reason,
    }


def top(positions: list[Answer] | None = None, levels: list[Answer] | None = None) -> Answer:
    """The answer to `top`."""
    if positions is None:
        positions = [position(1, 61_200_000), position(2, 44_000_000), position(3, 50_000_000)]
    return {
        "details_age_s": 0.0,
        "capital": [
            {
                "mode": "live",
                "deployed_lamports": 250_000_000,
                "available_lamports": 19_400_000_000,
                "available_age_s": 12.5,
            }
        ],
        "today": [
            {
                "mode": "live",
                "signals": 12,
                "buys": 12,
                "sells": 9,
                "failed": 1,
                "wins": 6,
                "losses": 3,
                "realized_lamports": 130_000_000,
                "unrealized_lamports": -6_600_000,
                "fees_lamports": 1_200_000,
            },
        ],
        "positions": {"total": len(positions), "rows": positions},
        "momentum": {
            "rows": [
                token(3, 8_700, "strong_buy"),
                token(4, 7_200, "buy"),
                token(5, 4_100, "neutral"),
                token(6, 900, "sell"),
            ],
        },
        "recent": [
            event(14, "fill", "sell", 61_000_000, 11_200_000, "take_profit"),
            event(75, "fill", "sell", 44_000_000, -6_000_000, "stop_loss"),
            event(80, "fill", "buy", 50_000_000, None, "confidence 87 %"),
            event(130, "order_failed", "buy", 0, None, "slippage exceeded"),
        ],
        "levels": levels
        if levels is not None
        else [
            {"at": at(9_180), "state": "OPEN", "level": 1, "cause": None, "why": None},
            {"at": at(9_237), "state": "PAUSED", "level": 2, "cause": "rpc", "why": "no answer within 3 s"},
            {"at": at(9_240), "state": "OPEN", "level": 1, "cause": None, "why": None},
        ],
        "process": {
            "cpu_bps": 312,
            "rss_bytes": 96_000_000,
            "rss_peak_bytes": 112_000_000,
            "open_files": 34,
            "open_files_max": 1024,
            "threads": 5,
            "loop_lag_ms": 1,
            "loop_lag_worst_ms": 14,
            "database_connections": 4,
            "database_connections_max": 10,
            "received_bytes_per_s": 12_345,
            "sent_bytes_per_s": 3_210,
        },
    }


def source(name: str, state: str, age_s: float | None, detail: str = "") -> Answer:
    """One source of launches."""
    told = {"launches": 310, "first": 12, "since": at(72)}
    return {"name": name, "state": state, "age_s": age_s, "detail": detail, **told}
