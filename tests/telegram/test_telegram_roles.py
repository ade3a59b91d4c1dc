"""Roles, registration and what everybody is told, as conversations in virtual time."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from bot import logs
from bot.execution.policy import Policy
from bot.trading.intent import Mode
from bot.trading.limits import Ceilings
from bot.trading.roles import ROLE_GIVEN, Role, RoleLimits, refuse_role
from bot.trading.units import LAMPORTS_PER_SOL
from bot.users import SETTINGS_FILE, Admission, Registrar
from tests.telegram.telegram_bot import Talk, bot_on_telegram, make_talk, token_on_the_market
from tests.whole.virtual import World

OPERATOR_ID = 7
GROUP = -100


async def _joins(talk: Talk) -> None:
    talk.say("/start")
    await talk.hears("Before you start, in plain words")
    talk.press("I agree")
    await talk.hears("Your wallet is")


def _beside(talk: Talk, person: int) -> Talk:
    """Another person with the same bot."""
    return Talk(talk.world, talk.telegram, person)


async def _role(world: World, person: int) -> str:
    user = await world.store.user_by_telegram_id(person)
    assert user is not None
    return (await world.store.settings(user.id)).role


@pytest.mark.parametrize(
    ("giver", "held", "wanted", "allowed"),
    [
        (Role.OPERATOR, Role.BASIC, Role.OPERATOR, True),
        (Role.OPERATOR, Role.OPERATOR, Role.BASIC, True),
        (Role.ADMIN, Role.BASIC, Role.ADMIN, True),
        (Role.ADMIN, Role.PREMIUM, Role.BASIC, True),
        (Role.ADMIN, Role.BASIC, Role.OPERATOR, False),
        (Role.ADMIN, Role.ADMIN, Role.BASIC, False),
        (Role.ADMIN, Role.OPERATOR, Role.BASIC, False),
        (Role.PREMIUM, Role.BASIC, Role.BASIC, False),
    ],
)
def test_nobody_gives_more_than_he_has_or_takes_what_his_equals_have(
    giver: Role, held: Role, wanted: Role, allowed: bool
) -> None:
    assert (refuse_role(giver, held, wanted) is None) is allowed


async def test_an_operator_gives_roles_which_count_at_once_and_everybody_is_told_once(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    boss = make_talk(1)
    ada, bob = _beside(boss, 8), _beside(boss, 9)
    async with bot_on_telegram(boss, monkeypatch, admission=Admission(frozenset({OPERATOR_ID}))):
        for talk in (boss, ada, bob):
            await _joins(talk)
        assert [await _role(boss.world, person) for person in (7, 8, 9)] == ["operator", "basic", "basic"]
        await boss.asks("/help", "/broadcast - ")
        await boss.asks("/help broadcast", "It is for people with the role admin.")
        listed = await boss.asks("/users", "3 users: 2 basic, 1 operator.")
        assert "tg-7: operator, by the settings file, [live] sniper off, 0 open positions" in listed
        await boss.asks("/users 8", "tg-8: basic")
        await boss.asks("/users nobody", "there is no such user")
        await boss.asks("/users a b", "usage: /users [HANDLE]")

        await ada.asks("/role tg-8 operator", "/role is for people with the role admin; yours is basic")
        await boss.asks("/role tg-8 admin", "tg-8 was basic and is admin from now on; he is told.")
        await ada.hears("Your role here is admin from now on; it was basic.")
        await boss.asks("/role tg-8 admin", "tg-8 is admin already.")
        await ada.asks("/role 9 premium", "tg-9 was basic and is premium")
        await ada.asks("/role 9 operator", "Not done: you are admin yourself, and nobody gives more than he has.")
        await ada.asks("/role tg-7 basic", "tg-7 is an operator by the settings file; take him out")
        await ada.asks("/role tg-9 king", "there is no such role; it is one of: basic, premium, admin, operator")
        await ada.asks("/role tg-9", "usage: /role HANDLE")
        await boss.asks("/role tg-8 premium", "tg-8 was admin and is premium")
        await ada.asks("/users", "yours is premium")
        assert [await _role(boss.world, person) for person in (7, 8, 9)] == ["operator", "premium", "premium"]

        await bob.asks("/alerts news off", "news = off")
        await bob.asks("/broadcast hello", "/broadcast is for people with the role admin")
        await boss.asks("/broadcast", "usage: /broadcast TEXT")
        told = "we move\n*tonight* <b>at nine</b>"
        half_a_pair = "\ud800"  # what JSON can carry and neither a console nor a service takes
        await boss.asks(f"/broadcast {told}{half_a_pair}", "On its way to 3 users")
        await ada.hears(f"From whoever runs this bot: {told}?")
        await trio.sleep(10)
        heard = [shown.text for shown in ada.telegram.messages(8) if "whoever runs this bot" in shown.text]
        assert len(heard) == 1 + 2, heard  # and two refusals, which name whoever runs it too
        assert not any("tonight" in shown.text for shown in bob.telegram.messages(9))
        await _reads_how_the_bot_fares(boss, ada)
    audited = [(row.action, row.detail.get("to")) for row in boss.world.store.audited if row.action == ROLE_GIVEN]
    assert audited == [(ROLE_GIVEN, "admin"), (ROLE_GIVEN, "premium"), (ROLE_GIVEN, "premium")]
    assert [row.detail["users"] for row in boss.world.store.audited if row.action == "broadcast"] == [3]


async def test_an_admin_changes_the_programs_settings_as_on_the_machine_and_takes_them_back(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    boss = make_talk(3)
    ada = _beside(boss, 8)
    async with bot_on_telegram(boss, monkeypatch, admission=Admission(operators=frozenset({boss.person}))) as bot:
        for one in (boss, ada):
            await one.agrees()
        await ada.asks("/config", "/config is for people with the role admin; yours is basic")
        await boss.asks("/role tg-8 admin", "is admin from now on")
        told = await ada.asks("/config", "Version 0.")
        assert "trading.max_trade_sol = 1\n" in told
        assert "database" not in told, "nothing of the machine is told in a chat"
        await ada.asks("/config get rpc", "there is no key")
        await ada.asks("/config get no.such", "there is no key")
        told = await ada.asks(
            "/config set trading.max_trade_sol 0.2 trading.max_open_positions 3 --why thin market", "by tg-8"
        )
        assert "trading.max_trade_sol: 1 -> 0.2" in told
        assert "thin market" in told
        assert (bot.policy.ceilings.max_trade_lamports, bot.policy.ceilings.max_open_positions) == (200_000_000, 3)
        token = await token_on_the_market(ada)
        await ada.asks(f"/buy {token} 0.3", "the operator's limit per trade of 0.2 SOL")
        await ada.asks("/config set trading.max_trade_sol 7", "vault was started with")
        await ada.asks("/config set trading.max_trade_sol", "usage: /config")
        await ada.asks("/config set web.port 1", "does not change while the bot runs")
        await ada.asks("/config set trading.max_trade_sol 0.2", "that is how it is already")
        await ada.asks("/config rollback", "usage: /config")
        await boss.asks("/config rollback 0 --why over", "trading.max_trade_sol: 0.2 -> 1")
        await boss.asks("/config rollback 0", "that is how it is already")
        assert bot.policy.ceilings.max_open_positions == 50
        told = await boss.asks("/config history", "Version 2")
        assert "by tg-8" in told
        assert told.index("Version 2") < told.index("Version 1")
        ids = {user.handle: user.id for user in await boss.world.store.users()}
    audited = [(row.by, row.action) for row in boss.world.store.audited if row.action == "config changed"]
    assert audited == [(ids["tg-8"], "config changed"), (ids["tg-7"], "config changed")]


async def _reads_how_the_bot_fares(boss: Talk, other: Talk) -> None:
    await other.asks("/metrics", "/metrics is for people with the role admin; yours is premium")
    await other.asks("/logs", "/logs is for people with the role operator; yours is premium")
    told = await boss.asks("/metrics", "OPEN, level 1, up for")
    assert "No trades since midnight UTC; rates: n/a." in told
    assert "in-process:1: up, " in told
    logs.TROUBLES._events.clear()  # what tests before this one have logged
    logs.TROUBLES(
        None, "", {"event": "endpoint_down", "level": "warning", "timestamp": "2026-11-22T09:08:07Z", "why": "a/b"}
    )
    told = await boss.asks("/logs", "The latest warnings and errors")
    assert told.splitlines()[-1] == "09:08:07 warning endpoint_down why=a\u2215b"
    await boss.asks("/logs errors", "No error has been logged")
    await boss.asks("/logs 5", "usage: /logs [errors]")
    token = await token_on_the_market(boss)
    await boss.orders(f"/buy {token} 0.1", "Bought")
    told = await boss.asks("/metrics", "Trades of everybody since midnight UTC:")
    assert "[live] 1 buy, 0 sales, 0 failed: 100 % of 1 order filled. 0 positions closed" in told


async def test_only_the_invited_get_a_wallet_where_the_settings_say_so(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    boss = make_talk(2)
    ada, stranger = _beside(boss, 8), _beside(boss, 9)
    admission = Admission(frozenset({OPERATOR_ID}), frozenset({8}))
    async with bot_on_telegram(boss, monkeypatch, admission=admission):
        await _joins(boss)
        await _joins(ada)
        for text in ("/start", "/start agree"):
            await stranger.asks(text, "Ask him to add your Telegram id 9 to telegram.allowed_ids")
        await stranger.asks("/wallet", "You have no wallet here yet")
        assert [user.telegram_id for user in await boss.world.store.users()] == [7, 8]


async def test_an_operator_has_no_authority_in_a_group(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    boss = make_talk(3)
    async with bot_on_telegram(boss, monkeypatch, admission=Admission(frozenset({OPERATOR_ID}))):
        await _joins(boss)
        for text in ("/users", "/role tg-7 basic", "/buy x 1"):
            boss.telegram.say(OPERATOR_ID, text, chat_id=GROUP, chat_type="supergroup")
        await boss.asks("/users", "1 user: 1 operator.")
        said = [shown.text for shown in boss.telegram.messages(GROUP) if shown.ours]
        assert len(said) == 1
        assert "I do not trade in groups" in said[0]
        assert "Write to me in a private chat" in said[0]


async def test_whom_the_settings_name_is_an_operator_from_the_next_start_on(autojump_clock: MockClock) -> None:
    world = make_talk(4).world
    await Registrar(world.store, world.vault, world.clock, Mode.LIVE, None).register(8)
    admission = Admission(frozenset({8, 99}))
    named = Registrar(world.store, world.vault, world.clock, Mode.LIVE, None, admission=admission)
    assert await named.name_operators() == ["tg-8"]
    assert await named.name_operators() == []
    assert await _role(world, 8) == "operator"
    assert [(row.by, row.action) for row in world.store.audited] == [(SETTINGS_FILE, ROLE_GIVEN)]


async def test_a_role_limits_what_its_people_buy_until_they_have_another(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    boss = make_talk(5)
    ada = _beside(boss, 8)
    half = RoleLimits(max_trade_lamports=LAMPORTS_PER_SOL // 2, max_exposure_lamports=LAMPORTS_PER_SOL * 7 // 10)
    policy = Policy(ceilings=Ceilings(roles=(half, RoleLimits(), RoleLimits(), RoleLimits())))
    admission = Admission(frozenset({OPERATOR_ID}))
    async with bot_on_telegram(boss, monkeypatch, admission=admission, policy=policy):
        mint = await token_on_the_market(boss)
        await _joins(boss)
        await _joins(ada)
        await ada.asks("/settings max_trade", "Effective 0.5 SOL, by your role (basic); yours is 1 SOL.")
        await ada.asks(f"/buy {mint} 0.6", "0.6 SOL is above your role's limit per trade (basic) of 0.5 SOL")
        await ada.orders(f"/buy {mint} 0.5", "Sent: buying")
        await ada.hears("Bought")
        await ada.asks(f"/buy {mint} 0.3", "above your role's limit of what is at risk (basic) of 0.7 SOL")
        await boss.asks("/role tg-8 premium", "tg-8 was basic and is premium")
        assert "Effective" not in await ada.asks("/settings max_trade", "max_trade = 1 SOL")
        await ada.asks(f"/buy {mint} 0.3", "Nothing is sent yet")
