"""What a chat may send: how much of it, what of it may not wait, and what came too late. Decides and does nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from bot.commands import BY_NAME, Command
from bot.execution.chat_words import FLOOD, GROUP, LATE, LATE_ENTRY, OVERTAKEN
from bot.ports import ButtonPress, ChatText, ChatUpdate, OtherUpdate, TakenCommand

BURST = 20  # messages of one chat at once, and one more each second
REMEMBERED = 10_000  # updates, groups and floods
MAX_WAITING = 10  # commands of one chat
LATE_MS = 120_000  # what was sent longer ago while nobody listened is not done unasked
LATE_ENTRY_MS = 60_000  # what would buy, or let something buy, is not done later than this even if somebody listened
LONGEST_NAME = 40  # characters of a text in which a command's name is looked for


@dataclass(slots=True)
class Recent:
    """The latest keys, up to a limit."""

    limit: int = REMEMBERED
    _keys: OrderedDict[int, None] = field(default_factory=OrderedDict)

    def __contains__(self, key: int) -> bool:
        return key in self._keys

    def add(self, key: int) -> None:
        """Remember a key, and forget the oldest above the limit."""
        self._keys[key] = None
        if len(self._keys) > self.limit:
            self._keys.popitem(last=False)


@dataclass(slots=True)
class Flood:
    """What one chat may still send; `told` while a flood lasts that its sender knows of."""

    left: float = BURST
    at_s: float = 0.0
    told: bool = False

    def admits(self, now_s: float, *, crowded: bool) -> bool:
        """Judge one message at this second of trio's clock; `crowded` says that too many of its chat wait already."""
        self.left = min(self.left + now_s - self.at_s, BURST)
        self.at_s = now_s
        if crowded or self.left < 1:
            return False
        self.left -= 1
        if self.left > BURST // 2:
            self.told = False
        return True


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done about an update: a command, or something that is said in its place."""

    chat_id: int
    command: TakenCommand | None = None
    say: str = ""

    @property
    def enters(self) -> bool:
        """Whether it would buy or let something buy."""
        return self.command is not None and enters(self.command.text)

    @property
    def urgent(self) -> bool:
        """Whether it waits for nothing."""
        return self.command is not None and is_urgent(self.command.text)


@dataclass(slots=True)
class Intake:
    """Judges what comes out of chats, by the chat's id before anything of its text is read.

    `_panics` are the latest urgent commands of chats by the number of their update.
    """

    _floods: OrderedDict[int, Flood] = field(default_factory=OrderedDict)
    _panics: OrderedDict[int, int] = field(default_factory=OrderedDict)
    _groups: Recent = field(default_factory=Recent)

    def note_urgent(self, updates: Iterable[ChatUpdate]) -> None:
        """Look ahead: what was sent before an urgent command of the same chat and would enter is not to be done."""
        for update in updates:
            if not isinstance(update, OtherUpdate) and is_urgent(text_of(update)):
                self._panics[update.chat_id] = max(update.update_id, self._panics.get(update.chat_id, 0))
                self._panics.move_to_end(update.chat_id)
        while len(self._panics) > REMEMBERED:
            self._panics.popitem(last=False)

    def judge(
        self, update: ChatText | ButtonPress, *, waiting: int, now_s: float, now_ms: int, after_silence: bool
    ) -> Verdict | None:
        """None for nothing to be done.

        `waiting` commands of its chat wait already; `now_s` is trio's second, `now_ms` the clock's moment; `after_silence`
        says that it may have been sent while nobody listened.
        """
        chat_id = update.chat_id
        if update.chat_type != "private":
            if chat_id in self._groups:
                return None
            self._groups.add(chat_id)
            return Verdict(chat_id, say=GROUP)
        if not is_urgent(text_of(update)):
            flood = self._flood(chat_id)
            if not flood.admits(now_s, crowded=waiting >= MAX_WAITING):
                told, flood.told = flood.told, True
                return None if told else Verdict(chat_id, say=FLOOD)
        sent_at_ms = update.sent_at_ms if isinstance(update, ChatText) else now_ms
        command = TakenCommand(update.update_id, chat_id, text_of(update), sent_at_ms)
        return self.judge_command(command, now_ms, after_silence=after_silence)

    def judge_command(self, command: TakenCommand, now_ms: int, *, after_silence: bool) -> Verdict:
        """A command that no flood brought: done, unless it comes too late or its user has sent a /panic since."""
        late_ms = now_ms - command.sent_at_ms
        if enters(command.text) and command.update_id < self._panics.get(command.telegram_id, 0):
            return Verdict(command.telegram_id, say=OVERTAKEN)
        if after_silence and late_ms > LATE_MS:
            return Verdict(command.telegram_id, say=LATE)
        if enters(command.text) and late_ms > LATE_ENTRY_MS:
            return Verdict(command.telegram_id, say=LATE_ENTRY.format(seconds=late_ms // 1000))
        return Verdict(command.telegram_id, command)

    def _flood(self, chat_id: int) -> Flood:
        """The chat's own; the chats that have been silent for longest are forgotten first."""
        flood = self._floods.setdefault(chat_id, Flood())
        self._floods.move_to_end(chat_id)
        if len(self._floods) > REMEMBERED:
            self._floods.popitem(last=False)
        return flood


def text_of(update: ChatText | ButtonPress) -> str:
    """The command in an update: a button's data is one."""
    return update.text if isinstance(update, ChatText) else update.data


def enters(text: str) -> bool:
    """Whether a text is a command that buys or lets something buy. What sells, pauses or only asks is not one."""
    words = text.split() or [""]
    command = _named(words[0])
    return command is not None and command.enters_with is not None and len(words) > command.enters_with


def is_urgent(text: str) -> bool:
    """Whether a text is a command that waits for nothing. Only its beginning is looked at, because it may be a flood's."""
    words = text[:LONGEST_NAME].split()
    command = _named(words[0]) if len(words) == 1 else None
    return command is not None and command.urgent


def _named(word: str) -> Command | None:
    """The command of a text's first word, as `/name` or `/name@bot`."""
    return BY_NAME.get(word[1:].partition("@")[0].lower()) if word.startswith("/") else None
