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
    "brackets": "[2606:4700::1111]",
    "blank": " 8.8.8.8",
}


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC.values(), ids=NOT_PUBLIC.keys())
def test_no_other_address_is_public(address: str) -> None:
    assert not is_public(address)


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
