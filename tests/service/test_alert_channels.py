"""Chat and webhook beside each other: levels, nights in which nobody is woken for little, and a receiver that is away."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import time

import h11
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from bot.clock import Clock, system_clock, virtual_clock
from bot.errors import ChatUnavailable, Undeliverable
from bot.execution.alert_channels import ASKED_MOST_S, MAX_WAITING, AlertChannel, Level, QuietHours, ToldAlert
from bot.execution.alerts import Alert, Turn
from bot.web import outgoing
from bot.web.outgoing import Receiver, address_fault, open_receivers
from tests.leaks.detect import MARK

PAGE = "runbooks/README.md"
NIGHT = QuietHours(time(22, 0), time(7, 0), "Europe/Berlin")
TEN_TO_TEN_MS = 1_790_106_600_000  # 2026-09-22, 21:50 in Berlin
HOUR_S = 3_600.0


def told(key: str, turn: Turn = Turn.HAPPENED, *, urgent: bool = False) -> ToldAlert:
    return ToldAlert(Alert(key, f"{key} {turn.name}", PAGE, turn, urgent), f"{key} {turn.name} See {PAGE}.", 1)


@dataclass(slots=True)
class Phone:
    """Whoever is told, when."""

    heard: list[str] = field(default_factory=list)
    away: bool = False
    refuses: bool = False
    asks_s: float | None = None

    async def send(self, alert: ToldAlert) -> None:
        await trio.lowlevel.checkpoint()
        if self.refuses:
            raise Undeliverable("the webhook: HTTP status 410")
        if self.away:
            raise ChatUnavailable("the webhook: ConnectError", retry_after_s=self.asks_s)
        self.heard.append(f"{alert.alert.key} {alert.alert.turn.name}")


def clock_at(epoch_ms: int = TEN_TO_TEN_MS) -> Clock:
    return virtual_clock(trio.current_time, epoch_ms=epoch_ms, seed=1)


@asynccontextmanager
async def channels(*them: AlertChannel) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        for one in them:
            nursery.start_soon(one.keep_sending)
        yield
        nursery.cancel_scope.cancel()


async def test_a_level_lets_through_what_matters_and_the_end_of_it(autojump_clock: MockClock) -> None:
    all_of_it, critical = Phone(), Phone()
    one, other = (
        AlertChannel("chat", all_of_it.send, clock_at()),
        AlertChannel("webhook", critical.send, clock_at(), Level.CRITICAL),
    )
    story = [
        told("rpc", Turn.BEGINS),
        told("halt", Turn.BEGINS, urgent=True),
        told("rpc", Turn.ENDS),
        told("halt", Turn.ENDS),
        told("halt", Turn.ENDS),
    ]
    async with channels(one, other):
        for alert in story:
            one.take(alert)
            other.take(alert)
        await trio.sleep(1)
    assert len(all_of_it.heard) == len(story)
    assert critical.heard == ["halt BEGINS", "halt ENDS"]


async def test_by_night_only_what_is_critical_is_told_and_the_rest_in_the_morning(autojump_clock: MockClock) -> None:
    phone = Phone()
    channel = AlertChannel("chat", phone.send, clock_at(), quiet=NIGHT)
    async with channels(channel):
        channel.take(told("stream", Turn.BEGINS))
        await trio.sleep(HOUR_S / 2)  # 22:20
        assert phone.heard == ["stream BEGINS"]
        for alert in (told("rpc", Turn.BEGINS), told("database", Turn.BEGINS), told("halt", Turn.BEGINS, urgent=True)):
            channel.take(alert)
        channel.take(told("stream", Turn.ENDS))
        channel.take(told("rpc", Turn.ENDS))  # nobody has heard of it, and nobody will
        await trio.sleep(HOUR_S)
        assert phone.heard == ["stream BEGINS", "halt BEGINS"]
        await trio.sleep(7.6 * HOUR_S)  # 06:56
        assert phone.heard == ["stream BEGINS", "halt BEGINS"]
        await trio.sleep(HOUR_S / 4)
    assert phone.heard == ["stream BEGINS", "halt BEGINS", "database BEGINS", "stream ENDS"]


async def test_one_that_is_away_holds_up_no_other_and_one_that_refuses_is_told_nothing_twice(
    autojump_clock: MockClock,
) -> None:
    away, well = Phone(away=True), Phone()
    one, other = AlertChannel("webhook", away.send, clock_at()), AlertChannel("chat", well.send, clock_at())
    async with channels(one, other):
        for number in range(3):
            one.take(told(f"{number}"))
            other.take(told(f"{number}"))
        await trio.sleep(30)
        assert (well.heard, away.heard) == ([f"{number} HAPPENED" for number in range(3)], [])
        away.away, away.refuses = False, True
        await trio.sleep(30)
        away.refuses = False
        one.take(told("after"))
        await trio.sleep(5)
    assert away.heard == ["after HAPPENED"]


async def test_a_receiver_that_wants_to_be_left_alone_for_a_day_hears_of_a_halt_within_a_minute(
    autojump_clock: MockClock,
) -> None:
    phone = Phone()
    channel = AlertChannel("webhook", phone.send, clock_at())
    async with channels(channel):
        phone.away, phone.asks_s = True, 86_400.0
        channel.take(told("rpc"))
        await trio.sleep(1)
        phone.away = False
        channel.take(told("halt", Turn.BEGINS, urgent=True))
        await trio.sleep(ASKED_MOST_S)
    assert phone.heard == ["rpc HAPPENED", "halt BEGINS"]


async def test_a_halt_is_not_pushed_out_by_what_flaps_while_nobody_can_be_told(autojump_clock: MockClock) -> None:
    phone = Phone(away=True)
    channel = AlertChannel("webhook", phone.send, clock_at())
    async with channels(channel):
        channel.take(told("halt", Turn.BEGINS, urgent=True))
        for number in range(3 * MAX_WAITING):
            channel.take(told(f"{number}"))
        await trio.sleep(5)
        phone.away = False
        await trio.sleep(5)
    assert phone.heard[0] == "halt BEGINS"
    assert phone.heard[1:] == [f"{number} HAPPENED" for number in range(2 * MAX_WAITING + 1, 3 * MAX_WAITING)]


@given(st.times(), st.times(), st.integers(0, 4_000_000_000_000))
def test_a_night_ends_at_its_end_whenever_it_is_asked_for(since: time, until: time, now_ms: int) -> None:
    since, until = since.replace(second=0, microsecond=0), until.replace(second=0, microsecond=0)
    if since == until:
        return
    left_s = QuietHours(since, until).left_s(now_ms)
    second = now_ms // 1000 % 86_400
    first, last = since.hour * 3600 + since.minute * 60, until.hour * 3600 + until.minute * 60
    is_night = first <= second < last if first < last else not last <= second < first
    assert (left_s > 0) is is_night
    if is_night:
        assert (second + left_s) % 86_400 == last


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("https://hooks.example/T0/B0", ""),
        ("http://127.0.0.1:9999/ping", ""),
        ("http://[::1]/ping", ""),
        ("http://hooks.example/T0", "without TLS"),
        ("hooks.example/T0", "begins with https://"),
        ("ftp://hooks.example", "begins with https://"),
        ("https://", "begins with https://"),
        ("https://[::1", "no address"),
        ("https://host:99999/", "no address"),
        ("https://hooks..example/T0", "no address"),
        (f"https://{'hooks' * 20}.example/T0", "no address"),
    ],
)
def test_an_address_that_cannot_be_one_is_told_without_it(address: str, fault: str) -> None:
    said = address_fault(address)
    assert fault in said
    assert bool(said) is bool(fault)
    assert "T0" not in said


# ---------------------------------------------------------------------------------------------------- over real sockets


class Server:
    """A receiver of HTTP that keeps what it was sent and answers what it is told to."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, bytes]] = []
        self.answer: tuple[int, Sequence[tuple[str, str]]] = (204, [])

    async def serve(self, stream: trio.SocketStream) -> None:
        async with stream:
            connection = h11.Connection(h11.SERVER)
            request, body = None, b""
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    connection.receive_data(bytes(await stream.receive_some(65_536)))
                elif isinstance(event, h11.Request):
                    request = event
                elif isinstance(event, h11.Data):
                    body += event.data
                else:
                    break
            if request is None:
                return
            self.requests.append((request.method.decode(), request.target.decode(), body))
            status, headers = self.answer
            head = h11.Response(
                status_code=status, headers=[*headers, ("content-length", "0"), ("connection", "close")]
            )
            await stream.send_all((connection.send(head) or b"") + (connection.send(h11.EndOfMessage()) or b""))


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[Server, Receiver]]:
    server = Server()
    async with trio.open_nursery() as nursery, open_receivers() as client:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        await nursery.start(trio.serve_listeners, server.serve, [listener])
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/{MARK}"
        with trio.fail_after(20):
            yield server, Receiver(client, "the webhook", lambda: url, system_clock().now_ms)
        nursery.cancel_scope.cancel()


async def test_an_alert_arrives_as_json_that_chats_and_programs_read_and_a_sign_of_life_as_a_question() -> None:
    async with receiving() as (server, receiver):
        await receiver.tell(told("halt", Turn.BEGINS, urgent=True))
        await receiver.live()
    (method, target, body), life = server.requests
    assert (method, target) == ("POST", f"/{MARK}")
    fields = json.loads(body)
    assert fields["text"] == fields["content"] == f"halt BEGINS See {PAGE}."
    assert (fields["level"], fields["turn"], fields["about"], fields["page"]) == ("critical", "begins", "halt", PAGE)
    assert life == ("GET", f"/{MARK}", b"")


@pytest.mark.parametrize(
    ("status", "headers", "error", "asked_s"),
    [
        (500, [], ChatUnavailable, None),
        (503, [("retry-after", "7")], ChatUnavailable, 7.0),
        (429, [("retry-after", "30")], ChatUnavailable, 30.0),
        (404, [], Undeliverable, None),
        (302, [("location", "http://127.0.0.1:1/elsewhere")], Undeliverable, None),
    ],
)
async def test_a_refusal_is_for_now_or_for_good_and_names_no_address(
    status: int, headers: list[tuple[str, str]], error: type[Exception], asked_s: float | None
) -> None:
    async with receiving() as (server, receiver):
        server.answer = (status, headers)
        with pytest.raises(error) as refused:
            await receiver.tell(told("rpc"))
    assert str(refused.value) == f"the webhook: HTTP status {status}"
    assert getattr(refused.value, "retry_after_s", None) == asked_s


@pytest.mark.parametrize("host", ["hooks..example", "a" * 70 + ".example", "xn--a", ".example"])
async def test_a_name_that_is_none_is_told_as_one_who_does_not_answer(host: str) -> None:
    """It would have ended the actor of all alerts, again and again."""
    with trio.fail_after(20):
        async with open_receivers() as client:
            receiver = Receiver(client, "the webhook", lambda: f"https://{host}/{MARK}", system_clock().now_ms)
            with pytest.raises(ChatUnavailable) as refused:
                await receiver.tell(told("rpc"))
    assert MARK not in str(refused.value)


async def hangs(stream: trio.SocketStream) -> None:
    async with stream:
        await trio.sleep_forever()


async def talks_without_end(stream: trio.SocketStream) -> None:
    """A good answer whose body never ends."""
    async with stream:
        with suppress(trio.BrokenResourceError):
            await stream.send_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            while True:
                await stream.send_all(b"10000\r\n" + bytes(65_536) + b"\r\n")


async def has_no_certificate(stream: trio.SocketStream) -> None:
    async with stream:
        await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


async def answers_with_one_header_without_end(stream: trio.SocketStream) -> None:
    async with stream:
        with suppress(trio.BrokenResourceError):
            await stream.send_all(b"HTTP/1.1 200 OK\r\nx: ")
            while True:
                await stream.send_all(b"x" * 65_536)


@pytest.mark.parametrize(
    ("peer", "scheme", "said"),
    [
        (hangs, "http", "no answer within"),
        (hangs, "https", "no answer within"),
        (talks_without_end, "http", ""),
        (has_no_certificate, "https", "ConnectError"),
        (answers_with_one_header_without_end, "http", "RemoteProtocolError"),
    ],
)
async def test_a_hostile_receiver_costs_its_time_and_nothing_else(
    peer: Callable[[trio.SocketStream], Awaitable[None]], scheme: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "WITHIN_S", 0.5 if peer is hangs else 10)
    async with trio.open_nursery() as nursery, open_receivers() as client:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        await nursery.start(trio.serve_listeners, peer, [listener])
        url = f"{scheme}://127.0.0.1:{listener.socket.getsockname()[1]}/{MARK}"
        receiver = Receiver(client, "the webhook", lambda: url, system_clock().now_ms)
        with trio.fail_after(20):
            if said:
                with pytest.raises(ChatUnavailable) as refused:
                    await receiver.tell(told("rpc"))
                assert str(refused.value).startswith(f"the webhook: {said}")
            else:
                await receiver.tell(told("rpc"))
        nursery.cancel_scope.cancel()


async def test_nobody_there_is_told_without_the_address() -> None:
    with trio.fail_after(20):
        async with open_receivers() as client:
            receiver = Receiver(client, "the heartbeat", lambda: f"http://127.0.0.1:1/{MARK}", system_clock().now_ms)
            with pytest.raises(ChatUnavailable, match=r"^the heartbeat: ConnectError$"):
                await receiver.live()
    assert MARK not in repr(receiver)
