"""What is kept of the market, measured, drawn and reported beside the road of money. Nothing here is asked by what trades."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors.daily_report import DailyReport
from actors.dollar_keeper import DollarKeeper
from actors.hearsay_keeper import HearsayKeeper
from actors.hour_watch import HourWatch
from actors.market_analyst import MarketAnalyst
from actors.picture_drawer import PictureDrawer
from actors.price_historian import PriceHistorian
from actors.recorder import Recorder
from actors.runtime import Start
from bot.adapters import Adapters, absent
from bot.clock import rfc3339
from bot.execution.alerts import Alert
from bot.execution.analysis_book import AnalysisBook
from bot.execution.dollar_book import DollarBook
from bot.execution.entry_model import EntryModel
from bot.execution.hearsay_book import HearsayBook
from bot.execution.hour_alerts import beside_usual
from bot.execution.hours import WATCHED, Asked
from bot.execution.price_book import PriceBook
from bot.execution.social_book import SocialBook
from bot.ports import PricePoint, Snapshot
from bot.trading.launch import LaunchpadEvent, TokenLaunch
from bot.trading.route import Route

Record = dict[str, Any]

MOVED_SHOWN = 3  # columns of a model that look otherwise than in training


class MarketData:
    """Takes what the stream tells and what polling reads."""

    def __init__(self, adapters: Adapters, prices: PriceBook, alert: Callable[[Alert], None], asked: Asked) -> None:
        recording, clock, rules = adapters.recording, adapters.clock, adapters.market_rules.history
        self.recorder = None if recording is None else Recorder(recording, clock, alert)
        self.dollars = DollarBook(clock, adapters.market_rules.usd.max_age_ms)
        self.hearsay = HearsayBook(clock, adapters.tellers)
        self.social = SocialBook(clock, adapters.social.first, adapters.social.instead)
        self.analyses = AnalysisBook()
        self._analyst = MarketAnalyst(self.analyses, adapters.chain, adapters.history, clock, recording)
        self.model = EntryModel(adapters.market_rules.model, alert)
        self._now_ms = clock.now_ms
        self._source, self._usd_every_s = adapters.sol_price, adapters.market_rules.usd.every_s
        begin = adapters.begin_drawing
        self._report = DailyReport(adapters.store, clock)
        self.hours = HourWatch(adapters.store, clock, asked, adapters.chain.health, alert)
        self.drawer = None if begin is None else PictureDrawer(begin)
        self.historian = PriceHistorian(adapters.store, adapters.chain, prices, clock, rules, self.read)

    def heard(self, event: LaunchpadEvent) -> None:
        """A launch or a trade."""
        if self.recorder is not None:
            self.recorder.note(event)
        if isinstance(event, TokenLaunch):
            self.historian.launched(event)

    def read(self, mint: str, point: PricePoint) -> None:
        """Reserves that somebody asked the chain for; an aggregator's offer tells none."""
        if self.recorder is not None and not isinstance(point.venue, Route):
            self.recorder.note(Snapshot(mint, point.venue, point.seen_at_ms))

    def record(self) -> Record | None:
        """The recording for status; None where none is made."""
        if self.recorder is None:
            return None
        look = self.recorder.look()
        kept = look.state
        return {
            "written": look.written,
            "dropped": look.dropped,
            "waiting": look.waiting,
            "kept_bytes": kept.kept_bytes,
            "oldest": None if kept.oldest_ms is None else rfc3339(kept.oldest_ms),
            "torn_files": kept.torn_files,
            "trouble": look.trouble,
        }

    def records(self) -> Record:
        """What status says of the market beside the services: the recording, dollars, who judges entries, odd hours."""
        return {
            "recorder": self.record(),
            "usd": self.dollar_record(),
            "opinions": self.opinion_record(),
            "unusual": self.unusual_records(),
        }

    def unusual_records(self) -> list[Record]:
        """Which measures of this hour are unlike the last seven days, for status, the longest first."""
        standing = sorted(self.hours.standing.items(), key=lambda one: one[1].since_ms)
        return [
            {
                "measure": name,
                "value": one.found.value,
                "usual": one.found.usual,
                "since": rfc3339(one.since_ms),
                "told": f"{WATCHED[name].words}: {beside_usual(WATCHED[name].unit, one.found)}",
            }
            for name, one in standing
        ]

    def opinion_record(self) -> Record:
        """Who judges entries, for status: the rules, or a model with its age and its drift."""
        look, now_ms = self.model.look(), self._now_ms()
        return {
            "by": look.version or "rules",
            "refused": look.refused,
            "trained_until": None if look.until_ms is None else rfc3339(look.until_ms),
            "age_s": None if look.until_ms is None else round((now_ms - look.until_ms) / 1000),
            "judged": look.judged,
            "drift_rows": look.drift_rows,
            "has_drifted": look.has_drifted,
            "moved": [{"column": one.column, "index": round(one.index, 2)} for one in look.moved[:MOVED_SHOWN]],
        }

    def dollar_record(self) -> Record | None:
        """SOL in dollars for status; None where nobody is asked. An old price is no price."""
        if self._source is None:
            return None
        age_ms = self.dollars.age_ms()
        return {
            "micro_usd_per_sol": self.dollars.micro_usd(),
            "age_s": None if age_ms is None else round(age_ms / 1000, 1),
            "trouble": self.dollars.trouble,
        }

    @property
    def heard_books(self) -> tuple[HearsayBook[Any], ...]:
        """What services beside the chain say: each book that has somebody to be asked."""
        return (*((self.hearsay,) if self.hearsay.lines else ()), *self.social.books)

    def starts(self) -> dict[str, Start]:
        """The actors, by their names in supervision.toml."""
        keeper = None if self._source is None else DollarKeeper(self._source, self.dollars, self._usd_every_s)
        heard = self.heard_books
        return {
            "dollar_keeper": absent if keeper is None else keeper.run,
            "hearsay_keeper": HearsayKeeper(heard).run if heard else absent,
            "market_analyst": self._analyst.run,
            "recorder": absent if self.recorder is None else self.recorder.run,
            "price_historian": self.historian.run,
            "daily_report": self._report.run,
            "hour_watch": self.hours.run,
            "picture_drawer": absent if self.drawer is None else self.drawer.run,
        }
