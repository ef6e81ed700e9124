"""May this realm get this registry's secret? And is this address one of the public internet?

Pure: names and numbers only; what a name resolves to is the dialler's to check with `is_public`. Rules:
registries/README.md 2.3 and 4.2; known realms: registries/others.md 21.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from publicsuffixlist import PublicSuffixList
from yarl import URL

MAX_REALM: Final = 2048


class RealmFault(StrEnum):
    """Why nothing is sent to a realm; the values are reason codes."""

    UNSAFE_REALM = "unsafe_realm"
    INSECURE_SCHEME = "insecure_scheme"
    PROTOCOL = "protocol"


KNOWN_REALMS: Final = tuple(
    # registries (a pattern) and their realm hosts, which may use its groups; registries/others.md 21, ngc.md 1, dockerhub.md 1
    (re.compile(registry), hosts)
    for registry, hosts in (
        (r"registry\.gitlab\.com", ("gitlab.com",)),
        (r"(?:registry-1\.|index\.)?docker\.io|registry\.hub\.docker\.com", ("auth.docker.io",)),
        (r"nvcr\.io", ("authn.nvidia.com",)),
        (r"registry\.redhat\.io", ("sso.redhat.com",)),
        (r"registry\.connect\.redhat\.com", ("sso.redhat.com",)),
        (r"registry\.digitalocean\.com", ("api.digitalocean.com",)),
        (r"rg\.[a-z]{2}-[a-z]{3}\.scw\.cloud", ("api.scaleway.com",)),
        (r"registry(?:-vpc|-intl)?\.([a-z0-9-]+)\.aliyuncs\.com", (r"dockerauth.\1.aliyuncs.com", r"dockerauth-vpc.\1.aliyuncs.com")),
    )
)

SHARED: Final = frozenset(
    # suffixes under which strangers have hosts and that the public suffix list (its private part too) does not name, or not
    # at this level: same host only. registries/others.md 21 and others of their kind
    {
        "azurecr.io", "azurecr.cn", "azurecr.us", "azurecr.de", "windows.net", "azure.com", "azure.net", "azurewebsites.net",
        "azurecontainer.io", "azureedge.net", "azurefd.net", "cloudapp.net", "trafficmanager.net", "chinacloudapi.cn",
        "usgovcloudapi.net", "amazonaws.com", "amazonaws.com.cn", "on.aws", "awsapprunner.com", "cloudfront.net", "pkg.dev",
        "run.app", "appspot.com", "googleusercontent.com", "cloudfunctions.net", "web.app", "jfrog.io", "jfrog.com",
        "jfrogdev.com", "scw.cloud", "ocir.io", "oraclecloud.com", "aliyuncs.com", "alicontainer.com", "myhuaweicloud.com",
        "myhuaweicloud.eu", "tencentcloudcr.com", "tencentcs.com", "myqcloud.com", "volces.com", "ghe.com", "github.io",
        "gitlab.io", "container-registry.com", "ovh.net", "jetbrains.space", "sonatype.app",
        "cloudrepo.io", "cloudsmith.com", "openshiftapps.com", "dynatrace.com", "ondigitalocean.app", "herokuapp.com",
        "fly.dev", "onrender.com", "netlify.app", "vercel.app", "pages.dev", "workers.dev", "ngrok.io", "ngrok.app",
        "ngrok.dev", "ngrok-free.app", "ngrok-free.dev", "trycloudflare.com", "ts.net", "nip.io", "sslip.io", "duckdns.org",
        "cluster.local",
    }
)  # fmt: skip

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_AUTHORITY: Final = re.compile(r"(?:https?:)?//([^/?]*)", re.IGNORECASE)
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


def resolve_realm(realm: str, base: URL) -> URL | RealmFault:
    """The URL that a Bearer challenge's `realm` means, relative to `base`, the final URL of the request; or what is wrong.

    UNSAFE_REALM: userinfo, fragment, backslash, blanks and control characters, over MAX_REALM characters, another scheme
    than http(s), no lawful host or port. The query is kept; the host comes in lower case, as punycode, without the last dot.
    """
    if not realm.strip():
        return RealmFault.PROTOCOL
    if len(realm) > MAX_REALM or any(c in "\\#" or c.isspace() or unicodedata.category(c)[0] == "C" for c in realm):
        return RealmFault.UNSAFE_REALM
    authority = _AUTHORITY.match(realm)
    if authority is None and _SCHEME.match(realm):
        return RealmFault.UNSAFE_REALM
    if authority is not None and (not authority[1] or any(c in "@%" for c in authority[1])):
        return RealmFault.UNSAFE_REALM
    try:
        url = base.join(URL(realm))
        host = _folded(url.raw_host or "")
        if url.scheme not in _DEFAULT_PORTS or not _lawful(host) or url.port in (None, 0):
            return RealmFault.UNSAFE_REALM
        if url.raw_user is not None or url.raw_password is not None:
            return RealmFault.UNSAFE_REALM
        made = url.with_host(host)
        return made if made.host else RealmFault.UNSAFE_REALM  # punycode that is none raises
    except ValueError:
        return RealmFault.UNSAFE_REALM


def judge_realm(
    realm: URL, *, registry: URL, listed: frozenset[str], plain_http: bool, exact: bool = False, home_too: bool = True
) -> RealmFault | None:  # fmt: skip
    """Why the secret of `registry` may not go to `realm`; None if it may.

    `registry` is the URL that is dialled, `listed` the hosts (`host` for any port, `host:port`) that its provider or the
    operator lists, `plain_http` whether the operator lists the registry as plain http. With `exact` (a named provider)
    only the registry's own host and port and the listed ones pass: neither the known realms nor the registrable domain.
    Without `home_too` (a vendor whose registry never sees a secret) the registry's own does not pass either.
    """
    host, port = _folded(realm.raw_host or ""), realm.port
    home, home_port = _folded(registry.raw_host or ""), registry.port
    if realm.scheme not in _DEFAULT_PORTS or not _lawful(host) or not port or realm.raw_user is not None or realm.raw_password is not None:
        return RealmFault.UNSAFE_REALM
    named = _is_listed(host, port, listed)
    near = not exact and (home_too or host != home) and (host in known_realm_hosts(home) or same_site(host, home))
    if realm.scheme == "https":
        at_home = home_too and host == home and port == home_port
        at_site = near and (port == 443 or (port == home_port and same_site(host, home)))
        return None if at_home or named or at_site else RealmFault.UNSAFE_REALM
    if plain_http and (named or (home_too and host == home and port == home_port)):
        return None
    if plain_http and host == home:
        return RealmFault.UNSAFE_REALM
    return RealmFault.INSECURE_SCHEME if host == home or named or near else RealmFault.UNSAFE_REALM


def known_realm_hosts(registry_host: str) -> frozenset[str]:
    """The realm hosts that are known for this registry and lie elsewhere; registries/others.md 21."""
    host = _folded(registry_host)
    return frozenset(found.expand(each) for pattern, hosts in KNOWN_REALMS if (found := pattern.fullmatch(host)) for each in hosts)


def same_site(a: str, b: str) -> bool:
    """True if two host names have one registrable domain that is no shared suffix; addresses and single labels never have.

    One and the same name under a shared suffix is one site too.
    """
    a, b = _folded(a), _folded(b)
    domain = _domain(a)
    if domain is None or domain != _domain(b):
        return False
    shared = any(a == suffix or a.endswith(f".{suffix}") for suffix in SHARED)
    return a == b or not shared


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    """The list, read when a name is first compared: it is a tenth of a command's start."""
    return PublicSuffixList(only_icann=False)


def _domain(host: str) -> str | None:
    """The registrable domain of a name, by the public suffix list with its private part; None where there is none."""
    if "." not in host or ":" in host or not _lawful(host) or odd_address(host) or _address(host) or host.endswith(".localhost"):
        return None
    domain: str | None = _suffixes().privatesuffix(host)
    return domain


def _folded(host: str) -> str:
    """A host name for comparing: lower case, punycode, without brackets and the last dot; an IPv6 address in its short form."""
    name = host.strip("[]")
    if not name.isascii():
        try:
            name = URL.build(scheme="https", host=name).raw_host or ""
        except ValueError:
            return ""
    name = name.lower().removesuffix(".")
    address = _address(name) if ":" in name else None
    return str(address) if address else name


def _lawful(host: str) -> bool:
    """True for a name of letters, digits, '-', '_' in labels, and for an address without a zone."""
    if ":" in host:
        return _address(host) is not None and "%" not in host
    return 0 < len(host) <= 253 and all(_LABEL.fullmatch(label) for label in host.split("."))


def _is_listed(host: str, port: int, listed: frozenset[str]) -> bool:
    for entry in listed:
        name, colon, number = entry.rpartition(":")
        if not colon or not number.isdecimal() or (":" in name and not name.endswith("]")):
            name, number = entry, ""
        if _folded(name) == host and number in ("", str(port)):
            return True
    return False


def is_address(host: str) -> bool:
    """True for an IP address, in brackets or not."""
    return _address(host.strip("[]").partition("%")[0]) is not None


@lru_cache(maxsize=1024)
def odd_address(host: str) -> bool:
    """True for a host that some resolvers read as an IPv4 address and that is not four plain decimals: `0x7f.1`, `2130706433`."""
    name = unicodedata.normalize("NFKC", host).lower()
    last = name.removesuffix(".").rpartition(".")[2]
    if ":" in name or not re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last):
        return False
    return not isinstance(_address(name), IPv4Address)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


_NEVER4: Final = tuple(
    # `is_global` differs between releases of Python (CVE-2024-4032) and lets some of these pass: all are said here
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NEVER6: Final = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20"))
_NAT64: Final = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """True for a unicast address of the public internet; False for any other text.

    An IPv4 in an IPv6 (mapped, 6to4, NAT64) is judged as itself; Teredo and the deprecated compatible form never pass.
    """
    ip = _address(address)
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (IPv4Address(int(ip) & 0xFFFF_FFFF) if ip in _NAT64 else None)
        if inner is None:
            return ip in _GLOBAL_UNICAST and ip.is_global and not any(ip in net for net in _NEVER6)
        ip = inner
    return ip is not None and ip.is_global and not any(ip in net for net in _NEVER4)
