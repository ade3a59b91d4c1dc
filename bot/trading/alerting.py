"""What a user may be told of, in kinds, and how loudly he wants to hear of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class AlertLevel(StrEnum):
    """`SILENT` comes without a sound; `OFF` does not come at all."""

    ON = "on"
    SILENT = "silent"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class AlertKind:
    """One kind as a user names it. `messages` are the kinds of outbox messages that belong to it.

    `unset` is the level of whoever has chosen none. What is about money can be made silent and never switched off: nobody is
    to lose any without hearing of it.
    """

    name: str
    messages: tuple[str, ...]
    help: str
    is_money: bool
    unset: AlertLevel = AlertLevel.ON

    @property
    def levels(self) -> tuple[AlertLevel, ...]:
        """What a user may choose. A kind without messages never makes a sound."""
        if not self.messages:
            return (AlertLevel.ON, AlertLevel.OFF)
        return tuple(level for level in AlertLevel if not (self.is_money and level is AlertLevel.OFF))


CARDS = "cards"
PICTURES = "pictures"
ALERT_KINDS: tuple[AlertKind, ...] = (
    AlertKind("fills", ("fill",), "what was bought and sold", is_money=True),
    AlertKind("failures", ("order_failed",), "orders that landed with an error and cost their fee", is_money=True),
    AlertKind("expired", ("order_expired", "overtaken"), "orders that never landed and cost nothing", is_money=False),
    AlertKind(
        "waiting",
        ("order_unknown", "awaits_pool", "awaits_router"),
        "what is not proven yet, or waits for a pool or a route",
        is_money=False,
    ),
    AlertKind(
        "standing",
        ("standing_fired", "standing_waits", "standing_ended"),
        "orders that wait for a price or a time: when one is sent, cannot be sent, or ends",
        is_money=True,
    ),
    AlertKind(
        "exits",
        ("exit_stuck", "monitor_lost", "wallet_low", "vault_freeze", "copied_sale_left"),
        "positions that cannot be sold or watched as usual",
        is_money=True,
    ),
    AlertKind(
        "books",
        (
            "withdrawn",
            "address_allowed",
            "safe_address",
            "swept",
            "key_demanded",
            "key_exported",
            "adjustment",
            "rolled_back",
            "landed_after_all",
            "outflow",
            "outflow_was_ours",
        ),
        "what the network took back or brought late, what moved without an order, and what you sent out",
        is_money=True,
    ),
    AlertKind("signals", ("signal",), "what your sniper would buy, where it only tells", is_money=False),
    AlertKind(
        "brakes",
        ("day_loss", "breaker", "loss_flatten", "copy_left"),
        "pauses and sales by your own loss rules, and leaders whom they leave",
        is_money=True,
    ),
    AlertKind(
        "halts",
        ("halted", "flattened", "program_flattened", "rearmed", "away"),
        "halts and absences of the whole bot, what operators sell, and when trading begins again",
        is_money=True,
    ),
    AlertKind(
        "news",
        ("broadcast", "role_given", "share_set"),
        "what admins tell everybody, your role here, and what a trader whom you copy counts as his",
        is_money=False,
    ),
    AlertKind("reports", ("report",), "your result of a day and of a week, once each is over", is_money=False),
    AlertKind(CARDS, (), "the messages of what you hold, edited while its worth changes; on or off", is_money=False),
    AlertKind(
        PICTURES,
        (),
        "a picture below each message that closes a position and below each report; on or off",
        is_money=False,
        unset=AlertLevel.OFF,
    ),
)
KIND_OF: dict[str, AlertKind] = {message: kind for kind in ALERT_KINDS for message in kind.messages}


def level_of(levels: Mapping[str, AlertLevel], message: str) -> AlertLevel:
    """How loudly a message of this kind is told to somebody who has set these levels, by names of AlertKind.

    What nobody has set is on, and so is a message that belongs to no kind.
    """
    kind = KIND_OF.get(message)
    level = AlertLevel.ON if kind is None else levels.get(kind.name, kind.unset)
    return AlertLevel.SILENT if level is AlertLevel.OFF and kind is not None and kind.is_money else level
