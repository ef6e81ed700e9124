"""Addresses of the public internet, and numbers that pretend to be names: README 4.2.2, SEC-11."""

from __future__ import annotations

import pytest

from validator.protocol.realm import is_public, odd_address

PUBLIC = (
    "1.1.1.1",
    "8.8.8.8",
    "140.82.121.34",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "168.63.129.15",
    "169.253.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450:4001::200e",
    "2001:4860:4860::8888",
    "2600::",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
)

NOT_PUBLIC = {
    "private 10": "10.0.0.5",
    "private 172.16": "172.16.0.1",
    "private 172.31": "172.31.255.255",
    "private 192.168": "192.168.1.1",
    "loopback": "127.0.0.1",
    "loopback, far": "127.255.255.254",
    "metadata": "169.254.169.254",
    "ECS metadata": "169.254.170.2",
    "CGNAT": "100.64.0.1",
    "Alibaba's metadata": "100.100.100.200",
    "Azure's host": "168.63.129.16",
    "Oracle's metadata": "192.0.0.192",
    "IETF": "192.0.0.1",
    "IETF anycast": "192.0.0.9",
    "6to4 relay": "192.88.99.1",
    "unspecified": "0.0.0.0",
    "this network": "0.1.2.3",
    "broadcast": "255.255.255.255",
    "reserved": "240.0.0.1",
    "multicast": "224.0.0.1",
    "multicast, global": "233.252.0.1",
    "documentation 1": "192.0.2.1",
    "documentation 2": "198.51.100.1",
    "documentation 3": "203.0.113.1",
    "benchmarks": "198.18.0.1",
    "IPv6 loopback": "::1",
    "IPv6 unspecified": "::",
    "IPv6 link-local": "fe80::1",
    "IPv6 link-local with a zone": "fe80::1%eth0",
    "IPv6 site-local": "fec0::1",
    "IPv6 unique local": "fd00::1",
    "AWS's metadata": "fd00:ec2::254",
    "IPv6 multicast": "ff0e::1",
    "IPv6 documentation": "2001:db8::1",
    "IPv6 documentation, new": "3fff::1",
    "IPv6 discard": "100::1",
    "segment routing": "5f00::1",
    "Teredo": "2001::1",
    "ORCHID": "2001:20::1",
    "benchmarks, IPv6": "2001:2::1",
    "mapped private": "::ffff:10.0.0.1",
    "mapped loopback": "::ffff:7f00:1",
    "mapped metadata": "::ffff:a9fe:a9fe",
    "mapped Azure": "::ffff:168.63.129.16",
    "compatible": "::10.0.0.1",
    "compatible, public": "::8.8.8.8",
    "6to4 metadata": "2002:a9fe:a9fe::1",
    "6to4 loopback": "2002:7f00:1::",
    "NAT64 metadata": "64:ff9b::a9fe:a9fe",
    "NAT64 private": "64:ff9b::10.0.0.1",
    "NAT64 of a network": "64:ff9b:1::808:808",
    "translated": "::ffff:0:8.8.8.8",
    "outside 2000::/3": "4000::1",
    "name": "reg.test",
    "empty": "",
    "number": "2130706433",
    "hex": "0x7f.1",
    "short": "127.1",
    "octal": "0177.0.0.1",
    "leading zero": "08.8.8.8",
    "IPv4 with a zone": "8.8.8.8%eth0",
    "brackets": "[2606:4700::1111]",
    "blank": " 8.8.8.8",
}


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC.values(), ids=NOT_PUBLIC.keys())
def test_no_other_address_is_public(address: str) -> None:
    assert not is_public(address)


# first and last address of each block that no secret may be sent to, and the ones beside it; README 4.2.2, IANA's registries
BLOCKS = {
    "this network": ("0.0.0.0", "0.255.255.255", None, "1.0.0.0"), "private 10": ("10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"),
    "CGNAT": ("100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0"), "loopback": ("127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0"),
    "Azure's host": ("168.63.129.16", "168.63.129.16", "168.63.129.15", "168.63.129.17"), "link-local": ("169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0"),
    "private 172": ("172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"), "IETF": ("192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0"),
    "documentation 1": ("192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"), "AS112": ("192.31.196.0", "192.31.196.255", "192.31.195.255", "192.31.197.0"),
    "AMT": ("192.52.193.0", "192.52.193.255", "192.52.192.255", "192.52.194.0"), "6to4 relay": ("192.88.99.0", "192.88.99.255", "192.88.98.255", "192.88.100.0"),
    "private 192": ("192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0"), "AS112 direct": ("192.175.48.0", "192.175.48.255", "192.175.47.255", "192.175.49.0"),
    "benchmarks": ("198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0"), "documentation 2": ("198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0"),
    "documentation 3": ("203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0"), "multicast": ("224.0.0.0", "239.255.255.255", "223.255.255.255", None),
    "reserved": ("240.0.0.0", "255.255.255.255", None, None), "IPv6 IETF": ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", None, "2001:200::"),
    "IPv6 documentation": ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db7::1", "2001:db9::"),
    "IPv6 AS112": ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", "2620:4f:7fff::1", "2620:4f:8001::"),
    "IPv6 documentation 2": ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3ffe:ffff::1", "3fff:1000::"),
}  # fmt: skip


@pytest.mark.parametrize("everything_is_global", [False, True])
@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_is_known_to_its_ends_whatever_this_python_calls_global(
    name: str, everything_is_global: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`is_global` differs between releases (CVE-2024-4032): nothing rests on it alone."""
    if everything_is_global:
        monkeypatch.setattr("ipaddress.IPv4Address.is_global", True)
        monkeypatch.setattr("ipaddress.IPv6Address.is_global", True)
    first, last, before, after = BLOCKS[name]
    assert [is_public(address) for address in (first, last)] == [False, False]
    assert [is_public(address) for address in (before, after) if address is not None] == [True] * sum(each is not None for each in (before, after))


ODD = (
    "2130706433",
    "0x7f.1",
    "127.1",
    "017700000001",
    "0x7f000001",
    "0177.0.0.1",
    "127.0.0.01",
    "1.2.3.256",
    "1.2.3.4.5",
    "127.0.0.1.",
    "0",
    "0x",
    "0x7F.1",
    "１２７.1",
    "reg.1",
)
EVEN = (
    "127.0.0.1",
    "8.8.8.8",
    "reg.test",
    "1e100.net",
    "0x7f.test",
    "127.0.0.1.nip.io",
    "::1",
    "::ffff:1.2.3.4",
    "localhost",
    "",
    "a.0xg",
    "4chan.org",
)


@pytest.mark.parametrize("host", ODD)
def test_a_number_that_is_no_dotted_quad_is_odd(host: str) -> None:
    assert odd_address(host)


@pytest.mark.parametrize("host", EVEN)
def test_names_and_plain_addresses_are_not_odd(host: str) -> None:
    assert not odd_address(host)
