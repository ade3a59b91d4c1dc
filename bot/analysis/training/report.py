"""What `bot train` prints: how the model did on what it had not seen, beside everything that it has to be held against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bot.trading.units import LAMPORTS_PER_SOL

NOTHING = ("do nothing", "0", "+0.0%", "+0.0%", "+0.0% to +0.0%", "+0.0%", "-")
HEADINGS = ("", "trades", "mean", "median", "95 % of means", "without best 3", "won")


def text_of(version: str, facts: dict[str, Any], left_out: Sequence[str]) -> str:
    """The report of one training as plain text."""
    return "\n".join(_lines(version, facts, left_out)) + "\n"


def _lines(version: str, facts: dict[str, Any], left_out: Sequence[str]) -> Iterator[str]:
    data, told, costs, exits = facts["data"], facts["metrics"], facts["costs"], facts["exits"]
    yield f"{version}, trained on {data['tokens']} tokens, {data['moments']} moments (data {data['fingerprint']})"
    if left_out:
        yield f"left out, no trades of this schema: {', '.join(left_out)}"
    if not facts["traders_known"]:
        yield "some tokens name no traders: the rules cannot judge those, and the model has nothing to count there"
    yield ""
    yield f"On {told['moments']} moments of {told['tokens']} tokens that came later than what judged them:"
    for name, meant in (("rug", "rug"), ("double", "doubles first"), ("gain", "net gain")):
        part = told[name]
        yield (
            f"  {meant:14} came {part['came']:6.1%}  AUC {_number(part['auc'])}"
            f" (creators never met {_number(part['auc_unseen_creators'])}, shuffled labels"
            f" {_number(facts['shuffled_auc'][name])})  Brier {_number(part['brier'])}"
        )
    for name, share in told["quantiles"].items():
        yield f"  {name}: {share['below']:.1%} came below it, {share['not_above']:.1%} not above it"
    yield ""
    yield (
        f"One entry a token of {costs['spend_lamports'] / LAMPORTS_PER_SOL:g} SOL, left at"
        f" +{exits['take_profit_bps'] / 100:g} %, -{exits['stop_loss_bps'] / 100:g} % or after {exits['max_hold_s']} s; paid:"
        f" {costs['fee_bps'] / 100:g} % a side, {costs['network_lamports'] / LAMPORTS_PER_SOL:g} SOL a transaction,"
        f" own impact, {costs['latency_ms'] / 1000:g} s latency"
    )
    yield from _table(facts["lines"])
    yield ""
    for name, found in facts["differences"].items():
        if found is not None:
            yield f"  {name}: {found['mean']:+.1%} ({found['low']:+.1%} to {found['high']:+.1%})"
    for name in facts["suspicious"]:
        yield f"SUSPICIOUS: {name} gains more than 15 % a trade: on a real market a leak or a missing cost until shown otherwise"
    yield "Past results of recorded or simulated trades; none of it promises anything."


def _table(lines: list[dict[str, Any]]) -> Iterator[str]:
    rows = [HEADINGS, NOTHING, *(_row(line) for line in lines)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADINGS))]
    for name, *numbers in rows:
        cells = (text.rjust(width) for text, width in zip(numbers, widths[1:], strict=True))
        yield "  " + "  ".join((name.ljust(widths[0]), *cells))


def _row(line: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(line["name"]),
        str(line["trades"]),
        _share(line["mean"]),
        _share(line["median"]),
        f"{_share(line['low'])} to {_share(line['high'])}",
        _share(line["without_best"]),
        "-" if line["won"] is None else f"{line['won']:.0%}",
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:+.1%}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
