"""The contract of `NoteStore`, held by both stores."""

from __future__ import annotations

import pytest

from bot.ports import NoteRow, SealedNote, Store
from tests.storage.books import audited
from tests.storage.storage_samples import NOW_MS, enrol

OLD, OTHER, NEW = (
    SealedNote(key_id, content) for key_id, content in (("k-1", b"a\0"), ("k-1", b"b"), ("k-2", b"c\xff"))
)


async def test_notes_are_kept_together_by_name_and_taken_away(store: Store) -> None:
    ada, bob = await enrol(store, "ada"), await enrol(store, "bob")
    assert await store.notes(ada.user_id) == {}
    await store.keep_notes(ada.user_id, {"pending code": OLD, "code": OTHER}, "made", NOW_MS)
    await store.keep_notes(bob.user_id, {"code": OLD}, "made", NOW_MS)
    assert await store.notes(ada.user_id) == {"code": OTHER, "pending code": OLD}
    await store.keep_notes(ada.user_id, {"pending code": None, "code": NEW, "nothing": None}, "in force", NOW_MS)
    assert await store.notes(ada.user_id) == {"code": NEW}
    assert await store.notes(bob.user_id) == {"code": OLD}
    entry = (await audited(store))[-1]
    assert (entry.by, entry.action, entry.at_ms) == (ada.user_id, "in force", NOW_MS)
    assert entry.detail == {"notes": ["code", "nothing", "pending code"]}
    with pytest.raises(LookupError):
        await store.keep_notes("u-nobody", {"code": OLD}, "made", NOW_MS)


async def test_a_note_is_put_in_the_place_of_the_one_that_was_read(store: Store) -> None:
    ada, bob = await enrol(store, "ada"), await enrol(store, "bob")
    await store.keep_notes(ada.user_id, {"code": OLD, "pending code": NEW}, "made", NOW_MS)
    await store.keep_notes(bob.user_id, {"code": OTHER}, "made", NOW_MS)
    assert await store.notes_under() == {"k-1": 2, "k-2": 1}
    first, second = NoteRow(ada.user_id, "code", OLD), NoteRow(bob.user_id, "code", OTHER)
    assert await store.notes_not_under("k-2", 9) == [first, second]
    assert await store.notes_not_under("k-2", 1) == [first]
    assert await store.notes_not_under("k-2", 9, 1) == [second]
    assert await store.replace_note(first, NEW)
    assert not await store.replace_note(first, OTHER)
    assert not await store.replace_note(NoteRow(bob.user_id, "pending code", OTHER), NEW)
    assert await store.notes_not_under("k-2", 9) == [second]
    assert await store.notes(ada.user_id) == {"code": NEW, "pending code": NEW}
