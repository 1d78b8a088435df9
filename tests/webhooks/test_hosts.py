"""Webhooks go where the operator has said, by https, and no spelling gets around it."""

from __future__ import annotations

import pytest

from cfx_flow.errors import ConfigError, InvalidRequest
from cfx_flow.webhooks.hosts import WebhookHosts

HOSTS = WebhookHosts.read("hooks.example.com, *.example.org,ci.example.net:8443")


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/",
        "https://hooks.example.com:443/a/b?c=d",
        "https://HOOKS.example.com./x",
        "https://a.b.example.org/",
        "https://ci.example.net:8443/build",
    ],
)
def test_a_named_host_is_allowed(url: str) -> None:
    assert str(HOSTS.address(url)).startswith("https://")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://hooks.example.com/", "https://"),
        ("ftp://hooks.example.com/", "https://"),
        ("hooks.example.com", "https://"),
        ("https://example.org/", "hooks.example.com, *.example.org, ci.example.net:8443 only"),
        ("https://hooks.example.com:8443/", "only"),
        ("https://ci.example.net/", "only"),
        ("https://hooks.example.com.evil.test/", "only"),
        ("https://evilexample.org/", "only"),
        ("https://localhost/", "only"),
        ("https://hooks.example.com@evil.test/", "user"),
        ("https://me:secret@hooks.example.com/", "user"),
        ("https://hooks.example.com/#x", "fragment"),
        ("https://hooks.example.com\\@evil.test/", "printable"),
        ("https://hooks.example.com/a b", "printable"),
        ("https://hooks.example.com/\n", "printable"),
        ("https://hööks.example.com/", "printable"),
        ("https://hooks.example.com%2eevil.test/", "name its host"),
        ("https://127.0.0.1/", "name its host"),
        ("https://[::1]/", "name its host"),
        ("https://2130706433/", "name its host"),
        ("https://127.1/", "name its host"),
        ("https://127.0.0x1/", "name its host"),
        ("https:///x", "name its host"),
        ("https://hooks.example.com:99999/", "is no address"),
        ("https://hooks.example.com/" + "x" * 2000, "2000"),
    ],
)
def test_everything_else_is_refused_with_the_reason(url: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match="webhook") as refusal:
        HOSTS.address(url)
    assert says in refusal.value.message
    assert refusal.value.param == "webhook.url"


def test_without_hosts_there_are_no_webhooks() -> None:
    with pytest.raises(InvalidRequest, match="CFX_WEBHOOK_HOSTS"):
        WebhookHosts.read(" , ").address("https://hooks.example.com/")


@pytest.mark.parametrize(
    "entry", ["https://x.example", "10.0.0.1", "*", "*.1", "x.example:", "a b", "x:y", "[::1]"]
)
def test_a_setting_that_names_no_host_is_refused_at_start(entry: str) -> None:
    with pytest.raises(ConfigError, match="CFX_WEBHOOK_HOSTS"):
        WebhookHosts.read(entry)
