"""References, as the kubelet and containerd read them: cases.md IMG-01 to IMG-09."""

from __future__ import annotations

import pytest

from validator.protocol.reference import InvalidReference, Reference, parse_reference

D = "sha256:" + "0123456789abcdef" * 4
LONG = "/".join(["a" * 50] * 5)  # 254 characters

GOOD: dict[str, tuple[str, str]] = {
    "IMG-01 bare": ("nginx", "docker.io/library/nginx:latest"),
    "IMG-01 docker.io": ("docker.io/nginx", "docker.io/library/nginx:latest"),
    "IMG-01 index.docker.io": ("index.docker.io/nginx", "docker.io/library/nginx:latest"),
    "hub, two parts": ("bitnami/redis:7", "docker.io/bitnami/redis:7"),
    "hub, spelled out": ("docker.io/library/nginx:1", "docker.io/library/nginx:1"),
    "IMG-02 nvcr.io alone": ("nvcr.io", "docker.io/library/nvcr.io:latest"),
    "IMG-02 localhost:5000 alone": ("localhost:5000", "docker.io/library/localhost:5000"),
    "IMG-03 localhost": ("localhost/app", "localhost/app:latest"),
    "IMG-03 port": ("a:5000/app", "a:5000/app:latest"),
    "IMG-03 address": ("1.2.3.4/app", "1.2.3.4/app:latest"),
    "IMG-04 upper-case host": ("Foo/app", "Foo/app:latest"),
    "host keeps its case and :443": ("Reg.Test:443/app:v1", "Reg.Test:443/app:v1"),
    "no library elsewhere": ("nvcr.io/app", "nvcr.io/app:latest"),
    "docker.io with a port is another domain": ("docker.io:443/nginx", "docker.io:443/nginx:latest"),
    "IMG-05 tag and digest": (f"reg.test/app:1@{D}", f"reg.test/app@{D}"),
    "digest": (f"app@{D}", f"docker.io/library/app@{D}"),
    "sha512": ("app@sha512:" + "a" * 128, "docker.io/library/app@sha512:" + "a" * 128),
    "separators": ("reg.test/a_b/a__b/a.b/a-b/a---b:x", "reg.test/a_b/a__b/a.b/a-b/a---b:x"),
    "tag of any case": ("reg.test/a:_V1.0-RC", "reg.test/a:_V1.0-RC"),
    "64 hex with a registry": ("reg.test/" + "a" * 64, "reg.test/" + "a" * 64 + ":latest"),
    "63 hex": ("a" * 63, "docker.io/library/" + "a" * 63 + ":latest"),
    "IMG-08 IPv6": ("[2001:db8::1]:5000/app", "[2001:db8::1]:5000/app:latest"),
    "IMG-08 IPv6 without port": ("[2001:DB8::1]/app", "[2001:DB8::1]/app:latest"),
    "port 65535": ("reg.test:65535/a", "reg.test:65535/a:latest"),
    "port 1": ("reg.test:1/a", "reg.test:1/a:latest"),
    "IMG-09 path of 255": ("reg.test/" + LONG + "a", "reg.test/" + LONG + "a:latest"),
    "IMG-09 tag of 128": ("reg.test/a:" + "t" * 128, "reg.test/a:" + "t" * 128),
    "punycode": ("xn--bcher-kva.test/a", "xn--bcher-kva.test/a:latest"),
}


@pytest.mark.parametrize(("text", "expected"), GOOD.values(), ids=GOOD.keys())
def test_a_reference_is_normalised(text: str, expected: str) -> None:
    assert str(parse_reference(text)) == expected


@pytest.mark.parametrize("text", [text for text, _ in GOOD.values()], ids=GOOD.keys())
def test_the_normal_form_means_the_same(text: str) -> None:
    assert parse_reference(str(parse_reference(text))) == parse_reference(text)


BAD: dict[str, tuple[str, str]] = {
    "punycode that is none": ("xn--a.test/app", "is no host"),
    "IMG-04 upper-case repository": ("reg.test/Team/app", "must be lower-case"),
    "GHCR upper-case owner": ("ghcr.io/Owner/app:1", "must be lower-case"),
    "IMG-06 63 hex": ("app@sha256:" + "a" * 63, "digest"),
    "IMG-06 upper-case hex": ("app@sha256:" + "A" * 64, "digest"),
    "IMG-06 sha257": ("app@sha257:" + "a" * 64, "digest"),
    "IMG-06 two digests": (f"app@{D}@{D}", "digest"),
    "IMG-07 https": ("https://reg.test/app", "scheme"),
    "IMG-07 https in capitals": ("HTTPS://reg.test/app", "scheme"),
    "docker scheme": ("docker://nginx", "scheme"),
    "IMG-07 blank before": (" reg.test/app", "white space"),
    "blank within": ("reg.test/a b", "white space"),
    "line end": ("nginx\n", "white space"),
    "empty": ("", "empty"),
    "IMG-07 empty tag": ("reg.test/app:", "tag"),
    "IMG-07 empty digest": ("app@", "digest"),
    "IMG-07 two dots": ("a..b/c", "host"),
    "two dots in the path": ("x/a..b", "repository"),
    "IMG-07 three underscores": ("a___b", "repository"),
    "IMG-07 leading dash": ("-a", "repository"),
    "trailing dash": ("reg.test/a-", "repository"),
    "IMG-07 64 hex": ("a" * 64, "id"),
    "empty component": ("reg.test//app", "repository"),
    "no repository": ("reg.test/", "repository"),
    "leading slash": ("/app", "repository"),
    "dot dot": ("reg.test/../app", "repository"),
    "IMG-08 zone": ("[fe80::1%25eth0]/app", "IPv6"),
    "IMG-08 plain zone": ("[fe80::1%eth0]/app", "IPv6"),
    "IMG-08 dotted IPv4 in it": ("[::ffff:10.0.0.1]/app", "IPv6"),
    "IMG-08 mapped IPv4": ("[::ffff:a00:1]/app", "IPv6"),
    "IPv6 of colons": ("[::::]/app", "IPv6"),
    "IPv6 left open": ("[2001:db8::1/app", "closed"),
    "IMG-08 port 0": ("reg.test:0/app", "port"),
    "IMG-08 port 70000": ("reg.test:70000/app", "port"),
    "empty port": ("reg.test:/app", "port"),
    "port in other digits": ("reg.test:٥/app", "port"),
    "trailing dot": ("nvcr.io./x", "host"),
    "underscore in the host": ("a_b.test/x", "host"),
    "IDN": ("bücher.test/x", "host"),
    "label of 64": ("a" * 64 + ".test/x", "host"),
    "host of 254": (".".join(["a" * 60] * 4) + ".abcdefghijk/x", "host"),
    "userinfo": ("user:hunter2@reg.test/app", "port"),
    "query": ("reg.test/app?x=1", "repository"),
    "IMG-09 path of 256": ("reg.test/" + LONG + "aa", "255"),
    "IMG-09 tag of 129": ("reg.test/a:" + "t" * 129, "tag"),
    "tag with a dot first": ("reg.test/a:.x", "tag"),
    "NUL": ("reg.test/a\x00", "repository"),
}


@pytest.mark.parametrize(("text", "word"), BAD.values(), ids=BAD.keys())
def test_what_is_no_reference_is_refused_with_the_reason(text: str, word: str) -> None:
    with pytest.raises(InvalidReference, match=word) as caught:
        parse_reference(text)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_digest_alone_counts() -> None:
    with_both = parse_reference(f"reg.test/app:1@{D}")
    assert with_both == Reference(domain="reg.test", repository="app", tag=None, digest=D)
    assert with_both.manifest == D
    assert parse_reference("reg.test/app:1").manifest == "1"


def test_a_name_is_what_a_kubelets_key_is_matched_against() -> None:
    assert parse_reference("nginx:1.27").name == "docker.io/library/nginx"


def test_img_28_two_spellings_are_one_reference() -> None:
    assert len({parse_reference(text) for text in ("nginx", "docker.io/nginx:latest", "index.docker.io/library/nginx")}) == 1
