"""What subscribers hear, in the shapes that solders parses as strictly as a real client does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from solders.pubkey import Pubkey
from solders.rpc.responses import (
    AccountNotification,
    LogsNotification,
    ProgramNotification,
    RootNotification,
    SignatureNotification,
    SlotNotification,
    parse_websocket_message,
)
from trio.testing import wait_all_tasks_blocked

from bot.localnet import inprocess
from bot.localnet.addresses import LAUNCHPAD_PROGRAM, bonding_curve
from bot.localnet.inprocess import InProcessChain, NodeUnreachable, NotificationStream, StreamDropped
from tests.localnet.localnet_scenario import SOL, Coin, pay, send, wallet

PROCESSED = {"commitment": "processed"}


@pytest.fixture
def chain() -> InProcessChain:
    chain = InProcessChain(seed=5)
    chain.step(40)
    return chain


def parsed(stream: NotificationStream) -> list[Any]:
    """Everything that waits in a stream, through solders' parser."""
    found = []
    while (message := stream.receive_nowait()) is not None:
        found.extend(parse_websocket_message(json.dumps(message)))
    return found


def test_each_kind_of_subscription_says_what_happened(chain: InProcessChain) -> None:
    coin, user = Coin.launched(chain), wallet(chain)
    curve = bonding_curve(coin.mint.pubkey())
    buy = coin.buy(user, SOL)
    stream = chain.open_stream()
    stream.request("slotSubscribe", [])
    stream.request("rootSubscribe", [])
    stream.request("signatureSubscribe", [str(buy.signatures[0]), PROCESSED])
    stream.request("logsSubscribe", [{"mentions": [str(LAUNCHPAD_PROGRAM)]}, PROCESSED])
    stream.request("accountSubscribe", [str(curve), PROCESSED | {"encoding": "base64"}])
    stream.request("programSubscribe", [str(LAUNCHPAD_PROGRAM), PROCESSED | {"encoding": "base64"}])
    send(chain, buy)
    chain.step()
    heard = {type(notification): notification for notification in parsed(stream)}
    assert set(heard) == {
        SlotNotification,
        RootNotification,
        SignatureNotification,
        LogsNotification,
        AccountNotification,
        ProgramNotification,
    }
    assert heard[SlotNotification].result.slot == chain.cluster.chain.position.slot
    assert heard[SignatureNotification].result.value.err is None
    assert heard[LogsNotification].result.value.signature == buy.signatures[0]
    assert heard[AccountNotification].result.value.owner == LAUNCHPAD_PROGRAM
    assert heard[ProgramNotification].result.value.account.owner == LAUNCHPAD_PROGRAM


def test_a_confirmed_subscription_hears_a_block_one_slot_later(chain: InProcessChain) -> None:
    payer = wallet(chain)
    stream = chain.open_stream()
    stream.request("logsSubscribe", ["all", {"commitment": "confirmed"}])
    stream.request("logsSubscribe", ["all"])
    signature = send(chain, pay(chain, payer, Pubkey.new_unique(), SOL))
    heard = []
    for _ in range(34):
        chain.step()
        heard.append([str(notification.result.value.signature) for notification in parsed(stream)])
    assert heard[0] == []
    assert heard[1] == [signature]
    assert heard[2:32] == [[]] * 30
    assert heard[32] == [signature]


def test_a_signature_that_landed_already_is_told_at_once_and_only_once(chain: InProcessChain) -> None:
    signature = send(chain, pay(chain, wallet(chain), Pubkey.new_unique(), SOL))
    chain.step(2)
    stream = chain.open_stream()
    number = stream.request("signatureSubscribe", [signature, {"commitment": "confirmed"}])
    (notification,) = parsed(stream)
    assert notification.subscription == number
    chain.step(3)
    assert parsed(stream) == []
    with pytest.raises(ValueError, match="Invalid subscription id"):
        stream.request("signatureUnsubscribe", [number])


def test_an_account_that_ceases_to_exist_is_told_as_empty(chain: InProcessChain) -> None:
    payer = wallet(chain, SOL)
    stream = chain.open_stream()
    stream.request("accountSubscribe", [str(payer.pubkey()), PROCESSED | {"encoding": "base64"}])
    send(chain, pay(chain, payer, Pubkey.new_unique(), SOL - 5_000))
    chain.step()
    (notification,) = parsed(stream)
    assert notification.result.value.lamports == 0


def test_an_unsubscribed_stream_hears_nothing_more(chain: InProcessChain) -> None:
    stream = chain.open_stream()
    number = stream.request("slotSubscribe", [])
    chain.step()
    assert len(parsed(stream)) == 1
    assert stream.request("slotUnsubscribe", [number]) is True
    chain.step()
    assert parsed(stream) == []


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("logsSubscribe", [{"mentions": []}]),
        ("logsSubscribe", [{"mentions": ["a", "b"]}]),
        ("accountSubscribe", ["nothing"]),
        ("moonSubscribe", []),
        ("slotUnsubscribe", [99]),
    ],
)
def test_an_impossible_subscription_is_refused(chain: InProcessChain, method: str, params: list[Any]) -> None:
    with pytest.raises(ValueError, match="code"):
        chain.open_stream().request(method, params)


async def test_a_stream_ends_when_the_node_goes_down(chain: InProcessChain, autojump_clock: object) -> None:
    stream = chain.open_stream()
    stream.request("slotSubscribe", [])
    chain.set_fault("rpc-down", for_s=20)
    with pytest.raises(StreamDropped):
        await stream.receive()
    with pytest.raises(NodeUnreachable):
        chain.open_stream()


async def test_a_reader_that_falls_behind_is_dropped(chain: InProcessChain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inprocess, "NOTIFICATION_BUFFER", 5)
    stream = chain.open_stream()
    stream.request("slotSubscribe", [])
    chain.step(6)
    heard = [await stream.receive() for _ in range(5)]
    assert len(heard) == 5
    with pytest.raises(StreamDropped):
        await stream.receive()
    await wait_all_tasks_blocked()
    assert chain.cluster.pubsub.sessions == 0
