"""Public handles: small ASCII names that nobody takes for somebody else's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.trader import handle_of, likeness
from bot.trading.units import AmountError


@pytest.mark.parametrize(
    "typed",
    [
        "ab",
        "a" * 21,
        "1ada",
        "_ada",
        "ada-1",
        "ada b",
        "\u0430da",
        "ada\u202e",
        "*ada*",
        "[ada](x)",
        "",
        "@",
        "ada\n",
        "\uff41da",
    ],
)
def test_what_is_no_plain_name_is_refused(typed: str) -> None:
    with pytest.raises(AmountError, match="3 to 20 letters"):
        handle_of(typed)


@pytest.mark.parametrize("typed", ["admin", "Adm1n", "opera_tor", "supp0rt", "sy5tem", "o_f_f", "live", "b_o_t"])
def test_nobody_is_called_like_those_who_run_the_bot(typed: str) -> None:
    with pytest.raises(AmountError, match="could be taken for"):
        handle_of(typed)


def test_case_and_an_at_sign_make_no_other_name() -> None:
    assert handle_of("@Ada_T") == "ada_t"


@pytest.mark.parametrize(("one", "other"), [("molly", "m0lly"), ("lisa", "1isa"), ("born", "bom"), ("a_da", "ada")])
def test_names_that_look_alike_have_one_likeness(one: str, other: str) -> None:
    assert likeness(one) == likeness(other)


@given(st.text(max_size=30))
def test_whatever_is_typed_a_handle_is_plain_or_refused(typed: str) -> None:
    try:
        handle = handle_of(typed)
    except AmountError:
        return
    assert handle.isascii()
    assert handle.replace("_", "").isalnum()
    assert handle_of(handle) == handle
