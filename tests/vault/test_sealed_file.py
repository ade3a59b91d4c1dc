"""A sealed file opens with its key as it was written, and not at all when a byte of it, its order or its end was changed."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import KeyUnavailable
from bot.vault.master_key import MasterKey
from bot.vault.sealed_file import CHUNK, MAGIC, SALT_BYTES, TAG_BYTES, OpeningReader, SealingWriter

KEY = MasterKey("backup-1", bytes(range(32)))
HEAD = len(MAGIC) + 1 + len(KEY.id) + SALT_BYTES


def sealed(content: bytes, key: MasterKey = KEY) -> bytes:
    out = io.BytesIO()
    writer = SealingWriter(key, out)
    for place in range(0, len(content), 300_000):
        writer.write(content[place : place + 300_000])
    writer.close()
    return out.getvalue()


def opened(file: bytes, key: MasterKey = KEY) -> bytes:
    return OpeningReader(key, io.BytesIO(file)).read()


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 12_345])
def test_what_was_written_is_read_in_pieces_of_any_length(size: int) -> None:
    content = bytes(number * 31 % 251 for number in range(1_000)) * (size // 1_000 + 1)
    file = sealed(content[:size])
    assert len(file) == HEAD + size + TAG_BYTES * max(1, -(-size // CHUNK))
    reader, found = OpeningReader(KEY, io.BytesIO(file)), b""
    while part := reader.read(777_777):
        found += part
    assert found == content[:size]
    assert sealed(content[:size]) != file, "no two files have the same key"


SMALL = sealed(b"the books of a bot")
LARGE = sealed(bytes(3 * CHUNK))


@settings(max_examples=200)
@given(st.integers(0, len(SMALL) - 1), st.integers(1, 255))
def test_a_changed_byte_anywhere_is_noticed(place: int, change: int) -> None:
    changed = bytearray(SMALL)
    changed[place] ^= change
    with pytest.raises(KeyUnavailable):
        opened(bytes(changed))


def test_an_end_that_is_cut_off_and_chunks_that_are_left_out_moved_or_added_are_noticed() -> None:
    step = CHUNK + TAG_BYTES
    chunks = [LARGE[place : place + step] for place in range(HEAD, len(LARGE), step)]
    head = LARGE[:HEAD]
    for wrong in (chunks[:-1], chunks[:1], [], chunks[1:], [chunks[1], chunks[0], chunks[2]], [*chunks, chunks[-1]]):
        with pytest.raises(KeyUnavailable):
            opened(head + b"".join(wrong))
    for length in (0, 10, HEAD - 1, HEAD, HEAD + 5):
        with pytest.raises(KeyUnavailable):
            opened(LARGE[:length])


def test_another_key_is_named_and_the_right_id_with_other_bytes_does_not_open() -> None:
    with pytest.raises(KeyUnavailable, match="sealed under the key 'backup-1', and the key backup-2 is given"):
        opened(SMALL, MasterKey("backup-2", KEY.key))
    with pytest.raises(KeyUnavailable, match="other bytes"):
        opened(SMALL, MasterKey(KEY.id, bytes(32)))
