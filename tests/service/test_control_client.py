"""What whoever asks a bot hears when the bot's door closes under him."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot import control

TRIES = 20  # the door closes before the question, or behind it


@contextmanager
def closing_door(path: Path) -> Iterator[None]:
    """A socket that hangs up on everybody who connects."""

    def hang_up() -> None:
        for _ in range(TRIES):
            door.accept()[0].close()

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.bind(str(path))
        door.listen(TRIES)
        hanging_up = threading.Thread(target=hang_up)
        hanging_up.start()
        yield
        hanging_up.join()


def test_a_question_to_a_door_that_closes_says_that_the_bot_is_stopping(tmp_path: Path) -> None:
    with closing_door(tmp_path / "s"):
        for _ in range(TRIES):
            with pytest.raises(control.NotRunning, match="it is stopping"):
                control.ask(tmp_path / "s", {"verb": "status"})


def test_a_conversation_that_is_not_taken_up_says_that_the_bot_is_stopping(tmp_path: Path) -> None:
    with closing_door(tmp_path / "s"):
        for _ in range(TRIES):
            with pytest.raises(control.Refused, match="the bot is stopping"):
                control.chat(tmp_path / "s", None)
