"""Whether a request may come from where it says: by its Host, its Origin and what a browser says of the page behind it. Pure.

A page of somewhere else can make a browser send requests here, under this address or under a name that it has pointed at this
machine. Of a request that changes something a browser always tells the origin, https://fetch.spec.whatwg.org/#origin-header,
and of every request how its page is related, https://www.w3.org/TR/fetch-metadata/.
"""

from __future__ import annotations

from collections.abc import Mapping

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
OWN_PAGES = frozenset({"same-origin", "none"})  # `none` is an address that a person typed or kept


def is_known(host: str, names: frozenset[str]) -> bool:
    """Whether a Host header names this machine, with any port because of tunnels, or one of the names of its proxy."""
    name, _, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
    if port and not (port.isascii() and port.isdecimal()):
        return False
    return name.lower() in LOOPBACK | names


def refusal(headers: Mapping[str, str], method: str, names: frozenset[str]) -> str | None:
    """Why a request is not answered, None for one that is. Header names are in small letters."""
    host = headers.get("host", "")
    if not is_known(host, names):
        return "this address is not one of the dashboard's; see bot web --name"
    if headers.get("sec-fetch-site", "none") not in OWN_PAGES:
        return "another page asks; type the address, or open it from a bookmark"
    origin = headers.get("origin")
    if origin is None:
        return None if method in {"GET", "HEAD"} else "a form says where it comes from"
    return None if origin in {f"http://{host}", f"https://{host}"} else "another page asks"


def is_behind_proxy(host: str, names: frozenset[str]) -> bool:
    """Whether it was reached by the name of its proxy, which speaks TLS."""
    return host.partition(":")[0].lower() in names
