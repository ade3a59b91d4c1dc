"""`bot backtest`: a recorded market through the whole bot, and what each parameter set would have made of it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bot import settings
from bot.backtest.compared import Comparison, comparison_text, joined_comparison
from bot.backtest.market import SHARE_STEPS, RecordedMarket, read_market
from bot.backtest.paced import Pacing, beside_backtest
from bot.backtest.parameters import DEFAULT, ParameterSet, checked, read_flag, read_sets
from bot.backtest.play import Terms, used_model
from bot.backtest.report import Setup, html_of, reported, text_of
from bot.backtest.run import Progress, cut, played_in_days
from bot.backtest.walk_forward import walk_forward
from bot.chain.paper_rules import LandingModel
from bot.errors import BotError


def run(arguments: argparse.Namespace, progress: Progress) -> int:
    """Returns the exit code; raises BotError with one line."""
    path = Path(arguments.market)
    sets = _sets(arguments)
    report_path = None if arguments.report is None else _writable(Path(arguments.report))
    terms = _terms(arguments)
    model = used_model(terms.model_folder).model
    if arguments.free and arguments.paced is None:
        raise BotError("--free is about a paced play; give --paced SPEED as well")
    if not path.exists():
        raise BotError(f"{path}: no such market; give a file or the folder of a recording")
    market = cut(read_market(path), arguments.hours, _share(arguments.sample))
    if arguments.paced is not None:
        return _held_to_a_pace(arguments, market, sets, terms, progress)
    played = played_in_days(
        path,
        market,
        sets,
        terms,
        workers=arguments.workers or min(os.cpu_count() or 1, 8),
        sample_bps=_share(arguments.sample),
        progress=progress,
    )
    names = {one.name for one in sets}
    own = [one for one in played if one.name in names]
    forward = walk_forward(own, market.first_ms, market.last_ms, arguments.folds) if arguments.folds else None
    setup = Setup(
        market=market.name,
        fingerprint=market.fingerprint,
        tokens=market.tokens,
        rows=market.rows.height,
        left_out_rows=market.left_out,
        sample_bps=_share(arguments.sample),
        start_ms=market.first_ms,
        end_ms=market.last_ms,
        seed=terms.seed,
        latency_ms=terms.landing.latency_ms,
        landing_bps=terms.landing.landing_bps,
        slots_min=terms.landing.slots_min,
        slots_max=terms.landing.slots_max,
        observe_s=terms.observe_s,
        buy_all_bps=terms.buy_all_bps,
        random_bps=terms.random_bps,
        model="rules" if model is None else str(model.about["version"]),
    )
    report = reported(setup, played, forward)
    if report_path is not None:
        _write(report_path, html_of(report, played, [] if model is None else list(model.about["importance"].items())))
        print(f"the report is in {report_path}", file=sys.stderr)
    print(msgspec.json.encode(report).decode() if arguments.json else text_of(report))
    return 0


def _held_to_a_pace(
    arguments: argparse.Namespace,
    market: RecordedMarket,
    sets: Sequence[ParameterSet],
    terms: Terms,
    progress: Progress,
) -> int:
    """Each day on the real clock and as a backtest; 1 where they differ although time stood still for the bot."""
    pacing, done, found = Pacing(arguments.paced, free=arguments.free), 0, list[Comparison]()
    for part in market.days():
        day = market.of(part)
        progress(done, market.rows.height)
        found.append(beside_backtest(day, sets, terms, pacing))
        done += day.rows.height
    whole = joined_comparison(found)
    print(msgspec.json.encode(whole).decode() if arguments.json else comparison_text(whole))
    return 0 if whole.is_same or pacing.free else 1


def _sets(arguments: argparse.Namespace) -> list[ParameterSet]:
    sets = [] if arguments.sets is None else read_sets(Path(arguments.sets))
    sets += [read_flag(text) for text in arguments.set or ()]
    return checked("the sets", sets or [DEFAULT])


def _terms(arguments: argparse.Namespace) -> Terms:
    """Latency, landing and the time of watching by the settings, as `bot run` reads them."""
    chosen = settings.load(None if arguments.config is None else Path(arguments.config), profile="paper")
    paper = chosen.paper
    landing = LandingModel(
        latency_ms=paper.latency_ms,
        landing_bps=settings.basis_points(paper.landing_percent),
        slots_min=paper.slots_min,
        slots_max=paper.slots_max,
        seed=arguments.seed,
    )
    return Terms(
        landing=landing,
        observe_s=chosen.trading.observe_s,
        seed=arguments.seed,
        buy_all_bps=_share(arguments.buy_all),
        random_bps=_share(arguments.random),
        model_folder=chosen.model.folder if arguments.model is None else Path(arguments.model),
    )


def _share(percent: float) -> int:
    return round(percent * SHARE_STEPS / 100)


def _writable(path: Path) -> Path:
    """Known before hours of work, not after them."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise BotError(f"{path}: the report cannot be written there; give a file in a folder that exists")
    return path


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise BotError(f"{path}: the report cannot be written: {error.strerror}; give another --report") from None
