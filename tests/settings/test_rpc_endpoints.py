"""What `[[rpc.endpoints]]` may say, and what is refused before anything starts."""

from __future__ import annotations

import pytest

from bot.errors import StartupError
from bot.routes import allowances, batches
from bot.settings import Rpc, RpcEndpoint


def test_a_listed_endpoint_has_its_roles_and_budgets_and_the_others_have_none() -> None:
    scarce = RpcEndpoint(name="rpc-2", roles=("read", "history"), requests_per_second=10, requests_per_month=1_000)
    first, second, third = allowances(Rpc(endpoints=(scarce,)), 3)
    assert first == third
    assert (first.per_second, first.per_month, len(first.roles)) == (None, None, 4)
    assert (second.per_second, second.per_month, second.exit_share_bps) == (10, 1_000, 2_000)
    assert second.roles == {"read", "history"}


def test_an_endpoint_takes_as_many_requests_at_once_as_its_settings_say() -> None:
    alone = RpcEndpoint(name="rpc-2", batch=1)
    assert batches(Rpc(endpoints=(alone,)), 3) == [100, 1, 100]


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ([RpcEndpoint(name="rpc-3")], r"rpc\.endpoints\[0\]\.name: there is no rpc-3; there are rpc-1, rpc-2"),
        ([RpcEndpoint(name="rpc-1"), RpcEndpoint(name="rpc-1")], r"rpc\.endpoints\[1\]\.name: rpc-1 is listed twice"),
        ([RpcEndpoint(name="rpc-1", roles=("read", "send", "stream"))], "the role history is given to fewer than 2"),
        ([RpcEndpoint(name=f"rpc-{n}", roles=("read", "history", "stream")) for n in (1, 2)], "the role send"),
    ],
)
def test_endpoints_that_cannot_do_the_work_are_refused_at_start(listed: list[RpcEndpoint], told: str) -> None:
    with pytest.raises(StartupError, match=told):
        allowances(Rpc(endpoints=tuple(listed)), 2)
