"""The report of a backtest: lines for the terminal, one JSON object, and one HTML file that loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import msgspec

from bot.backtest.baselines import BUY_ALL
from bot.backtest.pictures import calibration_svg, drawdown_svg, equity_svg, importance_svg, reasons_svg
from bot.backtest.results import Bin, ReasonLine, Summary, by_reason, calibration, summed
from bot.backtest.trades import Played
from bot.backtest.walk_forward import WalkForward
from bot.clock import rfc3339_s
from bot.trading.units import LAMPORTS_PER_SOL, counted, format_sol

NOTHING = "do nothing"
PROMISE = "Paper results of the past. They promise nothing: nobody reacts to an order that does not exist."
SUSPICION = "SUSPICIOUS: more than +15 % on average over more than 200 trades is a leak or a missing cost until shown otherwise."


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What was played, for whoever wants the same again; money is lamports, shares are basis points."""

    market: str
    fingerprint: str
    tokens: int
    rows: int
    left_out_rows: int
    sample_bps: int
    start_ms: int
    end_ms: int
    seed: int
    latency_ms: int
    landing_bps: int
    slots_min: int
    slots_max: int
    observe_s: float
    buy_all_bps: int
    random_bps: int
    model: str


class SetDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What lies below a line."""

    name: str
    by_reason: tuple[ReasonLine, ...]
    calibration: tuple[Bin, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a backtest found. `lines` has the sets, the baselines and doing nothing."""

    setup: Setup
    lines: tuple[Summary, ...]
    details: tuple[SetDetails, ...]
    walk_forward: WalkForward | None
    troubles: tuple[str, ...]
    promise: str = PROMISE


def reported(setup: Setup, played: Sequence[Played], forward: WalkForward | None) -> Report:
    """The report of what was played."""
    nothing = summed(Played(name=NOTHING, trades=(), looks=(), failed=0, failed_lamports=0))
    return Report(
        setup=setup,
        lines=(*(summed(one) for one in played), nothing),
        details=tuple(
            SetDetails(
                name=one.name,
                by_reason=tuple(by_reason(one.trades)),
                calibration=tuple(calibration(one.trades)),
            )
            for one in played
        ),
        walk_forward=forward,
        troubles=tuple(dict.fromkeys(trouble for one in played for trouble in one.troubles)),
    )


HEAD = (
    "",
    "trades",
    "won",
    "mean",
    "95 % interval",
    "median",
    "without best 3",
    "net SOL",
    "fees SOL",
    "max fall SOL",
    "failed",
)


def _cells(line: Summary) -> tuple[str, ...]:
    if not line.trades:
        return (line.name, "0", "", "", "", "", "", format_sol(line.net_lamports), "", "", str(line.failed or ""))
    bounds = "one hour only" if line.low is None or line.high is None else f"{line.low:+.1%} to {line.high:+.1%}"
    return (
        line.name + (" *" if line.suspicious else ""),
        str(line.trades),
        f"{line.won / line.trades:.0%}",
        f"{line.mean:+.1%}",
        bounds,
        f"{line.median:+.1%}",
        "" if line.without_best is None else f"{line.without_best:+.1%}",
        f"{line.net_lamports / LAMPORTS_PER_SOL:+.3f}",
        f"{line.fees_lamports / LAMPORTS_PER_SOL:.3f}",
        f"{line.drawdown_lamports / LAMPORTS_PER_SOL:.3f}",
        str(line.failed),
    )


def text_of(report: Report) -> str:
    """The report for a terminal."""
    setup = report.setup
    rows = [HEAD, *(_cells(line) for line in report.lines)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEAD))]
    table = [
        "  ".join(_aligned(cell, width, place) for place, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    lines = [_heading(setup), *(line.rstrip() for line in table)]
    if report.walk_forward is not None:
        lines += ["", *_forward_lines(report.walk_forward)]
    if any(line.suspicious for line in report.lines):
        lines += ["", f"* {SUSPICION}"]
    if report.troubles:
        lines += [
            "",
            f"The bot told of {counted(len(report.troubles), 'trouble')}, the first: {report.troubles[0][:200]}",
        ]
    return "\n".join([*lines, "", PROMISE])


def _aligned(cell: str, width: int, place: int) -> str:
    return cell.ljust(width) if place == 0 else cell.rjust(width)


def _heading(setup: Setup) -> str:
    return (
        f"{setup.market}: {setup.tokens} tokens, {setup.rows} rows, {rfc3339_s(setup.start_ms)} to {rfc3339_s(setup.end_ms)};"
        f" latency {setup.latency_ms} ms and {setup.slots_min} to {setup.slots_max} slots, {setup.landing_bps / 100:g} % land,"
        f" seed {setup.seed}; opinion by {setup.model}"
    )


def _forward_lines(forward: WalkForward) -> list[str]:
    lines = ["Walk-forward: the best of the past, judged by what came then"]
    for fold in forward.folds:
        chosen = (
            f"{fold.chosen} ({fold.past_mean:+.1%} of {fold.past_trades} before)"
            if fold.chosen
            else "none had traded enough"
        )
        lines.append(
            f"  from {rfc3339_s(fold.start_ms)}: {chosen}, then {fold.mean:+.1%} over {counted(fold.trades, 'trade')}"
        )
    one = forward.result
    bounds = "" if one.low is None or one.high is None else f", 95 % {one.low:+.1%} to {one.high:+.1%}"
    left = "" if one.without_best is None else f", without the three best {one.without_best:+.1%}"
    count = counted(one.trades, "trade")
    lines.append(f"  together {one.mean:+.1%} on average, median {one.median:+.1%}, over {count}{bounds}{left}")
    beside = max(forward.beside, key=lambda line: line.mean, default=None)
    if beside is not None:
        lines.append(f"  best set over the same time, known afterwards only: {beside.name}, {beside.mean:+.1%}")
    return lines


def html_of(report: Report, played: Sequence[Played], importance: Sequence[tuple[str, float]] = ()) -> str:
    """One page with everything in it; it asks nobody for anything."""
    setup = report.setup
    sets = [one for one in played if one.looks or one.name not in (BUY_ALL, "random")] or list(played)
    pictures = [
        equity_svg(played, setup.start_ms, setup.end_ms),
        drawdown_svg(played, setup.start_ms, setup.end_ms),
    ]
    for one in sets[:4]:
        pictures += [calibration_svg(one), reasons_svg(one)]
    if importance:
        pictures.append(importance_svg(importance))
    warned = f'<p class="warn">* {escape(SUSPICION)}</p>' if any(line.suspicious for line in report.lines) else ""
    forward = (
        "" if report.walk_forward is None else f"<pre>{escape(chr(10).join(_forward_lines(report.walk_forward)))}</pre>"
    )
    troubles = "".join(f"<li>{escape(trouble[:300])}</li>" for trouble in report.troubles)
    told = f"<h2>What the bot told of</h2><ul>{troubles}</ul>" if troubles else ""
    figures = "".join(f"<figure>{picture}</figure>" for picture in pictures)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Backtest of {escape(setup.market)}</title><style>{STYLE}</style></head><body>"
        f"<h1>Backtest of {escape(setup.market)}</h1><p>{escape(_heading(setup))}.</p>"
        f'<p class="warn">{escape(PROMISE)}</p>{_table(report.lines)}{warned}'
        "<p>Changes are shares of what a trade paid, all fees, tips and the own impact in them. The interval is of the mean,"
        " 95 %, by hours. Baselines buy a drawn share of all tokens"
        f" ({setup.buy_all_bps / 100:g} % and {setup.random_bps / 100:g} %) and leave as the first set does.</p>"
        f'{forward}<div class="pictures">{figures}</div>{told}'
        f"<h2>To play it again</h2><pre>{escape(_again(setup))}</pre></body></html>\n"
    )


def _table(lines: Sequence[Summary]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in HEAD)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(line)) + "</tr>" for line in lines)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _again(setup: Setup) -> str:
    return "\n".join(f"{name}: {value}" for name, value in msgspec.to_builtins(setup).items())


STYLE = (
    "body{background:#0e1420;color:#eef3fa;font:16px/1.5 'DejaVu Sans',system-ui,sans-serif;max-width:1160px;margin:0 auto;"
    "padding:24px}h1{font-size:28px;overflow-wrap:anywhere}h2{font-size:20px}table{border-collapse:collapse;font-size:14px;"
    "white-space:nowrap}th,td{padding:6px 10px;text-align:right;border-bottom:1px solid #2a3648}th:first-child,td:first-child"
    "{text-align:left}.wide{overflow-x:auto}.warn{color:#ffc857}pre{background:#151d2c;padding:14px;overflow-x:auto;"
    "font-size:14px}.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(440px,1fr));gap:16px}"
    "figure{margin:0}svg{width:100%;height:auto;display:block}li{overflow-wrap:anywhere}"
)
