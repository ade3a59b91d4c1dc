"""Request parameters and errors: positional values and a configuration object, checked before a method sees them.

Codes: JSON-RPC 2.0, and Agave's `rpc-client-api/src/custom_error.rs`.
"""

from __future__ import annotations

from typing import Any

from solders.hash import Hash, ParseHashError
from solders.pubkey import Pubkey
from solders.signature import Signature

from bot.localnet.chain import DEPTH_OF, Commitment

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
BLOCK_CLEANED_UP = -32001
PREFLIGHT_FAILURE = -32002
SIGNATURE_VERIFICATION_FAILURE = -32003
BLOCK_NOT_AVAILABLE = -32004
NODE_UNHEALTHY = -32005
SLOT_SKIPPED = -32007
KEY_EXCLUDED_FROM_INDEX = -32010
UNSUPPORTED_TRANSACTION_VERSION = -32015
MIN_CONTEXT_SLOT_NOT_REACHED = -32016


class RpcError(Exception):
    """An error answer: a JSON-RPC code, a message, and optional data."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


def invalid(message: str) -> RpcError:
    """The error for parameters that cannot be used."""
    return RpcError(INVALID_PARAMS, message)


def parse_pubkey(text: Any) -> Pubkey:
    """A base58 address."""
    if not isinstance(text, str):
        raise invalid("Invalid params: invalid type, expected a string.")
    try:
        return Pubkey.from_string(text)
    except ValueError as error:
        raise invalid("Invalid param: Invalid") from error


def parse_signature(text: Any) -> Signature:
    """A base58 transaction signature."""
    if not isinstance(text, str):
        raise invalid("Invalid params: invalid type, expected a string.")
    try:
        return Signature.from_string(text)
    except ValueError as error:
        raise invalid("Invalid param: Invalid") from error


def parse_hash(text: Any) -> Hash:
    """A base58 blockhash."""
    if not isinstance(text, str):
        raise invalid("Invalid params: invalid type, expected a string.")
    try:
        return Hash.from_string(text)
    except (ValueError, ParseHashError) as error:
        raise invalid("Invalid param: Invalid") from error


class Config:
    """The configuration object of a request; absent fields read as Agave's defaults."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields

    def commitment(self, field: str = "commitment") -> Commitment:
        """The commitment level asked for; finalized when none is."""
        value = self.fields.get(field) or "finalized"
        if value not in DEPTH_OF:
            raise invalid(
                f"Invalid params: unknown variant `{value}`, expected one of `processed`, `confirmed`, `finalized`."
            )
        level: Commitment = value
        return level

    def text(self, field: str, default: str) -> str:
        """A string field."""
        value = self.fields.get(field)
        if value is None:
            return default
        if not isinstance(value, str):
            raise invalid(f"Invalid params: invalid type for `{field}`, expected a string.")
        return value

    def integer(self, field: str) -> int | None:
        """A non-negative integer field, or None when absent."""
        value = self.fields.get(field)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise invalid(f"Invalid params: invalid value for `{field}`, expected u64.")
        return value

    def flag(self, field: str) -> bool:
        """A boolean field; false when absent."""
        value = self.fields.get(field)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise invalid(f"Invalid params: invalid type for `{field}`, expected a boolean.")
        return value

    def mapping(self, field: str) -> dict[str, Any] | None:
        """An object field, or None when absent."""
        value = self.fields.get(field)
        if value is not None and not isinstance(value, dict):
            raise invalid(f"Invalid params: invalid type for `{field}`, expected an object.")
        return value

    def data_slice(self) -> slice:
        """Which part of account data to return."""
        part = self.mapping("dataSlice")
        if part is None:
            return slice(None)
        config = Config(part)
        offset, length = config.integer("offset"), config.integer("length")
        if offset is None or length is None:
            raise invalid("Invalid params: `dataSlice` needs `offset` and `length`.")
        return slice(offset, offset + length)


class Params:
    """The positional parameters of a request."""

    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def has(self, index: int) -> bool:
        """Whether a parameter was given at all."""
        return index < len(self._values) and self._values[index] is not None

    def value(self, index: int) -> Any:
        """A required parameter of any type."""
        if index >= len(self._values):
            raise invalid(f"`params` should have at least {index + 1} argument(s)")
        return self._values[index]

    def text(self, index: int) -> str:
        """A required string."""
        value = self.value(index)
        if not isinstance(value, str):
            raise invalid("Invalid params: invalid type, expected a string.")
        return value

    def integer(self, index: int) -> int:
        """A required non-negative integer."""
        value = self.value(index)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise invalid("Invalid params: invalid type, expected u64.")
        return value

    def pubkey(self, index: int) -> Pubkey:
        """A required address."""
        return parse_pubkey(self.value(index))

    def signature(self, index: int) -> Signature:
        """A required signature."""
        return parse_signature(self.value(index))

    def items(self, index: int, limit: int) -> list[Any]:
        """A required list of at most `limit` entries."""
        value = self.value(index)
        if not isinstance(value, list):
            raise invalid("Invalid params: invalid type, expected a sequence.")
        if len(value) > limit:
            raise invalid(f"Too many inputs provided; max {limit}")
        return value

    def config(self, index: int) -> Config:
        """The configuration object at `index`, empty when absent."""
        value = self._values[index] if index < len(self._values) else None
        if value is None:
            return Config({})
        if not isinstance(value, dict):
            raise invalid("Invalid params: invalid type, expected a configuration object.")
        return Config(value)
