"""Encodes values as an interface description says, so that our hand-written layouts meet bytes that they did not make."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from solders.pubkey import Pubkey

_WIDTHS = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "i64": 8, "u128": 16, "i128": 16}


class Idl:
    """An Anchor interface description."""

    def __init__(self, path: Path) -> None:
        self._idl = json.loads(path.read_text())
        self._types = {one["name"]: one["type"] for one in self._idl["types"]}

    def discriminator(self, section: str, name: str) -> bytes:
        return bytes(self._named(section, name)["discriminator"])

    def accounts(self, instruction: str) -> list[tuple[str, bool, bool]]:
        """Name, writable, signer of each account of an instruction, in order."""
        found = self._named("instructions", instruction)["accounts"]
        return [(one["name"], one.get("writable", False), one.get("signer", False)) for one in found]

    def arguments(self, instruction: str) -> list[tuple[str, str]]:
        return [(one["name"], one["type"]) for one in self._named("instructions", instruction)["args"]]

    def errors(self) -> dict[int, str]:
        return {one["code"]: one["name"] for one in self._idl["errors"]}

    def encode(self, name: str, values: dict[str, Any]) -> bytes:
        """A struct's bytes without discriminator; fields that `values` lacks are zero."""
        return b"".join(self._field(one["type"], values.get(one["name"])) for one in self._types[name]["fields"])

    def _named(self, section: str, name: str) -> dict[str, Any]:
        return next(one for one in self._idl[section] if one["name"] == name)

    def _field(self, kind: Any, value: Any) -> bytes:
        if kind == "string":
            encoded = (value or "").encode()
            return struct.pack("<I", len(encoded)) + encoded
        if kind == "pubkey":
            return bytes(value or Pubkey.default())
        if kind == "bool":
            return bytes([bool(value)])
        if isinstance(kind, str):
            return int(value or 0).to_bytes(_WIDTHS[kind], "little", signed=kind.startswith("i"))
        if "vec" in kind:
            return struct.pack("<I", len(value or ())) + b"".join(self._field(kind["vec"], one) for one in value or ())
        if "array" in kind:
            inner, length = kind["array"]
            return b"".join(self._field(inner, one) for one in value or [None] * length)
        return self.encode(kind["defined"]["name"], value or {})
