"""A connection whose subscriptions change while it stands: what is asked for when, and what a notification is about."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bot.chain import wire
from bot.chain.subscriptions import Conversation, Notification, Subscribe, Wishes
from bot.errors import ChainUnavailable

SLOTS = Subscribe("slotSubscribe", [])


def of_signature(name: str) -> Subscribe:
    return Subscribe("signatureSubscribe", [name])


def of_account(name: str) -> Subscribe:
    return Subscribe("accountSubscribe", [name])


def asked(talk: Conversation) -> list[tuple[int, str, list[Any]]]:
    return [(one["id"], one["method"], one["params"]) for one in talk.requests()]


def answer(talk: Conversation, request_id: int, number: object) -> None:
    talk.heard(wire.Frame(id=request_id, result=msgspec.Raw(msgspec.json.encode(number))))


def refuse(talk: Conversation, request_id: int | None, message: str = "Too many subscriptions") -> None:
    talk.heard(wire.Frame(id=request_id, error=wire.ErrorBody(-32600, message)))


def told(talk: Conversation, method: str, number: int) -> Notification:
    notification = talk.heard(wire.Frame(method=method, params=wire.Params(msgspec.Raw(b"{}"), number)))
    assert notification is not None
    return notification


def begun(**named: Subscribe) -> tuple[Wishes, Conversation]:
    """A conversation in which everything was answered, the slots as 100 and what is named from 101 on."""
    wishes = Wishes([SLOTS])
    wishes.want(named)
    talk = Conversation(wishes)
    for request_id, _, _ in asked(talk):
        assert not talk.is_open
        answer(talk, request_id, 100 + request_id)
    assert talk.is_open
    return wishes, talk


def test_what_comes_and_goes_is_asked_for_once_and_ended_by_its_number() -> None:
    wishes, talk = begun(a=of_account("a"), b=of_account("b"))
    assert told(talk, "accountNotification", 101).about == "a"
    assert told(talk, "slotNotification", 100).about == ""
    assert asked(talk) == []
    wishes.want({"b": of_account("b"), "c": of_account("c")})
    assert asked(talk) == [(3, "accountUnsubscribe", [101]), (4, "accountSubscribe", ["c"])]
    assert told(talk, "accountNotification", 101).about == "", (
        "what was still on its way is about nothing that is wanted"
    )
    answer(talk, 3, number=True)
    answer(talk, 4, 104)
    assert told(talk, "accountNotification", 104).about == "c"
    assert asked(talk) == []


def test_what_is_unwanted_before_it_has_a_number_is_ended_when_it_has_one() -> None:
    wishes, talk = begun()
    wishes.want({"a": of_account("a")})
    assert asked(talk) == [(1, "accountSubscribe", ["a"])]
    wishes.want({})
    assert asked(talk) == []
    answer(talk, 1, 7)
    assert asked(talk) == [(2, "accountUnsubscribe", [7])]


def test_a_signature_is_over_once_it_was_told_and_is_asked_for_again_on_another_connection_alone() -> None:
    wishes, talk = begun(s=of_signature("s"))
    assert told(talk, "signatureNotification", 101).about == "s"
    wishes.want({"s": of_signature("s"), "t": of_signature("t")})
    assert [params for _, _, params in asked(talk)] == [["t"]]
    assert told(talk, "signatureNotification", 101).about == "", "told twice, and about nothing any more"
    wishes.want({})
    wishes.want({"s": of_signature("s")})
    assert "signatureSubscribe" in [method for _, method, _ in asked(talk)], "who wants it anew begins anew"


def test_one_that_is_refused_costs_the_others_nothing() -> None:
    wishes, talk = begun(a=of_account("a"))
    wishes.want({"a": of_account("a"), "b": of_account("b")})
    refuse(talk, asked(talk)[0][0])
    assert asked(talk) == []
    assert told(talk, "accountNotification", 101).about == "a"
    wishes.want({"b": of_account("b")})
    assert [method for _, method, _ in asked(talk)] == ["accountUnsubscribe"]
    refuse(talk, 3, "Invalid subscription id.")
    wishes.want({})
    assert asked(talk) == []
    wishes.want({"b": of_account("b")})
    assert [method for _, method, _ in asked(talk)] == ["accountSubscribe"]


def test_a_signature_that_is_told_while_other_requests_are_on_their_way_is_not_ended_again() -> None:
    wishes, talk = begun(a=of_account("a"), b=of_signature("b"))
    wishes.want({"c": of_account("c"), "d": of_account("d")})
    requests = talk.requests()
    assert next(requests)["method"] == "accountUnsubscribe"
    assert told(talk, "signatureNotification", 102).about == "b"
    wishes.want({"d": of_account("d")})
    assert [(one["method"], one["params"]) for one in requests] == [("accountSubscribe", ["d"])]


@pytest.mark.parametrize("request_id", [0, None])
def test_without_its_slots_or_after_nonsense_a_connection_is_none(request_id: int | None) -> None:
    talk = Conversation(Wishes([SLOTS]))
    asked(talk)
    with pytest.raises(ChainUnavailable, match="a subscription was refused: Too many"):
        refuse(talk, request_id)


@pytest.mark.parametrize("number", ["7", None, 1.5])
def test_a_number_that_is_none_ends_the_connection(number: object) -> None:
    wishes, talk = begun()
    wishes.want({"a": of_account("a")})
    asked(talk)
    with pytest.raises(ChainUnavailable, match="without a number"):
        answer(talk, 1, number)
