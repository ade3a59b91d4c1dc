"""Sends updates to the real bot twice, late and out of order, kills it three times, and counts what came of each.

`make replay-updates`, or `python -m tests.telegram.replay_campaign --updates 10000 --seed 7`. It takes about four minutes, so
it is no part of the test suite. What it sends is in `replay.py`. Exit code 1 when a command had no effect or two, when somebody
confirmed another one's card or one of an earlier life, or when the books do not equal the chain.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bot.storage.rules import ALERTS_SET
from tests.telegram.fake_bot_api import TOKEN, FakeBotApi, Json
from tests.telegram.replay import Person, Scrambler, script, told_apart
from tests.whole.audit import audit
from tests.whole.real import SOON_OPEN, RealBot, Status, real_bot
from tests.whole.real_evidence import Row, rows_of_running
from tests.whole.real_telegram import TelegramOutside

PEOPLE = 48
KILLS = 3
TURN_S = 0.02  # between two messages of anybody; a person writes at most every other second
BEHIND_MAX = 3  # a person who waits for so many answers writes nothing more meanwhile
DONE_WITHIN_S = 180.0
SETTINGS = """\
[trading]
confirm_interval_s = 0.1
[localnet]
slot_ms = 100
"""
NO_OFFER = "There is no such offer for you"
CODE = re.compile(r"/confirm ([0-9a-f]{8})")
ALERTED = f"""
select telegram_id, facts from audit inner join users on users.id = actor where action = '{ALERTS_SET}' order by audit.id
"""
ORDERED = "select telegram_id, key from intents inner join users on users.id = user_id where key like 'tg:%'"
PAUSED = "select telegram_id from pause_causes inner join users on scope = 'user:' || users.id where name = 'paused'"
STOPS = "select telegram_id, stop_loss_bps from user_settings inner join users on users.id = user_id"
TAKEN = "select update_id, text from chat_inbox"
DONE = "select update_id from chat_inbox where done_at is not null"


class ScrambledBotApi(FakeBotApi):
    """Brings what it has twice, late and out of order."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.scrambler: Scrambler[Json] = Scrambler(seed, lambda update: int(update["update_id"]), _chat_of)

    async def m_getUpdates(
        self,
        *,
        offset: int = 0,
        limit: int = 100,
        timeout: int = 0,  # noqa: ASYNC109 - Telegram's name
        allowed_updates: list[str] | None = None,
    ) -> tuple[list[Json], str]:
        wait_s = 0 if self.scrambler.owes else timeout
        pending, kind = await super().m_getUpdates(
            offset=offset, limit=limit, timeout=wait_s, allowed_updates=allowed_updates
        )
        return self.scrambler.batch(pending, limit, anew=offset == 0), kind


def _is_well(status: Status) -> bool:
    """Whether the bot trades and hears; what its users have paused is theirs."""
    return status["state"] == "OPEN" and status["reconciled"] and status["services"]["telegram"]["health"] == "up"


def _chat_of(update: Json) -> int:
    return int(update["message"]["chat"]["id"])


@dataclass(slots=True)
class Replay:
    """The people, their Telegram, and the bot. `found` is what is wrong."""

    bot: RealBot
    telegram: TelegramOutside
    fake: ScrambledBotApi
    people: list[Person]
    draw: random.Random
    lines: list[Iterator[str]] = field(default_factory=list)
    answered: Counter[int] = field(default_factory=Counter)
    asked: Counter[int] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)

    def start(self) -> None:
        self.bot.start(environment={"TELEGRAM_BOT_TOKEN": TOKEN})
        self.bot.until("it trades and hears", _is_well)
        self.answered.clear()
        self.asked.clear()
        mint = self._token()
        self.lines = [script(place, mint) for place in range(len(self.people))]

    def come_in(self) -> None:
        """Everybody gets a wallet and buys without a card; then each has his own lines."""
        for person in self.people:
            self.telegram.do(lambda fake, one=person: fake.say(one.telegram_id, "/start agree"))
        for person in self.people:
            self._hears(person, "Your wallet is")
            self.telegram.do(lambda fake, one=person: fake.say(one.telegram_id, "/settings require_confirmation off"))
        for person in self.people:
            self._hears(person, "require_confirmation = off")

    def send(self, deliveries: int) -> None:
        """Go on until Telegram has brought that many."""
        while self.fake.scrambler.delivered < deliveries:
            for place in self.draw.sample(range(len(self.people)), len(self.people)):
                self.telegram.do(lambda _, one=place: self._say(one))
                time.sleep(TURN_S * self.draw.uniform(0.5, 1.5))

    def _say(self, place: int) -> None:
        """One more line of this person, unless he waits for answers. Runs in the server's thread."""
        person = self.people[place]
        heard = sum(shown.ours for shown in self.fake.messages(person.telegram_id))
        self.answered.setdefault(person.telegram_id, heard)
        if self.asked[person.telegram_id] - (heard - self.answered[person.telegram_id]) >= BEHIND_MAX:
            return
        text = next(self.lines[place])
        self.fake.say(person.telegram_id, text)
        person.note(self.fake._updates, text)
        self.asked[person.telegram_id] += 1

    def _token(self) -> str:
        """A token that a sniper has bought, so that others may too."""
        self.bot.until_logged("snipe_filled")
        return str([event["mint"] for event in self.bot.log() if event["event"] == "snipe_filled"][-1])

    def _hears(self, person: Person, words: str) -> str:
        self.telegram.until(words, lambda: any(words in text for text in self.telegram.texts(person.telegram_id)))
        return next(text for text in self.telegram.texts(person.telegram_id) if words in text)

    def strangers_and_old_cards(self) -> None:
        """A card is confirmed by another person, the bot is killed, and then its own reader confirms it."""
        reader, other = self.people[1], self.people[2]
        mint = self._token()
        self.bot.say(str(reader.telegram_id), "/settings require_confirmation on")
        self.telegram.do(lambda fake: fake.say(reader.telegram_id, f"/buy {mint} 0.001"))
        found = CODE.search(self._hears(reader, "Nothing is sent yet"))
        assert found is not None
        self.telegram.asks(other.telegram_id, f"/confirm {found[1]}", NO_OFFER)
        self.bot.kill()
        self.start()
        self.telegram.asks(reader.telegram_id, f"/confirm {found[1]}", NO_OFFER)
        self.bot.say(str(reader.telegram_id), "/settings require_confirmation off")

    # --------------------------------------------------------------------------------------------------------- counts

    def rows(self, sql: str) -> list[Row]:
        return rows_of_running(self.bot.directory, sql)

    def until_done(self) -> None:
        """Telegram owes nothing, and nothing that was taken is undone."""
        self.telegram.until(
            "everything brought",
            lambda: self.telegram.do(lambda fake: not fake._pending and not self.fake.scrambler.owes),
        )
        wanted = {number for person in self.people for number in person.sent}
        deadline_s = time.monotonic() + DONE_WITHIN_S
        while (lost := wanted - self._done()) and time.monotonic() < deadline_s:
            time.sleep(0.2)
        kept = {row["update_id"]: row["text"] for row in self.rows(TAKEN)}
        self.found += [f"update {number} was never done: {kept.get(number, 'nor taken')}" for number in sorted(lost)]

    def _done(self) -> set[int]:
        return {int(row["update_id"]) for row in self.rows(DONE)}

    def count(self) -> int:
        """Hold what is in the rows against what was sent; how many orders were refused after a start."""
        ordered = Counter((row["telegram_id"], row["key"]) for row in self.rows(ORDERED))
        alerted: dict[int, list[tuple[str, str]]] = {}
        for row in self.rows(ALERTED):
            facts = row["facts"] if isinstance(row["facts"], dict) else json.loads(row["facts"])
            alerted.setdefault(row["telegram_id"], []).extend(facts.items())
        paused = {row["telegram_id"] for row in self.rows(PAUSED)}
        stops = {row["telegram_id"]: row["stop_loss_bps"] for row in self.rows(STOPS)}
        run = {event["key"] for event in self.bot.log() if event["event"] == "command"}
        refused = 0
        for person in self.people:
            who = person.telegram_id
            if told_apart(alerted.get(who, [])) != told_apart(person.alerts):
                self.found.append(f"{who}: his alerts were set otherwise than he set them")
            if (who in paused) != person.is_paused:
                self.found.append(f"{who}: his last word about a pause was not the last")
            if person.stop_loss is not None and stops[who] != int(person.stop_loss.rstrip("%")) * 100:
                self.found.append(f"{who}: his stop-loss is {stops[who]}, he set {person.stop_loss}")
            mine = {key for owner, key in ordered if owner == who}
            if strange := mine - person.orders:
                self.found.append(f"{who}: orders that he never gave: {sorted(strange)}")
            refused += len(person.orders - mine)
            if skipped := person.orders - mine - run:
                self.found.append(f"{who}: orders that were never looked at: {sorted(skipped)}")
        self.found += [f"{who}: {count} orders of {key}" for (who, key), count in ordered.items() if count > 1]
        return refused


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaign, print what it found; the exit code."""
    parser = argparse.ArgumentParser(prog="replay_campaign", description="Replay updates, kill the bot, count effects.")
    parser.add_argument("--updates", type=int, default=10_000, metavar="N", help="how many are brought")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000), metavar="SEED")
    arguments = parser.parse_args(argv)
    print(f"{arguments.updates} updates, {KILLS} kills, seed {arguments.seed}", flush=True)
    telegram = TelegramOutside()
    telegram.fake = fake = ScrambledBotApi(arguments.seed)
    telegram.open()
    try:
        with real_bot(f'{SETTINGS}[telegram]\nbase_url = "{telegram.url}"\n', SOON_OPEN) as bot:
            people = [Person(9_000 + number) for number in range(PEOPLE)]
            replay = Replay(bot, telegram, fake, people, random.Random(arguments.seed))
            refused = _play(replay, arguments.updates)
            bot.stop()
            replay.found += audit(bot.directory)
    finally:
        telegram.close()
    replay.found += fake.complaints
    sent = sum(len(person.sent) for person in people)
    orders = sum(len(person.orders) for person in people)
    print(f"{sent} commands, brought {fake.scrambler.delivered} times; {orders} orders, {refused} refused")
    said = Counter(text[:100] for person in people for text in telegram.texts(person.telegram_id) if "Not done" in text)
    for text, count in said.most_common(5):
        print(f"{count} times: {text}")
    print("\n".join(["findings:", *replay.found]) if replay.found else "no findings: each command was done once")
    return 1 if replay.found else 0


def _play(replay: Replay, deliveries: int) -> int:
    replay.start()
    replay.come_in()
    replay.strangers_and_old_cards()
    for kill in range(1, KILLS):
        replay.send(deliveries * kill // KILLS)
        replay.bot.kill()
        print(f"killed after {replay.fake.scrambler.delivered} updates", flush=True)
        replay.start()
    replay.send(deliveries)
    replay.until_done()
    return replay.count()


if __name__ == "__main__":
    sys.exit(main())
