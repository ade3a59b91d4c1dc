"""Which messages belong to which kind of alert, and that nothing about money can be switched off."""

from __future__ import annotations

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from bot.telegram.replies import MESSAGE_KINDS
from bot.trading.alerting import ALERT_KINDS, KIND_OF, AlertLevel, level_of

LEVELS = st.dictionaries(st.sampled_from([kind.name for kind in ALERT_KINDS]), st.sampled_from(AlertLevel))


def test_every_message_is_of_one_kind() -> None:
    messages = list(chain.from_iterable(kind.messages for kind in ALERT_KINDS))
    assert len(messages) == len(set(messages))
    assert set(messages) == MESSAGE_KINDS


@given(levels=LEVELS, message=st.sampled_from(sorted(KIND_OF)))
def test_what_is_about_money_is_never_off_whatever_the_rows_say(levels: dict[str, AlertLevel], message: str) -> None:
    kind = KIND_OF[message]
    level = level_of(levels, message)
    assert level in kind.levels
    assert level is levels.get(kind.name, AlertLevel.ON) or (kind.is_money and level is AlertLevel.SILENT)


def test_a_message_of_no_known_kind_is_on() -> None:
    assert level_of({kind.name: AlertLevel.OFF for kind in ALERT_KINDS}, "something new") is AlertLevel.ON
