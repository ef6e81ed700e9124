"""Laws of the realm: a secret goes to no stranger, and an address is judged the same in every form."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import example, given
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList
from yarl import URL

from validator.protocol.realm import RealmFault, is_public, judge_realm, resolve_realm

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))

REGISTRIES = st.sampled_from(
    [
        "https://reg.test",
        "https://r.reg.test:5000",
        "http://reg.test:5000",
        "https://a.azurecr.io",
        "https://registry",
        "https://10.0.0.5:5000",
        "https://registry.redhat.io",
        "https://rg.fr-par.scw.cloud",
        "https://a.github.io",
        "https://127.1",
        "https://[2001:db8::1]",
    ]
)
PIECES = st.sampled_from(
    [
        "https://",
        "http://",
        "//",
        "/",
        "\\",
        "@",
        ":",
        "?",
        "#",
        ".",
        "%2e",
        "%00",
        "reg.test",
        "REG.TEST",
        "auth.reg.test",
        "evil.test",
        "evilreg.test",
        "b.azurecr.io",
        "azurecr.io",
        "api.scaleway.com",
        "sso.redhat.com",
        "b.github.io",
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "[::1]",
        "[2001:db8::1]",
        "registry",
        "10.0.0.5",
        ":443",
        ":5000",
        ":80",
        "token",
        "u:p@",
        "。",
        "／",
        "＠",
        "ⓡ",
        "\u00ad",
        "bücher",
    ]
)
REALMS = st.lists(PIECES, max_size=7).map("".join) | st.tuples(
    st.sampled_from(["https://", "http://", "//"]), st.lists(PIECES, max_size=4).map("".join)
).map("".join)
LISTED = st.frozensets(st.sampled_from(["listed.test", "evil.test:8443", "reg.test:80", "[::1]", ""]), max_size=2)
SHARED_HERE = ("azurecr.io", "scw.cloud")


@given(REGISTRIES, REALMS | ANY_TEXT, LISTED, st.booleans(), st.booleans())
@example("https://reg.test", "https://evil.test\\@reg.test/", frozenset(), False, False)
def test_a_secret_goes_to_no_stranger(registry: str, realm: str, listed: frozenset[str], plain_http: bool, exact: bool) -> None:
    base = URL(registry)
    url = resolve_realm(realm, base.with_path("/v2/"))
    if isinstance(url, RealmFault):
        return
    host, home = str(url.raw_host), str(base.raw_host)
    assert "@" not in url.raw_authority
    assert "%" not in host
    assert host == host.lower()
    assert not url.raw_fragment
    if judge_realm(url, registry=base, listed=listed, plain_http=plain_http, exact=exact) is not None:
        return
    named = host in listed or f"{host}:{url.port}" in listed or f"[{host}]" in listed
    same = host == home and url.port == base.port
    site = PublicSuffixList(only_icann=False).privatesuffix(host)
    neighbour = (
        "." in home
        and not home.endswith((".1", ".5"))
        and site is not None
        and (home == site or home.endswith(f".{site}"))
        and not host.endswith(SHARED_HERE)
        and url.port in (443, base.port)
    )
    known = host in {"https://registry.redhat.io": "sso.redhat.com", "https://rg.fr-par.scw.cloud": "api.scaleway.com"}.get(registry, "").split()
    at_home = host == home and url.port == 443 and "." in home and not home.endswith((".1", ".5"))
    assert same or named or (not exact and (neighbour or at_home or (known and url.port == 443)))
    assert url.scheme == "https" or (plain_http and (same or named))


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_is_as_public_in_its_ipv6_forms(number: int) -> None:
    plain = is_public(str(IPv4Address(number)))
    assert is_public(str(IPv6Address(0xFFFF << 32 | number))) is plain
    assert is_public(str(IPv6Address((0x64FF9B << 96) | number))) is plain
    assert is_public(str(IPv6Address((0x2002 << 112) | (number << 80)))) is plain
    assert not is_public(str(IPv6Address(number)))
