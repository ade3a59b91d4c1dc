"""One-time codes: what authenticators show, each once, guessed by nobody, and remembered by the vault itself."""

from __future__ import annotations

import base64
import stat
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clock import Clock
from bot.errors import CodeRefused, KeyUnavailable, StartupError
from bot.ports import NewCode, NoteKind, SealedNote
from bot.vault import totp
from bot.vault.code_book import FAILURES_MAX, PAUSE_MS, CodeBook
from bot.vault.local_vault import LocalVault
from bot.vault.master_key import MasterKey
from tests.vault.vault_samples import guard

MASTER = MasterKey("test", bytes(range(32)))
START_MS = 1_790_000_000_000


def secret_of(made: NewCode) -> bytes:
    return base64.b32decode(made.key)


@dataclass(slots=True)
class Desk:
    """A vault that may be started anew, and the clock on its wall."""

    path: Path | None = None
    now_ms: int = START_MS

    def vault(self) -> LocalVault:
        clock = Clock(lambda: self.now_ms, lambda: "")
        return LocalVault(MASTER, guard(clock), book=CodeBook(clock, self.path))

    def shows(self, made: NewCode, later: int = 0) -> str:
        """What the authenticator shows, so many steps later."""
        return totp.code_at(secret_of(made), self.now_ms // totp.STEP_MS + later)

    def wrong(self, made: NewCode) -> str:
        right = {self.shows(made, step) for step in (-1, 0, 1)}
        return next(code for code in ("000000", "111111", "222222", "333333") if code not in right)

    def waits(self, steps: int = 1) -> None:
        self.now_ms += steps * totp.STEP_MS


async def enrolled(desk: Desk, vault: LocalVault, user: str = "ada") -> tuple[NewCode, SealedNote]:
    made = await vault.new_code(user, None, "")
    note = await vault.confirm_code(user, made.pending, desk.shows(made))
    desk.waits()
    return made, note


@pytest.mark.parametrize(
    ("at_s", "code"),
    [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (2_000_000_000, "279037")],
)
def test_codes_are_those_of_the_rfc(at_s: int, code: str) -> None:
    """RFC 6238, appendix B, of whose eight digits an authenticator shows the last six."""
    assert totp.code_at(b"12345678901234567890", at_s // 30) == code


@given(st.binary(min_size=20, max_size=20), st.integers(4, 2**36), st.integers(-3, 3))
def test_a_code_counts_one_step_around_its_own(secret: bytes, step: int, off: int) -> None:
    found = totp.step_of(secret, totp.code_at(secret, step + off), step * totp.STEP_MS)
    neighbours = {totp.code_at(secret, step + one): step + one for one in (-1, 0, 1)}
    assert found == neighbours.get(totp.code_at(secret, step + off))


async def test_a_key_counts_from_its_first_code_on_and_each_code_once() -> None:
    desk = Desk()
    vault = desk.vault()
    made = await vault.new_code("ada", None, "")
    assert len(secret_of(made)) == totp.SECRET_BYTES
    assert made.key not in repr(made)
    with pytest.raises(CodeRefused, match="that code is wrong"):
        await vault.confirm_code("ada", made.pending, desk.wrong(made))
    code = desk.shows(made)
    note = await vault.confirm_code("ada", made.pending, code)
    for again in (vault.confirm_code("ada", made.pending, code), vault.new_code("ada", note, code)):
        with pytest.raises(CodeRefused, match="used already"):
            await again
    desk.waits()
    second = await vault.new_code("ada", note, desk.shows(made))
    assert second.current is not None
    with pytest.raises(CodeRefused, match="used already"):
        await vault.new_code("ada", note, desk.shows(made, -1))


async def test_whoever_has_a_key_in_force_gives_a_code_of_it_for_another_one() -> None:
    desk = Desk()
    vault = desk.vault()
    early = await vault.new_code("ada", None, "")  # made by somebody else before, and kept
    made, note = await enrolled(desk, vault)
    with pytest.raises(CodeRefused, match="codes of yours are in force"):
        await vault.new_code("ada", None, "")
    with pytest.raises(CodeRefused, match="another key has been put in force"):
        await vault.confirm_code("ada", early.pending, desk.shows(early))
    second = await vault.new_code("ada", note, desk.shows(made))
    assert second.current is not None
    newer = await vault.confirm_code("ada", second.pending, desk.shows(second))
    desk.waits()
    with pytest.raises(CodeRefused, match="another key is in force"):
        await vault.new_code("ada", second.current, desk.shows(made))
    assert (await vault.new_code("ada", newer, desk.shows(second))).current is not None


async def test_a_confirmation_whose_answer_was_lost_is_given_once_more() -> None:
    desk = Desk()
    vault = desk.vault()
    made, _ = await enrolled(desk, vault)
    note = await vault.confirm_code("ada", made.pending, desk.shows(made))
    desk.waits()
    assert (await vault.new_code("ada", note, desk.shows(made))).current is not None


async def test_notes_open_for_their_user_kind_and_vault_alone() -> None:
    desk = Desk()
    vault = desk.vault()
    made, note = await enrolled(desk, vault)
    pending = (await vault.new_code("eve", None, "")).pending
    bent = replace(note, content=note.content[:-1] + bytes([note.content[-1] ^ 1]))
    for current in (bent, pending, made.pending, SealedNote("other", note.content), SealedNote("test", b"")):
        with pytest.raises(KeyUnavailable):
            await vault.new_code("ada", current, desk.shows(made))
    with pytest.raises(KeyUnavailable, match="does not open"):
        await vault.new_code("eve", note, desk.shows(made))
    with pytest.raises(KeyUnavailable, match="does not open"):
        await vault.renew_note("ada", NoteKind.PENDING, note)
    assert (await vault.new_code("ada", note, desk.shows(made))).current is not None


async def test_who_guesses_is_kept_waiting_ever_longer() -> None:
    desk = Desk()
    vault = desk.vault()
    made, note = await enrolled(desk, vault)
    for pause_ms in (PAUSE_MS, 2 * PAUSE_MS, 4 * PAUSE_MS):
        for _ in range(FAILURES_MAX):
            with pytest.raises(CodeRefused, match="that code is wrong"):
                await vault.new_code("ada", note, desk.wrong(made))
        desk.now_ms += pause_ms - 1
        with pytest.raises(CodeRefused, match="too many wrong codes"):
            await vault.new_code("ada", note, desk.shows(made))
        desk.now_ms += 1
    assert (await vault.new_code("ada", note, desk.shows(made))).current is not None
    desk.waits()
    with pytest.raises(CodeRefused, match="that code is wrong"):
        await vault.new_code("ada", note, desk.wrong(made))


async def test_a_vault_that_is_started_anew_remembers_whatever_row_it_is_given(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "vault.codes")
    vault = desk.vault()
    made, note = await enrolled(desk, vault)
    code = desk.shows(made)
    await vault.new_code("ada", note, code)
    for _ in range(FAILURES_MAX):
        with pytest.raises(CodeRefused, match="that code is wrong"):
            await vault.new_code("eve", (await _other(desk)), "000000")
    again = desk.vault()
    with pytest.raises(CodeRefused, match="used already"):
        await again.new_code("ada", note, code)
    with pytest.raises(CodeRefused, match="codes of yours are in force"):
        await again.new_code("ada", None, "")
    with pytest.raises(CodeRefused, match="too many wrong codes"):
        await again.new_code("eve", (await _other(desk)), "000000")
    assert desk.path is not None
    assert stat.S_IMODE(desk.path.stat().st_mode) == 0o600
    assert base64.b32decode(made.key) not in desk.path.read_bytes()


async def _other(desk: Desk) -> SealedNote:
    """A note of eve's, made by a vault that remembers nothing, whose code 000000 is wrong."""
    vault = LocalVault(MASTER, guard(Clock(lambda: desk.now_ms, lambda: "")))
    while True:
        made = await vault.new_code("eve", None, "")
        if "000000" not in {desk.shows(made, step) for step in (-1, 0, 1)}:
            return await LocalVault(MASTER, guard(Clock(lambda: desk.now_ms, lambda: ""))).confirm_code(
                "eve", made.pending, desk.shows(made)
            )


async def test_a_line_that_was_torn_was_never_answered_and_any_other_strange_one_ends_the_start(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "vault.codes")
    made, note = await enrolled(desk, desk.vault())
    assert desk.path is not None
    whole = desk.path.read_bytes()
    desk.path.write_bytes(whole + whole[:7])
    vault = desk.vault()
    assert desk.path.read_bytes() == whole
    assert (await vault.new_code("ada", note, desk.shows(made))).current is not None
    desk.path.write_bytes(b"something\n" + whole)
    with pytest.raises(StartupError, match="line 1 is none of the vault's"):
        desk.vault()


async def test_where_nothing_can_be_remembered_no_code_is_taken(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "vault.codes")
    vault = desk.vault()
    made, note = await enrolled(desk, vault)
    assert desk.path is not None
    desk.path.unlink()
    desk.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CodeRefused, match="disk takes nothing"):
        await vault.new_code("ada", note, desk.shows(made))
    desk.path.unlink()
    assert (await vault.new_code("ada", note, desk.shows(made))).current is not None
