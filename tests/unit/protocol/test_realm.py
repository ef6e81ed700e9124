"""Who may get a registry's secret: cases.md SEC-01 to SEC-07, SEC-13, OTHER-39, OTHER-40, OTHER-44; README 2.3, 4.2."""

from __future__ import annotations

import pytest
from yarl import URL

from validator.protocol.realm import RealmFault, is_address, judge_realm, known_realm_hosts, resolve_realm, same_site

UNSAFE, INSECURE, PROTOCOL = RealmFault.UNSAFE_REALM, RealmFault.INSECURE_SCHEME, RealmFault.PROTOCOL
REG = "https://reg.test"


def verdict(registry: str, realm: str, listed: tuple[str, ...] = (), *, plain_http: bool = False, exact: bool = False) -> RealmFault | None:
    url = resolve_realm(realm, URL(registry).with_path("/v2/"))
    if isinstance(url, RealmFault):
        return url
    return judge_realm(url, registry=URL(registry), listed=frozenset(listed), plain_http=plain_http, exact=exact)


RESOLVED: dict[str, tuple[str, str]] = {
    "absolute": ("https://auth.reg.test/token", "https://auth.reg.test/token"),
    "GEN-23 relative": ("/token", "https://reg.test:5000/token"),
    "relative to the path": ("token", "https://reg.test:5000/v2/token"),
    "without scheme": ("//auth.reg.test/token", "https://auth.reg.test/token"),
    "GEN-24 query": ("https://reg.test/t?service=x&k=1", "https://reg.test/t?service=x&k=1"),
    "SEC-04 case, dot, port": ("https://AUTH.Reg.Test.:443/token", "https://auth.reg.test/token"),
    "port": ("https://reg.test:5001/t", "https://reg.test:5001/t"),
    "punycode": ("https://bücher.test/t", "https://xn--bcher-kva.test/t"),
    "IPv6": ("https://[2001:DB8:0::1]:5000/t", "https://[2001:db8::1]:5000/t"),
    "plain http, for the judge": ("http://reg.test/t", "http://reg.test/t"),
}


@pytest.mark.parametrize(("realm", "expected"), RESOLVED.values(), ids=RESOLVED.keys())
def test_a_realm_is_resolved(realm: str, expected: str) -> None:
    assert str(resolve_realm(realm, URL("https://reg.test:5000/v2/"))) == expected


FAULTS: dict[str, tuple[str, RealmFault]] = {
    "empty": ("", PROTOCOL),
    "blank": (" \t", PROTOCOL),
    "SEC-03 userinfo": ("https://reg.test@evil.test/", UNSAFE),
    "userinfo with a password": ("https://u:p@reg.test/", UNSAFE),
    "empty userinfo": ("https://@reg.test/", UNSAFE),
    "userinfo without scheme": ("//u@reg.test/", UNSAFE),
    "SEC-03 backslash": ("https://evil.test\\@reg.test/", UNSAFE),
    "backslash in the path": ("https://reg.test/\\evil.test", UNSAFE),
    "fragment": ("https://reg.test/t#x", UNSAFE),
    "empty fragment": ("https://reg.test/t#", UNSAFE),
    "line end": ("https://reg.test/t\r\nX: 1", UNSAFE),
    "escape": ("https://reg.test/\x1b[31m", UNSAFE),
    "NUL": ("https://reg.test/\x00", UNSAFE),
    "blank within": ("https://reg.test/a b", UNSAFE),
    "blank before": (" https://reg.test/", UNSAFE),
    "bidi": ("https://reg.test/\u202e", UNSAFE),
    "lone surrogate": ("https://reg.test/\udce9", UNSAFE),
    "2049 characters": ("https://reg.test/" + "a" * 2032, UNSAFE),
    "ftp": ("ftp://reg.test/", UNSAFE),
    "javascript": ("javascript:alert(1)", UNSAFE),
    "file": ("file:///etc/passwd", UNSAFE),
    "no host": ("https:///t", UNSAFE),
    "one slash": ("https:/reg.test/t", UNSAFE),
    "no slash": ("https:reg.test", UNSAFE),
    "three slashes": ("///reg.test/t", UNSAFE),
    "port 0": ("https://reg.test:0/t", UNSAFE),
    "port 70000": ("https://reg.test:70000/t", UNSAFE),
    "port a word": ("https://reg.test:x/t", UNSAFE),
    "percent in the host": ("https://reg%2etest/t", UNSAFE),
    "zone": ("https://[fe80::1%25eth0]/t", UNSAFE),
    "empty label": ("https://reg..test/t", UNSAFE),
    "bracket": ("https://[::1/t", UNSAFE),
    "full-width slash": ("https://reg.test／.evil.test/", UNSAFE),
    "full-width at": ("https://evil.test＠reg.test/", UNSAFE),
    "replacement character": ("https://\ufffd.test/", UNSAFE),
}


@pytest.mark.parametrize(("realm", "expected"), FAULTS.values(), ids=FAULTS.keys())
def test_a_bad_realm_has_its_fault(realm: str, expected: RealmFault) -> None:
    assert resolve_realm(realm, URL("https://reg.test/v2/")) is expected


def test_a_realm_of_2048_characters_is_read() -> None:
    assert isinstance(resolve_realm("https://reg.test/" + "a" * 2031, URL(REG)), URL)


SAFE: dict[str, tuple[str, str, RealmFault | None]] = {
    "same host": (REG, "https://reg.test/token", None),
    "same host and port": ("https://reg.test:5000", "https://reg.test:5000/token", None),
    "relative": ("https://reg.test:5000", "/token", None),
    "same domain": (REG, "https://auth.reg.test/token", None),
    "same domain, above": ("https://registry.reg.test", "https://reg.test/token", None),
    "same domain, the registry's port": ("https://r.reg.test:5000", "https://auth.reg.test:5000/t", None),
    "same domain, 443 beside a port": ("https://r.reg.test:5000", "https://auth.reg.test/t", None),
    "same host, 443 beside a port": ("https://reg.test:5000", "https://reg.test/t", None),
    "port 443 beside another": (REG, "https://reg.test:8443/t", UNSAFE),
    "another port": ("https://reg.test:5000", "https://reg.test:5001/t", UNSAFE),
    "SEC-01 metadata": (REG, "http://169.254.169.254/latest/meta-data", UNSAFE),
    "SEC-02 another domain": (REG, "https://evil.test/token", UNSAFE),
    "SEC-02 the name as a prefix": (REG, "https://reg.test.evil.test/token", UNSAFE),
    "SEC-02 the name as an end": (REG, "https://evilreg.test/token", UNSAFE),
    "SEC-03 userinfo": (REG, "https://reg.test@evil.test/", UNSAFE),
    "SEC-03 backslash": (REG, "https://evil.test\\@reg.test/", UNSAFE),
    "SEC-03 without scheme": (REG, "//evil.test/", UNSAFE),
    "SEC-04": (REG, "https://AUTH.Reg.Test.:443/token", None),
    "SEC-04 the registry so": ("https://REG.Test.:443", "https://reg.test/token", None),
    "SEC-05": ("https://a.azurecr.io", "https://b.azurecr.io/oauth2/token", UNSAFE),
    "SEC-05 same tenant": ("https://a.azurecr.io", "https://a.azurecr.io/oauth2/token", None),
    "SEC-06 single labels": ("https://registry", "https://auth/token", UNSAFE),
    "SEC-06 one label, same host and port": ("https://registry:5000", "https://registry:5000/token", None),
    "SEC-06 one label, another port": ("https://registry:5000", "https://registry/token", UNSAFE),
    "SEC-06 address, same": ("https://10.0.0.5", "https://10.0.0.5/token", None),
    "SEC-06 address, another port": ("https://10.0.0.5:5000", "https://10.0.0.5/token", UNSAFE),
    "SEC-06 address beside": ("https://10.0.0.5", "https://11.0.0.5/token", UNSAFE),
    "SEC-06 IPv6, same": ("https://[2001:db8::1]:5000", "https://[2001:db8:0::1]:5000/t", None),
    "SEC-06 IPv6 beside": ("https://[2001:db8::1]", "https://[2001:db8::2]/t", UNSAFE),
    "SEC-06 localhost": ("https://localhost:5000", "https://localhost:5001/t", UNSAFE),
    "under localhost": ("https://a.x.localhost", "https://b.x.localhost/t", UNSAFE),
    "SEC-07": (REG, "http://reg.test/token", INSECURE),
    "SEC-07 another port": (REG, "http://reg.test:8080/token", INSECURE),
    "SEC-07 same domain": (REG, "http://auth.reg.test/token", INSECURE),
    "SEC-07 known realm": ("https://registry.redhat.io", "http://sso.redhat.com/t", INSECURE),
    "http on another domain": (REG, "http://evil.test/token", UNSAFE),
    "http from a registry that is not listed": ("http://reg.test", "http://reg.test/token", INSECURE),
    "SEC-11 one number": (REG, "https://2130706433/t", UNSAFE),
    "SEC-11 hex": (REG, "https://0x7f.1/t", UNSAFE),
    "SEC-11 short, a child's": ("https://a.127.1", "https://127.1/t", UNSAFE),
    "SEC-11 hex, same last label": ("https://reg.1", "https://0x7f.1/t", UNSAFE),
    "SEC-11 mapped": (REG, "https://[::ffff:10.0.0.1]/t", UNSAFE),
    "SEC-11 NAT64": (REG, "https://[64:ff9b::a9fe:a9fe]/t", UNSAFE),
    "SEC-11 unspecified": (REG, "https://0.0.0.0/t", UNSAFE),
    "SEC-11 unspecified, IPv6": (REG, "https://[::]/t", UNSAFE),
    "SEC-13 another domain": (REG, "https://auth.other.test/t", UNSAFE),
    "SEC-13 same domain is the dialler's": (REG, "https://auth.reg.test/t", None),
    "OTHER-39": ("https://registry.redhat.io", "https://sso.redhat.com/auth/realms/rhcc", None),
    "OTHER-39 connect": ("https://registry.connect.redhat.com", "https://sso.redhat.com/t", None),
    "OTHER-39 another registry": ("https://registry.example.com", "https://sso.redhat.com/t", UNSAFE),
    "OTHER-39 another port": ("https://registry.redhat.io", "https://sso.redhat.com:8443/t", UNSAFE),
    "OTHER-39 beside it": ("https://registry.redhat.io", "https://evil.redhat.com/t", UNSAFE),
    "OTHER-40": ("https://rg.fr-par.scw.cloud", "https://api.scaleway.com/registry-internal/v1/token", None),
    "OTHER-40 another registry": ("https://registry.example.com", "https://api.scaleway.com/t", UNSAFE),
    "OTHER-40 a tenant's host": ("https://evil.fr-par.scw.cloud", "https://api.scaleway.com/t", UNSAFE),
    "OTHER-40 a name like it": ("https://rg.fr-par.scw.cloud.evil.test", "https://api.scaleway.com/t", UNSAFE),
    "OTHER-44": ("https://evil.jfrog.io", "https://other.jfrog.io/t", UNSAFE),
    "DigitalOcean": ("https://registry.digitalocean.com", "https://api.digitalocean.com/v2/registry/auth", None),
    "GitLab": ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth", None),
    "Docker Hub": ("https://registry-1.docker.io", "https://auth.docker.io/token", None),
    "Docker Hub's old name": ("https://registry.hub.docker.com", "https://auth.docker.io/token", None),
    "vanity of Docker Hub": ("https://docker.n8n.io", "https://auth.docker.io/token", UNSAFE),
    "NGC": ("https://nvcr.io", "https://authn.nvidia.com/token", None),
    "NGC's neighbour": ("https://nvcr.io", "https://evil.nvidia.com/token", UNSAFE),
    "Alibaba": ("https://registry.cn-hangzhou.aliyuncs.com", "https://dockerauth.cn-hangzhou.aliyuncs.com/auth", None),
    "Alibaba, another region": ("https://registry.cn-hangzhou.aliyuncs.com", "https://dockerauth.evil.aliyuncs.com/auth", UNSAFE),
    "Artifactory": ("https://repo.artifactory.corp.test", "https://artifactory.corp.test:443/token", None),
    "private suffix": ("https://a.github.io", "https://b.github.io/t", UNSAFE),
    "private suffix, not of ours": ("https://a.dyndns.org", "https://b.dyndns.org/t", UNSAFE),
    "the suffix itself": ("https://a.github.io", "https://github.io/t", UNSAFE),
    "country's suffix": ("https://a.co.uk", "https://b.co.uk/t", UNSAFE),
    "two labels of a private network": ("https://registry.corp", "https://auth.corp/t", UNSAFE),
    "IDN, two spellings": ("https://bücher.test", "https://xn--bcher-kva.test/t", None),
    "another name that looks alike": ("https://reg.test", "https://rеg.test/t", UNSAFE),
}


@pytest.mark.parametrize(("registry", "realm", "expected"), SAFE.values(), ids=SAFE.keys())
def test_a_secret_goes_only_to_its_registrys_own(registry: str, realm: str, expected: RealmFault | None) -> None:
    assert verdict(registry, realm) is expected


LISTED: dict[str, tuple[str, str, tuple[str, ...], bool, RealmFault | None]] = {
    "host": (REG, "https://auth.other.test/t", ("auth.other.test",), False, None),
    "host, any port": (REG, "https://auth.other.test:8443/t", ("auth.other.test",), False, None),
    "host and port": (REG, "https://auth.other.test:8443/t", ("auth.other.test:8443",), False, None),
    "host and another port": (REG, "https://auth.other.test/t", ("auth.other.test:8443",), False, UNSAFE),
    "host and 443": (REG, "https://auth.other.test/t", ("auth.other.test:443",), False, None),
    "spelled otherwise": (REG, "https://auth.other.test/t", ("Auth.Other.Test.",), False, None),
    "IDN": (REG, "https://xn--bcher-kva.test/t", ("bücher.test",), False, None),
    "IPv6": (REG, "https://[2001:db8::1]/t", ("[2001:db8::1]",), False, None),
    "IPv6, bare": (REG, "https://[2001:db8::1]/t", ("2001:db8::1",), False, None),
    "IPv6 and port": (REG, "https://[2001:db8::1]:5000/t", ("[2001:db8::1]:5000",), False, None),
    "IPv6 and another port": (REG, "https://[2001:db8::1]/t", ("[2001:db8::1]:5000",), False, UNSAFE),
    "address": ("https://registry", "https://10.0.0.9:8080/t", ("10.0.0.9",), False, None),
    "an odd address is never the plain one": (REG, "https://2130706433/t", ("127.0.0.1",), False, UNSAFE),
    "not its children": (REG, "https://x.auth.other.test/t", ("auth.other.test",), False, UNSAFE),
    "an empty entry is no host": (REG, "https://evil.test/t", ("", ":443", "*"), False, UNSAFE),
    "listed, but http": (REG, "http://auth.other.test/t", ("auth.other.test",), False, INSECURE),
    "plain http, same": ("http://reg.test:5000", "http://reg.test:5000/t", (), True, None),
    "plain http, another port": ("http://reg.test:5000", "http://reg.test:5001/t", (), True, UNSAFE),
    "plain http, another port, listed": ("http://reg.test:5000", "http://reg.test:5001/t", ("reg.test:5001",), True, None),
    "plain http, same domain": ("http://r.reg.test", "http://auth.reg.test/t", (), True, INSECURE),
    "plain http, listed": ("http://r.reg.test", "http://auth.reg.test/t", ("auth.reg.test",), True, None),
    "plain http, another domain": ("http://reg.test", "http://evil.test/t", (), True, UNSAFE),
    "plain http to https": ("http://r.reg.test:5000", "https://auth.reg.test/t", (), True, None),
    "plain http, address": ("http://127.0.0.1:5000", "http://127.0.0.1:5000/t", (), True, None),
    "https registry, plain http listed, realm http on another port": (REG, "http://reg.test/t", (), True, UNSAFE),
}


@pytest.mark.parametrize(("registry", "realm", "listed", "plain_http", "expected"), LISTED.values(), ids=LISTED.keys())
def test_what_the_operator_lists_passes(registry: str, realm: str, listed: tuple[str, ...], plain_http: bool, expected: RealmFault | None) -> None:
    assert verdict(registry, realm, listed, plain_http=plain_http) is expected


def test_a_named_providers_list_is_the_whole_list() -> None:
    hub = "https://registry-1.docker.io"
    assert verdict(hub, "https://auth.docker.io/token", ("auth.docker.io",), exact=True) is None
    assert verdict(hub, "https://registry-1.docker.io/token", exact=True) is None
    assert verdict(hub, "https://hub.docker.io/token", ("auth.docker.io",), exact=True) is UNSAFE
    assert verdict(hub, "https://auth.docker.io/token", exact=True) is UNSAFE


@pytest.mark.parametrize("text", ["https://u@reg.test/t", "https://:p@reg.test/t", "ftp://reg.test/t", "/t", "https://reg.test:0/t"])
def test_the_judge_trusts_no_url_that_was_not_resolved(text: str) -> None:
    assert judge_realm(URL(text), registry=URL(REG), listed=frozenset(), plain_http=False) is UNSAFE


TENANTS = (
    "azurecr.io", "azurecr.cn", "azurecr.us", "azurecr.de", "windows.net", "azure.com", "azure.net", "azurewebsites.net", "azurecontainer.io",
    "azureedge.net", "azurefd.net", "cloudapp.net", "trafficmanager.net", "chinacloudapi.cn", "usgovcloudapi.net", "amazonaws.com",
    "amazonaws.com.cn", "on.aws", "awsapprunner.com", "cloudfront.net", "pkg.dev", "run.app", "appspot.com", "googleusercontent.com",
    "cloudfunctions.net", "web.app", "jfrog.io", "jfrog.com", "jfrogdev.com", "scw.cloud", "ocir.io", "oraclecloud.com", "aliyuncs.com",
    "alicontainer.com", "myhuaweicloud.com", "myhuaweicloud.eu", "tencentcloudcr.com", "tencentcs.com", "myqcloud.com", "volces.com", "ghe.com",
    "github.io", "gitlab.io", "container-registry.com", "ovh.net", "jetbrains.space", "sonatype.app", "cloudrepo.io", "cloudsmith.com",
    "openshiftapps.com", "dynatrace.com", "ondigitalocean.app", "herokuapp.com", "fly.dev", "onrender.com", "netlify.app", "vercel.app",
    "pages.dev", "workers.dev", "ngrok.io", "ngrok.app", "ngrok.dev", "ngrok-free.app", "ngrok-free.dev", "trycloudflare.com", "ts.net",
    "nip.io", "sslip.io", "duckdns.org", "cluster.local",
)  # fmt: skip
"""Where strangers have hosts under one name, at whatever depth: others.md 21 and its like of other clouds and tunnels."""


@pytest.mark.parametrize("suffix", TENANTS)
def test_strangers_share_no_site(suffix: str) -> None:
    for deep in ("", "x.", "us-east-1.", "dkr.ecr.us-east-1."):
        assert not same_site(f"evil.{deep}{suffix}", f"good.{deep}{suffix}")
        assert not same_site(f"evil.{deep}{suffix}", suffix)
    assert not same_site(suffix, f"evil.{suffix}")


def test_a_host_is_at_most_253_characters() -> None:
    name = ".".join(["a" * 62] * 4)
    assert isinstance(resolve_realm(f"https://{name}.b/t", URL(REG)), URL)
    assert resolve_realm(f"https://{name}.bb/t", URL(REG)) is UNSAFE
    assert str(resolve_realm("https://a/t", URL(REG))) == "https://a/t"


def test_a_listed_name_that_is_none_passes_not() -> None:
    for host, entry in (("-a.reg.test", "-a.reg.test"), ("[fe80::1%25eth0]", "[fe80::1%eth0]"), ("a..test", "a..test")):
        assert judge_realm(URL(f"https://{host}/t", encoded=True), registry=URL(REG), listed=frozenset({entry}), plain_http=False) is UNSAFE


def test_the_known_realms_and_the_domain_hold_unless_a_vendors_list_is_the_whole() -> None:
    near, far = URL("https://auth.reg.test/t"), URL("https://sso.redhat.com/t")
    assert judge_realm(near, registry=URL(REG), listed=frozenset(), plain_http=False) is None
    assert judge_realm(far, registry=URL("https://registry.redhat.io"), listed=frozenset(), plain_http=False) is None
    assert judge_realm(near, registry=URL(REG), listed=frozenset(), plain_http=False, exact=True) is UNSAFE
    assert [is_address(host) for host in ("1.2.3.4", "[::1]", "::1", "fe80::1%eth0", "[fe80::1%eth0]", "reg.test", "1.2.3", "")] == [True] * 5 + [
        False
    ] * 3


# registry -> its realm's host elsewhere, and a host beside it that is none; others.md 21
ELSEWHERE = {
    "registry.gitlab.com": ("gitlab.com", "about.gitlab.com"), "docker.io": ("auth.docker.io", "hub.docker.io"), "index.docker.io": ("auth.docker.io", "auth.docker.com"),
    "registry-1.docker.io": ("auth.docker.io", "registry.docker.io"), "registry.hub.docker.com": ("auth.docker.io", "auth.docker.com"),
    "nvcr.io": ("authn.nvidia.com", "api.nvidia.com"), "registry.redhat.io": ("sso.redhat.com", "api.redhat.com"),
    "registry.connect.redhat.com": ("sso.redhat.com", "api.redhat.com"), "registry.digitalocean.com": ("api.digitalocean.com", "evil.digitalocean.com"),
    "rg.nl-ams.scw.cloud": ("api.scaleway.com", "evil.scaleway.com"), "registry.eu-central-1.aliyuncs.com": ("dockerauth.eu-central-1.aliyuncs.com", "dockerauth.cn.aliyuncs.com"),
    "registry-vpc.cn-beijing.aliyuncs.com": ("dockerauth-vpc.cn-beijing.aliyuncs.com", "dockerauth-x.cn-beijing.aliyuncs.com"),
    "registry-intl.cn-beijing.aliyuncs.com": ("dockerauth.cn-beijing.aliyuncs.com", "dockerauth.aliyuncs.com"),
}  # fmt: skip


@pytest.mark.parametrize("registry", ELSEWHERE)
def test_a_realm_that_is_known_elsewhere_is_one_host(registry: str) -> None:
    known, other = ELSEWHERE[registry]
    assert known in known_realm_hosts(registry)
    assert other not in known_realm_hosts(registry)
    assert len(known_realm_hosts(registry)) == (2 if "aliyuncs" in registry else 1)
    for near in (f"x{registry}", f"{registry}.x", f"a.{registry}", registry.replace(".", "x", 1)):
        assert known_realm_hosts(near) == frozenset(), near


def test_known_realms_are_whole_names() -> None:
    assert known_realm_hosts("Registry.RedHat.io.") == {"sso.redhat.com"}
    assert known_realm_hosts("rg.nl-ams.scw.cloud") == {"api.scaleway.com"}
    assert known_realm_hosts("xregistry.redhat.io") == frozenset()
    assert known_realm_hosts("registry.redhat.io.evil.test") == frozenset()
    assert known_realm_hosts("registryXredhat.io") == frozenset()
    assert known_realm_hosts("reg.test") == frozenset()


@pytest.mark.parametrize("exact", [True, False])
def test_a_registry_that_never_sees_a_secret_is_no_realm_of_its_own(exact: bool) -> None:
    def judged(realm: str, **more: bool) -> RealmFault | None:
        return judge_realm(URL(realm), registry=URL(REG), listed=frozenset({"auth.other.test"}), plain_http=False, exact=exact, **more)

    assert (judged("https://reg.test/token"), judged("https://reg.test/token", home_too=False)) == (None, UNSAFE)
    assert judged("https://auth.other.test/token", home_too=False) is None
    assert judged("http://reg.test/token", home_too=False) is INSECURE
