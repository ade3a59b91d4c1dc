"""Addresses in the settings file that cannot be meant are refused by their place and are in no error."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import StartupError
from bot.settings import load

WORD = "sekret"
TWO = f"['https://a.example/{WORD}', 'https://b.example/{WORD}']"


def refused(folder: Path, text: str, profile: str = "paper") -> str:
    """The one line with which a settings file is refused."""
    file = folder / "bot.toml"
    file.write_text(text)
    with pytest.raises(StartupError) as error:
        load(file, {}, profile=profile)
    [line] = str(error.value).splitlines()
    assert WORD not in line
    return line


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (f"127.0.0.1:8899/{WORD}", "must begin with http:// or https://"),
        (f"ftp://x/{WORD}", "must begin with http:// or https://"),
        (f"ws://x/{WORD}", "must begin with http:// or https://"),
        ("", "must begin with http:// or https://"),
        (f"http://x y/{WORD}", "has a space or a line break in it"),
        (f"http:///{WORD}", "names no host"),
        (f"http://a.example:0/{WORD}", "has port 0, where nothing can listen"),
        (f"http://a.example:99999/{WORD}", "has a port that is no number up to 65535"),
        (f"http://a.example:{WORD}/", "has a port that is no number up to 65535"),
        (f"http://[::1/{WORD}", "cannot be read; look at its host"),
    ],
)
def test_an_endpoint_that_cannot_be_asked_is_named_by_its_number_and_its_line(
    tmp_path: Path, address: str, told: str
) -> None:
    line = refused(tmp_path, f"[rpc]\n\nurls = ['https://b.example/{WORD}', '{address}']\n")
    assert line == f"bot.toml:3:1: rpc.urls: address 2 (rpc-2) {told}"


@pytest.mark.parametrize(
    ("section", "key", "address", "told"),
    [
        ("jupiter", "url", f"nonsense {WORD}", "the address has a space or a line break in it"),
        ("helius", "url", f"ws://x/{WORD}", "the address must begin with http:// or https://"),
        ("usd", "url", f"x{WORD}", "the address must begin with http:// or https://"),
        ("tracking", "helius_url", f"http://{WORD}@x", "the address must begin with ws:// or wss://"),
        ("streams", "grpc_url", f"{WORD}:443", "the address must begin with http:// or https://"),
        ("streams", "pumpportal_url", f"http://x?api-key={WORD}", "the address must begin with ws:// or wss://"),
        ("block_engine", "tip_floor_url", f"nonsense{WORD}", "the address must begin with http:// or https://"),
        ("telegram", "base_url", f"ht!tp://{WORD}", "the address must begin with http:// or https://"),
        ("database", "url", f"mysql://u:{WORD}@x/y", "it does not begin with postgresql://; write it as"),
        ("database", "url", f"postgresql://u:{WORD}@x/", "it names no database; write it as"),
    ],
)
def test_the_address_of_a_service_is_refused_by_the_name_of_its_own_setting(
    tmp_path: Path, section: str, key: str, address: str, told: str
) -> None:
    line = refused(tmp_path, f"[{section}]\n{key} = '{address}'\n")
    assert line.startswith(f"bot.toml:2:1: {section}.{key}: {told}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"[rpc]\nurls = {TWO}\nws_urls = ['wss://a.example', 'http://b.example/{WORD}']\n", "address 2 (rpc-2) must"),
        (f"[block_engine]\nurls = ['https://a.example', 'wss://{WORD}']\n", "address 2 must begin with http://"),
    ],
)
def test_of_several_addresses_the_wrong_one_is_counted(tmp_path: Path, text: str, told: str) -> None:
    assert told in refused(tmp_path, text)


def test_an_address_of_the_environment_is_refused_by_its_variable() -> None:
    with pytest.raises(StartupError, match=r"^environment DATABASE_URL: database\.url: it does not begin with"):
        load(None, {"DATABASE_URL": f"mysql://u:{WORD}@127.0.0.1/x"})
    with pytest.raises(
        StartupError, match=r"^environment BOT_RPC__URLS: rpc\.urls: address 2 \(rpc-2\) names no host$"
    ):
        load(None, {"BOT_RPC__URLS": "https://a.example,http://"}, profile="paper")


def test_no_source_of_launches_is_refused_in_plain_words(tmp_path: Path) -> None:
    line = refused(tmp_path, "[streams]\nsources = []\n")
    assert line == (
        "bot.toml:2:1: streams.sources: streams.sources is empty: no launch would be heard of; name one, or take the key out"
    )


def test_addresses_with_keys_users_and_numbers_of_ports_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "bot.toml"
    file.write_text(
        "[rpc]\nurls = ['http://127.0.0.1:8899', 'https://user:pass@[::1]:8443/v2/{key}?x=1']\n"
        "ws_urls = ['ws://127.0.0.1:8900', 'wss://[::1]:8444/{key}']\n"
        "[[rpc.endpoints]]\nname = 'rpc-2'\nkey_file = '/k'\n"
        "[database]\nurl = 'postgres:///trading'\n[streams]\npumpportal_url = 'wss://p.example/api/data'\n"
    )
    assert len(load(file, {}, profile="paper").rpc.urls) == 2
