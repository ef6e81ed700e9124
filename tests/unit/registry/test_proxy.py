"""Which hosts go through the proxy, and what the operator is told of a proxy that cannot be used."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from yarl import URL

from validator.errors import ConfigError
from validator.registry.proxy import ProxyRules, proxy_rules

RULES = {
    "host": ("reg.test", "reg.test", 443, True),
    "its hosts": ("reg.test", "a.reg.test", 443, True),
    "a leading dot": (".reg.test", "a.reg.test", 443, True),
    "case and last dot": ("Reg.Test", "REG.test.", 443, True),
    "not a longer name": ("reg.test", "evilreg.test", 443, False),
    "all": ("*", "reg.test", 443, True),
    "a port": ("reg.test:5000", "reg.test", 5000, True),
    "another port": ("reg.test:5000", "reg.test", 443, False),
    "address": ("10.0.0.5", "10.0.0.5", 443, True),
    "address and port": ("10.0.0.5:5000", "10.0.0.5", 443, False),
    "network": ("10.0.0.0/8", "10.1.2.3", 443, True),
    "outside the network": ("10.0.0.0/8", "11.1.2.3", 443, False),
    "a name is in no network": ("10.0.0.0/8", "reg.test", 443, False),
    "sixth family": ("fd00::/8", "[fd00::5]", 443, True),
    "sixth family, address": ("[fd00::5]:443", "fd00::5", 443, True),
    "sixth family, other spelling": ("fd00:0::5", "fd00::5", 443, True),
    "no suffix of an address": ("0.5", "10.0.0.5", 443, False),
    "empty": ("", "reg.test", 443, False),
    "a dot": (".", "reg.test", 443, False),
    "nonsense": ("10.0.0.0/99", "10.0.0.1", 443, False),
}


@pytest.mark.parametrize(("rule", "host", "port", "direct"), RULES.values(), ids=RULES.keys())
def test_no_proxy_names_hosts_domains_addresses_and_networks(rule: str, host: str, port: int, direct: bool):
    rules = proxy_rules(URL("http://proxy.test:3128"), None, ("unrelated.test", rule))

    assert (rules.route_for(host, port) is None) is direct


def test_without_a_proxy_everything_is_dialled():
    assert proxy_rules(None, None, ()) == ProxyRules()
    assert ProxyRules().route_for("reg.test", 443) is None


@pytest.mark.parametrize(("text", "pair"), [("me:pä:ss\n", "me:pä:ss"), ("me:pass\r\n", "me:pass"), ("me:pass", "me:pass")])
def test_the_pair_of_the_file_becomes_one_basic_field(tmp_path: Path, text: str, pair: str):
    path = tmp_path / "auth"
    path.write_bytes(text.encode())

    route = proxy_rules(URL("http://proxy.test:3128/path"), path, ()).route_for("reg.test", 443)

    assert route is not None
    assert route.url == URL("http://proxy.test:3128")
    assert route.authorization is not None
    assert route.authorization.get_secret_value() == "Basic " + base64.b64encode(pair.encode()).decode()
    assert "pass" not in repr(route)


@pytest.mark.parametrize("url", ["http://me:CANARY@proxy.test:3128", "socks5://proxy.test", "proxy.test:3128", "/x"])
def test_a_proxy_that_cannot_be_used_is_the_operators_fault(url: str):
    with pytest.raises(ConfigError, match=r"network\.proxy") as caught:
        proxy_rules(URL(url), None, ())

    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("content", [b"CANARY", b"me:CANARY\nsecond line\n", b"me:CANARY\x00", b"me:CANARY\xff", None])
def test_a_file_without_one_pair_is_the_operators_fault(tmp_path: Path, content: bytes | None):
    path = tmp_path / "auth"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError, match="proxy_auth_file") as caught:
        proxy_rules(URL("http://proxy.test:3128"), path, ())

    assert "CANARY" not in str(caught.value)
