"""Following other people's wallets, and how good they have been."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import trio

from bot.clock import Clock
from bot.commands import Command
from bot.execution.early_buyers import WON_TIMES, EarlyBuyers
from bot.execution.wallet_standings import Standing, WalletStandings
from bot.pictures.plain import Picture
from bot.ports import Button, Recipe, Store, TrackedWallet, User
from bot.telegram.chat import Answer, Handler, Incoming
from bot.telegram.handlers.account import known
from bot.telegram.handlers.auto_trading import AutoTradingHandlers
from bot.telegram.handlers.trade import key_of
from bot.telegram.parsing import UsageError, wrong_usage
from bot.telegram.ranking_text import NO_PROMISE, named, ranking_picture, standing_line, standing_text
from bot.telegram.words import short
from bot.trading.followable import why_not_followed
from bot.trading.one_line import one_line

LABEL_LENGTH = 32
TRACKED_MAX = 50  # wallets that one user may follow
SHOWN = 10
DISCOVERED = (
    "Whether they sold at such a price nobody knows, and nothing is bought by this. Who is followed gets a score out of what he"
    " trades from then on."
)


@dataclass(frozen=True, slots=True)
class FollowingHandlers:
    """`tracking_changed` starts or stops the scanner of an address, `scanned` tells how old what it knows gets.

    `auto` has the commands of automated traders, which buy what followed wallets buy.
    """

    store: Store
    clock: Clock
    tracking_changed: Callable[[], Awaitable[None]]
    scanned: Callable[[str], str]
    standings: WalletStandings
    early: EarlyBuyers
    auto: AutoTradingHandlers

    def commands(self) -> Mapping[str, Handler]:
        """The handler of each command."""
        return {
            "track": self.track,
            "untrack": self.untrack,
            "rankings": self.rankings,
            **self.auto.commands(),
        }

    async def track(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str | Answer:  # noqa: ARG002
        """Follow a wallet; without one, those that are followed."""
        user = known(incoming)
        if not arguments:
            return await self._tracked(user)
        address, label = key_of(arguments[0], "wallet"), one_line(" ".join(arguments[1:]))
        if reason := why_not_followed(address):
            raise UsageError(f"{address} {reason}")
        if any(address == wallet.address for wallet in await self.store.wallets(user.id)):
            raise UsageError("that is a wallet of your own, of which you hear anyway; give somebody else's address")
        if len(label) > LABEL_LENGTH:
            raise UsageError(f"a label has at most {LABEL_LENGTH} characters")
        if len(await self.store.tracked(user.id)) >= TRACKED_MAX:
            raise UsageError(f"you follow {TRACKED_MAX} wallets, which is the most; /untrack one first")
        if not await self.store.track(TrackedWallet(user.id, address, label or short(address), self.clock.now_ms())):
            return f"You follow {short(address)} already."
        await self.tracking_changed()
        return f"Following {label or short(address)}; its trades are recorded from now on, {self.scanned(address)}."

    async def untrack(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if len(arguments) != 1:
            raise wrong_usage(command)
        user, address = known(incoming), key_of(arguments[0], "wallet")
        if any(rule.leader == address for rule in await self.store.copy_rules(user.id)):
            raise UsageError(f"you copy {short(address)}, which needs its trades; /stop_copy {address} first")
        if not await self.store.untrack(user.id, address):
            mine = ", ".join(row.address for row in await self.store.tracked(user.id)) or "none"
            return f"You do not follow {short(address)}; you follow: {mine}."
        await self.tracking_changed()
        return f"You follow {short(address)} no more."

    async def rankings(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str | Answer:
        """The best of all followed wallets, of one's own, those that nobody follows yet, or all about one."""
        user = known(incoming)
        if len(arguments) > 1:
            raise wrong_usage(command)
        labels = await self._labels(user)
        if not arguments:
            return self._ranking("The best of the wallets that are followed here", self.standings.best(SHOWN), labels)
        if arguments[0].lower() == "mine":
            return self._ranking(
                "The best of the wallets that you follow", self.standings.best(SHOWN, list(labels)), labels
            )
        if arguments[0].lower() == "discovered":
            return self._discovered(labels)
        return self._one(key_of(arguments[0], "wallet"), labels)

    async def _labels(self, user: User) -> dict[str, str]:
        return {wallet.address: wallet.label for wallet in await self.store.tracked(user.id)}

    async def _tracked(self, user: User) -> str | Answer:
        """Every followed wallet of a user, in the order in which he began to follow them."""
        labels = await self._labels(user)
        if not labels:
            return "You follow no wallet; /track ADDRESS LABEL follows one, and /rankings has those that others follow."
        lines = [standing_line(named(address, labels), self.standings.of(address)) for address in labels]
        return "\n".join([f"You follow {len(labels)} of at most {TRACKED_MAX} wallets:", *lines, NO_PROMISE])

    def _ranking(self, title: str, best: Sequence[Standing], labels: Mapping[str, str]) -> str | Answer:
        if not best:
            return (
                f"{title}: none has traded yet. /track ADDRESS follows one, and its score begins with its next trade."
            )
        lines = [
            f"{place}. {standing_line(named(one.record.address, labels), one)}"
            for place, one in enumerate(best, start=1)
        ]
        buttons = tuple(
            Button(f"Follow {short(one.record.address)}", f"/track {one.record.address}")
            for one in best
            if one.record.address not in labels
        )
        return Answer(
            "\n".join([f"{title}:", *lines, NO_PROMISE]),
            picture=_recipe(ranking_picture(title, best, labels)),
            buttons=buttons,
        )

    def _discovered(self, labels: Mapping[str, str]) -> str | Answer:
        """Wallets that nobody has to follow yet: early in tokens that rose, since the bot began."""
        found = self.early.best(SHOWN, labels)
        if not found:
            tokens, _ = self.early.counts()
            return (
                f"No wallet has been early in three tokens that then rose to {WON_TIMES} times its price, since the bot began;"
                f" {tokens} young tokens are watched."
            )
        lines = [
            f"{place}. {one.wallet}: early in {one.early} tokens, of which {one.won} rose to {WON_TIMES} times its price or more"
            for place, one in enumerate(found, start=1)
        ]
        buttons = tuple(Button(f"Follow {short(one.wallet)}", f"/track {one.wallet}") for one in found)
        return Answer(
            "\n".join(["Early in tokens that rose, since the bot began:", *lines, DISCOVERED]), buttons=buttons
        )

    def _one(self, address: str, labels: Mapping[str, str]) -> str | Answer:
        standing = self.standings.of(address)
        if standing is None:
            return f"Nothing is known of {short(address)}: nobody follows it, or it was not read yet. /track {address} does."
        text = standing_text(named(address, labels), standing, self.clock.now_ms() // 1000)
        if address in labels:
            return text
        return Answer(text, buttons=(Button(f"Follow {short(address)}", f"/track {address}"),))


def _recipe(picture: Picture) -> Recipe:
    """A picture that is there already."""

    async def read() -> Picture:
        await trio.lowlevel.checkpoint()
        return picture

    return read
