"""Where webhooks may go: the hosts that the operator has named, by https, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from yarl import URL

from cfx_flow.errors import ConfigError, InvalidRequest

SETTING = "CFX_WEBHOOK_HOSTS"
MAX_URL_CHARS = 2000
HTTPS_PORT = 443

_NAME = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,62})\.)*[a-z](?:[a-z0-9-]{0,62})")
"""a name whose last label begins with a letter: no spelling of an address (``127.1``, ``0x7f.1``) is one"""


@dataclass(frozen=True, slots=True)
class Place:
    host: str
    port: int
    below: bool = False
    """every name below ``host`` is meant, not ``host`` itself"""

    def holds(self, host: str, port: int) -> bool:
        return port == self.port and (host.endswith(f".{self.host}") if self.below else host == self.host)

    def __str__(self) -> str:
        port = "" if self.port == HTTPS_PORT else f":{self.port}"
        return f"{'*.' if self.below else ''}{self.host}{port}"


@dataclass(frozen=True, slots=True)
class WebhookHosts:
    places: tuple[Place, ...] = ()

    @classmethod
    def read(cls, setting: str) -> WebhookHosts:
        """``hooks.example.com, *.example.org, ci.example.net:8443``. Raises ConfigError."""
        return cls(tuple(_places(setting)))

    def address(self, url: str) -> URL:
        """``url`` as it is connected to. Raises InvalidRequest saying why not."""
        if not self.places:
            raise _refused("this server sends no webhooks; the operator names the hosts in " + SETTING)
        address = _parsed(url)
        host, port = address.raw_host or "", address.port or HTTPS_PORT
        if not any(place.holds(host.lower().removesuffix("."), port) for place in self.places):
            allowed = ", ".join(map(str, self.places))
            raise _refused(f"this server sends webhooks to {allowed} only; the operator adds to {SETTING}")
        return address


def _parsed(url: str) -> URL:
    """By the library that connects, so that no address means one thing here and another there."""
    if len(url) > MAX_URL_CHARS or not url.isascii() or not url.isprintable() or re.search(r"[\s\\]", url):
        raise _refused(f"must be at most {MAX_URL_CHARS} printable ASCII characters without spaces")
    try:
        address = URL(url)
    except ValueError as error:
        raise _refused(f"is no address: {error}") from None
    if address.scheme != "https":
        raise _refused("must begin with https://")
    if address.user is not None or address.password is not None or address.raw_fragment:
        raise _refused("must have neither user, password nor fragment")
    if not _NAME.fullmatch((address.raw_host or "").lower().removesuffix(".")):
        raise _refused("must name its host, not give its address")
    return address


def _places(setting: str) -> Iterator[Place]:
    for entry in filter(None, (part.strip().lower() for part in setting.split(","))):
        name, _, port = entry.partition(":")
        host = name.removeprefix("*.")
        if not _NAME.fullmatch(host) or (":" in entry and not _is_port(port)):
            raise ConfigError(
                f"{entry!r} is not a host name: write hooks.example.com, *.example.com or "
                "hooks.example.com:8443, separated by commas",
                key=SETTING,
            )
        yield Place(host, int(port or HTTPS_PORT), below=host != name)


def _is_port(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,5}", text) is not None and 0 < int(text) < 2**16


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(f"webhook.url: {why}.", param="webhook.url")
