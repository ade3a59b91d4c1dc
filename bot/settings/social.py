"""The sections about services where people write of tokens, and about those that count their moods. Each needs a key."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from bot.settings.section import SecretFile, Section, split

ChannelId = Annotated[str, StringConstraints(pattern=r"^[0-9]{5,20}$")]


def _together(section: str, **parts: object) -> None:
    """Refuse a section of which some keys are set and others are not."""
    missing = [name for name, value in parts.items() if not value]
    if missing and len(missing) < len(parts):
        names = " and ".join(f"{section}.{name}" for name in parts)
        raise PydanticCustomError("key", f"{names} belong together; set all of them or none")


class Twitter(Section):
    """What is written of a token on X: recent posts that name its address, by the API v2.

    `url` is the root of its interface, `https://api.x.com`, and `key_file` holds an app's bearer token in one line; it is read
    again when it changes. Without both it is not asked. `requests_per_minute` is what the app's plan allows for recent search.
    Profile local asks its local chain's stand-in.
    """

    url: str | None = None
    key_file: SecretFile | None = None
    requests_per_minute: float = Field(default=4.0, gt=0, le=600)

    @model_validator(mode="after")
    def _the_key_has_an_address(self) -> Self:
        _together("twitter", url=self.url, key_file=self.key_file)
        return self


class Reddit(Section):
    """What is written of a token on Reddit: posts of the last day that name its address.

    `url` is `https://oauth.reddit.com`, and `token_url` where an application gets its token, `https://www.reddit.com`.
    `client_id` is the application's, and `key_file` holds its secret in one line; it is read again when it changes. Without all
    four it is not asked. `user_agent` names the application, as its terms ask. Profile local asks its local chain's stand-in.
    """

    url: str | None = None
    token_url: str | None = None
    client_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,60}$")] | None = None
    key_file: SecretFile | None = None
    user_agent: Annotated[str, StringConstraints(pattern=r"^[ -~]{1,200}$")] = "linux:trading-bot:1"
    requests_per_minute: float = Field(default=30.0, gt=0, le=600)

    @model_validator(mode="after")
    def _the_key_has_an_address(self) -> Self:
        _together("reddit", url=self.url, token_url=self.token_url, client_id=self.client_id, key_file=self.key_file)
        return self


class Discord(Section):
    """What is written of a token in channels of Discord that a bot of the operator's was invited to.

    `url` is the root of its interface, `https://discord.com/api/v10`, `key_file` holds the bot's token in one line, which is
    read again when it changes, and `channels` are the numbers of the channels that are read. Without all three it is not asked.
    Profile local asks its local chain's stand-in.
    """

    url: str | None = None
    key_file: SecretFile | None = None
    channels: Annotated[tuple[ChannelId, ...], BeforeValidator(split)] = Field(default=(), max_length=20)
    requests_per_minute: float = Field(default=60.0, gt=0, le=3_000)

    @model_validator(mode="after")
    def _the_key_has_an_address(self) -> Self:
        _together("discord", url=self.url, key_file=self.key_file, channels=self.channels)
        return self


class Coingecko(Section):
    """How CoinGecko's users vote about a token, asked while none of X, Reddit and Discord answers.

    `url` is the root of its interface, `https://api.coingecko.com/api/v3` or that of its paid plans, and `key_file`
    holds the key of that plan in one line; it is read again when it changes. Without both it is not asked. Profile local asks
    its local chain's stand-in.
    """

    url: str | None = None
    key_file: SecretFile | None = None
    requests_per_minute: float = Field(default=20.0, gt=0, le=1_000)

    @model_validator(mode="after")
    def _the_key_has_an_address(self) -> Self:
        _together("coingecko", url=self.url, key_file=self.key_file)
        return self


class Lunarcrush(Section):
    """What LunarCrush makes of posts about a token, asked while none of X, Reddit and Discord answers.

    `url` is the root of its interface, `https://lunarcrush.com/api4`, and `key_file` holds its key in one line; it is read again
    when it changes. Without both it is not asked. Profile local asks its local chain's stand-in.
    """

    url: str | None = None
    key_file: SecretFile | None = None
    requests_per_minute: float = Field(default=4.0, gt=0, le=1_000)

    @model_validator(mode="after")
    def _the_key_has_an_address(self) -> Self:
        _together("lunarcrush", url=self.url, key_file=self.key_file)
        return self
