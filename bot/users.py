"""Making users, each with a wallet, a sealed key and settings in one transaction; and the mode that each trades in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import structlog

from bot.clock import Clock
from bot.commands import CONSENT_VERSION
from bot.errors import Conflict
from bot.ports import Store, User, Vault, Wallet, wallet_in
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from bot.trading.roles import ROLE_GIVEN, Role
from bot.trading.standing import cancelled

log = structlog.get_logger()

Fund = Callable[[str], Awaitable[None]]

SETTINGS_FILE = "settings file"  # who gives a role where no person does


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may become a user, by Telegram id: `allowed` and operators, everybody where that is None.

    `live` are those who may trade in mode live, None for everybody, where that moves play money.
    """

    operators: frozenset[int] = frozenset()
    allowed: frozenset[int] | None = None
    live: frozenset[int] | None = None

    def admits(self, telegram_id: int) -> bool:
        return self.allowed is None or telegram_id in self.allowed | self.operators

    @property
    def moves_money(self) -> bool:
        """Whether mode live moves what is worth something."""
        return self.live is not None

    def admits_live(self, user: User) -> bool:
        return self.live is None or user.telegram_id in self.live


@dataclass(frozen=True, slots=True)
class Registrar:
    """`newcomer` is what a new user starts with. `fund` puts play money into a new wallet; only profile local has one."""

    store: Store
    vault: Vault
    clock: Clock
    mode: Mode
    fund: Fund | None
    newcomer: UserSettings = field(default_factory=UserSettings)
    admission: Admission = field(default_factory=Admission)

    async def register(self, telegram_id: int) -> User:
        """Make the user of a Telegram id who has just consented. Raises Conflict for one who is not admitted."""
        if not self.admission.admits(telegram_id):
            raise Conflict(f"the Telegram id {telegram_id} is not among telegram.allowed_ids")
        is_operator = telegram_id in self.admission.operators
        newcomer = replace(self.newcomer, role=Role.OPERATOR) if is_operator else self.newcomer
        return await self._create(f"tg-{telegram_id}", telegram_id, newcomer)

    async def add_wallet(self, user: User, name: str) -> Wallet | None:
        """One more wallet of the user's mode; None, and nothing is made, where one of it is called so already."""
        address, key = await self.vault.create_key(user.id)
        wallet = Wallet(self.clock.new_id(), user.id, address, user.mode, name)
        if not await self.store.add_wallet(wallet, key):
            return None
        log.info("wallet_added", user=user.id, wallet=wallet.id, address=address)
        if self.fund is not None and user.mode is self.mode:
            await self.fund(address)
        return wallet

    async def name_operators(self) -> list[str]:
        """Give the role to those whom the settings name and who are users already; their handles."""
        named = [user for user in await self.store.users() if user.telegram_id in self.admission.operators]
        settings = await self.store.many_settings([user.id for user in named])
        raised = [user for user in named if settings[user.id].role != Role.OPERATOR]
        for user in raised:
            await self.store.change_settings(user.id, _as_operator, by=SETTINGS_FILE)
            facts: dict[str, object] = {"user": user.id, "from": settings[user.id].role, "to": Role.OPERATOR.value}
            await self.store.audit(SETTINGS_FILE, ROLE_GIVEN, facts, self.clock.now_ms())
            log.warning("role_given", user=user.id, role=Role.OPERATOR.value, by=SETTINGS_FILE)
        return [user.handle for user in raised]

    async def keep_out_of_live(self) -> list[str]:
        """Put back to paper who was in mode live and is not listed any more; a line for each.

        His purchases that wait for their price or time end; what he holds is watched and sold as before. Raises
        StoreUnavailable, after which the next start goes on with it.
        """
        lines: list[str] = []
        for user in await self.store.users():
            if user.mode is not Mode.LIVE or self.admission.admits_live(user):
                continue
            for order in await self.store.standing_orders(user.id):
                if order.mode is Mode.LIVE and order.spend_lamports:
                    await self.store.move_standing(cancelled(order, self.clock.now_ms()))
            await enter_mode(self.store, self.vault, self.clock, user, Mode.PAPER, by=SETTINGS_FILE)
            lines.append(f"{user.handle} is not in live.allowed_telegram_ids: in mode paper now, what he holds is kept")
        return lines

    async def ensure(self, handle: str, settings: UserSettings) -> User:
        """The user of this handle, made now if there is none; an empty wallet is funded again."""
        user = await self.store.user_by_handle(handle)
        return user or await self._create(handle, None, settings)

    async def _create(self, handle: str, telegram_id: int | None, settings: UserSettings) -> User:
        user = User(self.clock.new_id(), handle, telegram_id, self.mode, CONSENT_VERSION)
        address, key = await self.vault.create_key(user.id)
        wallet = Wallet(self.clock.new_id(), user.id, address, self.mode)
        if not await self.store.create_user(user, wallet, key, settings):
            raise Conflict(f"the user {handle} was made by somebody else at this moment; try again")
        log.info("user_created", user=user.id, wallet=wallet.id, address=address)
        if self.fund is not None:
            await self.fund(address)
        return user


def _as_operator(settings: UserSettings) -> UserSettings:
    return replace(settings, role=Role.OPERATOR)


async def enter_mode(store: Store, vault: Vault, clock: Clock, user: User, mode: Mode, *, by: str) -> Wallet:
    """Write that a user trades in a mode from now on, with a wallet for it, which is made where he has none."""
    wallet = await wallet_of_mode(store, vault, clock, user, mode)
    await store.set_mode(user.id, mode)
    facts: dict[str, object] = {"from": user.mode.value, "to": mode.value}
    await store.audit(by, "mode changed", {"user": user.id, **facts} if by != user.id else facts, clock.now_ms())
    log.warning("mode_changed", user=user.id, by=by, **facts)
    return wallet


async def wallet_of_mode(store: Store, vault: Vault, clock: Clock, user: User, mode: Mode) -> Wallet:
    """The wallet from which a user buys by hand in a mode, made where he has none."""
    wallets = await store.wallets(user.id)
    if all(wallet.mode is not mode for wallet in wallets):
        address, key = await vault.create_key(user.id)
        await store.add_wallet(Wallet(clock.new_id(), user.id, address, mode), key)
        wallets = await store.wallets(user.id)
    return wallet_in(wallets, mode)


@dataclass(frozen=True, slots=True)
class ModeSwitch:
    """Lets users change between the modes of the profile, the greatest first. `changed` restarts what buys for a user."""

    store: Store
    vault: Vault
    clock: Clock
    modes: tuple[Mode, ...]
    changed: Callable[[str], Awaitable[None]]
    admission: Admission = Admission()

    async def enter(self, user: User, mode: Mode) -> Wallet:
        """Let a user trade in another mode from now on; the wallet that he does it with, made now if he has none.

        What he holds and what is on its way stay in the mode in which they began. Raises Conflict for mode live where he
        is not listed for it, StoreUnavailable, after which the mode may have changed or not, and Unavailable while the hunt
        is down, which looks itself for everybody's mode.
        """
        if mode is Mode.LIVE and not self.admission.admits_live(user):
            raise Conflict("mode live is for those whom the operator lists in live.allowed_telegram_ids")
        wallet = await enter_mode(self.store, self.vault, self.clock, user, mode, by=user.id)
        # Also for one who asks for his mode: the answer to his first question may have been lost.
        await self.changed(user.id)
        return wallet

    async def virtual_wallet(self, user: User) -> Wallet:
        """Where a user trades on paper by hand, whatever his mode is; made now if there is none. Raises StoreUnavailable."""
        return await wallet_of_mode(self.store, self.vault, self.clock, user, Mode.PAPER)
