"""What `[[rpc.endpoints]]` may say, and what is refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import StartupError
from bot.routes import allowances, listed
from bot.settings import Rpc, RpcEndpoint, load


def test_a_listed_endpoint_has_its_roles_and_budgets_and_the_others_have_none() -> None:
    scarce = RpcEndpoint(name="rpc-2", roles=("read", "history"), requests_per_second=10, requests_per_month=1_000)
    first, second, third = allowances(Rpc(endpoints=(scarce,)), 3)
    assert first == third
    assert (first.per_second, first.per_month, len(first.roles)) == (None, None, 4)
    assert (second.per_second, second.per_month, second.exit_share_bps) == (10, 1_000, 2_000)
    assert second.roles == {"read", "history"}


def test_an_endpoint_takes_as_many_requests_at_once_as_its_settings_say() -> None:
    alone = RpcEndpoint(name="rpc-2", batch=1)
    assert [one.batch for one in listed(Rpc(endpoints=(alone,)), 3)] == [100, 1, 100]


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        (
            [RpcEndpoint(name="rpc-3")],
            r"endpoints\.0\.name: there is no rpc-3, perhaps rpc-[12] is meant; there are rpc-1, rpc-2",
        ),
        ([RpcEndpoint(name="rpc-1"), RpcEndpoint(name="rpc-1")], r"rpc\.endpoints\.1\.name: rpc-1 is listed twice"),
        ([RpcEndpoint(name="rpc-1", roles=("read", "send", "stream"))], "the role history is given to 1 and needs 2"),
        (
            [RpcEndpoint(name=f"rpc-{n}", roles=("read", "history", "stream")) for n in (1, 2)],
            "no endpoint .* role send",
        ),
    ],
)
def test_endpoints_that_cannot_do_the_work_are_refused_at_start(listed: list[RpcEndpoint], told: str) -> None:
    with pytest.raises(StartupError, match=told):
        allowances(Rpc(endpoints=tuple(listed)), 2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name = 'rpc-2'\nrols = ['read']", "bot.toml:7:1: rpc.endpoints.1.rols: unknown key; did you mean roles?"),
        ("name = 'rpc-2'\nbatch = 0", "bot.toml:7:1: rpc.endpoints.1.batch: "),
        (
            "name = 'rcp-2'",
            "bot.toml:6:1: rpc.endpoints.1.name: there is no rcp-2, perhaps rpc-2 is meant; ",
        ),
        ("name = 'rpc-9'", "; there are rpc-1, rpc-2"),
        ("name = 'rpc-1'", "bot.toml:6:1: rpc.endpoints.1.name: rpc-1 is listed twice"),
        (
            "name = 'rpc-2'\nroles = ['read', 'stream', 'history']",
            "bot.toml:2:1: rpc.endpoints.0: no endpoint has the role send",
        ),
    ],
)
def test_a_fault_of_an_endpoint_is_told_with_its_place_and_the_near_miss(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "bot.toml"
    first = "[[rpc.endpoints]]\nname = 'rpc-1'\nroles = ['read', 'stream', 'history']"
    file.write_text(f"# two endpoints\n{first}\n[[rpc.endpoints]]\n{text}\n")
    with pytest.raises(StartupError) as refused:
        load(file, {})
    [line] = str(refused.value).splitlines()
    assert told in line


@pytest.mark.parametrize(
    ("urls", "endpoints", "told"),
    [
        ("'https://a.example/k'", "name = 'rpc-1'\nkey_file = '/k'", "rpc.endpoints.0.key_file: the address of rpc-1 "),
        ("'https://a.example/{key}'", "name = 'rpc-1'", "rpc.urls: the address of rpc-1 has {key}, and no key_file "),
    ],
)
def test_a_key_and_its_place_in_the_address_belong_together(
    tmp_path: Path, urls: str, endpoints: str, told: str
) -> None:
    file = tmp_path / "bot.toml"
    file.write_text(f"[rpc]\nurls = [{urls}]\n[[rpc.endpoints]]\n{endpoints}\n")
    with pytest.raises(StartupError) as refused:
        load(file, {}, profile="paper")
    assert told in str(refused.value)
    assert "a.example" not in str(refused.value)
    file.write_text("[rpc]\nurls = ['https://a.example/{key}']\n[[rpc.endpoints]]\nname = 'rpc-1'\nkey_file = '/k'\n")
    assert load(file, {}, profile="paper").rpc.endpoints[0].key_file == Path("/k")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example", "https://a.example"),
        ("https://a.example", "https://A.example.:443/"),
        ("https://a.example/v2?api-key=one", "https://user:secret@a.example/v2/?api-key=two"),
        ("http://127.0.0.1:8899", "http://127.0.0.1:8899/?other"),
    ],
)
def test_one_endpoint_under_two_addresses_is_refused_by_its_places_and_never_shown(
    tmp_path: Path, one: str, other: str
) -> None:
    file = tmp_path / "bot.toml"
    file.write_text(f"[rpc]\nurls = ['{one}', 'https://b.example', '{other}']\n")
    with pytest.raises(StartupError) as refused:
        load(file, {}, profile="paper")
    [line] = str(refused.value).splitlines()
    assert line.startswith("bot.toml:2:1: rpc.urls: addresses 1 and 3 (rpc-1, rpc-3) are the same but for a key")
    assert "example" not in line


def test_endpoints_of_one_host_that_differ_in_port_path_or_scheme_are_several(tmp_path: Path) -> None:
    file = tmp_path / "bot.toml"
    addresses = [
        "http://a.example",
        "https://a.example",
        "http://a.example:8899",
        "http://a.example/other",
        "http://[::1]",
    ]
    file.write_text(f"[rpc]\nurls = {addresses}\n")
    assert len(load(file, {}, profile="paper").rpc.urls) == len(addresses)
