"""What we rely on in python-telegram-bot, so that a new version that breaks it is found here and not by a user."""

from __future__ import annotations

import ast
import inspect
from datetime import timedelta
from pathlib import Path

import pytest
import telegram
from telegram import error as foreign
from telegram.request import BaseRequest, HTTPXRequest

from bot.telegram.client import GuardedRequest

LIBRARY = Path(telegram.__file__).parent


def _functions_with_asyncio(path: Path) -> set[str]:
    """The functions of a module that use the name `asyncio`; module-level uses as `<module>`, imports apart."""
    found: set[str] = set()

    def walk(node: ast.AST, function: str) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function = node.name
        if isinstance(node, ast.Name) and node.id == "asyncio":
            found.add(function)
        for child in ast.iter_child_nodes(node):
            walk(child, function)

    walk(ast.parse(path.read_text("utf-8")), "<module>")
    return found


def test_only_initialize_and_shutdown_of_the_bot_need_asyncio() -> None:
    assert _functions_with_asyncio(LIBRARY / "_bot.py") == {"initialize", "shutdown"}


@pytest.mark.parametrize("module", ["_baserequest.py", "_httpxrequest.py", "_requestdata.py", "_requestparameter.py"])
def test_the_requests_need_no_asyncio(module: str) -> None:
    assert _functions_with_asyncio(LIBRARY / "request" / module) == set()


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("get_me", set()),
        ("get_updates", {"offset", "limit", "timeout", "allowed_updates", "read_timeout"}),
        ("send_message", {"chat_id", "text", "reply_markup", "link_preview_options"}),
        ("edit_message_text", {"text", "chat_id", "message_id", "reply_markup", "link_preview_options"}),
        ("delete_message", {"chat_id", "message_id"}),
        ("answer_callback_query", {"callback_query_id"}),
        ("set_my_commands", {"commands", "scope"}),
    ],
)
def test_the_methods_of_the_bot_take_what_we_give(method: str, parameters: set[str]) -> None:
    assert parameters <= set(inspect.signature(getattr(telegram.Bot, method)).parameters)


def test_every_request_of_the_bot_goes_through_the_hooks_that_we_override() -> None:
    assert getattr(BaseRequest.do_request, "__isabstractmethod__", False)
    wrapper = inspect.getsource(BaseRequest._request_wrapper)
    assert "self.do_request(" in wrapper
    assert "self.parse_json_payload(" in wrapper
    assert "self.parse_json_payload(" in inspect.getsource(BaseRequest.post)
    assert {"connection_pool_size", "httpx_kwargs"} <= set(inspect.signature(HTTPXRequest).parameters)


def test_a_request_that_was_closed_can_be_opened_again() -> None:
    assert "self._build_client()" in inspect.getsource(HTTPXRequest.initialize)
    assert GuardedRequest.initialize is HTTPXRequest.initialize


def test_a_flood_limit_says_how_long_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")
    assert foreign.RetryAfter(7).retry_after == timedelta(seconds=7)


def test_bad_requests_are_network_errors_and_forbidden_is_none() -> None:
    """The order of the table in the client depends on it."""
    assert issubclass(foreign.BadRequest, foreign.NetworkError)
    assert not issubclass(foreign.Forbidden, foreign.NetworkError)
    assert not issubclass(foreign.RetryAfter, foreign.NetworkError)


def test_the_library_takes_the_prefix_off_a_description() -> None:
    assert foreign.BadRequest("Bad Request: message is not modified: x").message == "Message is not modified: x"
