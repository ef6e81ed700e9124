"""What servers, files and people really write, whole and spoiled: the seeds of `remote.py`, and how they are spoiled."""

from __future__ import annotations

import base64
from random import Random
from typing import Final

HEX: Final = "0123456789abcdef" * 4
JWT: Final = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIiLCJleHAiOjE4MDAwMDAwMDAsImFjY2VzcyI6W3sidHlwZSI6InJlcG9zaXRvcnkiLCJuYW1lIjoiYSIsImFjdGlvbnMiOlsicHVsbCJdfV19.c2ln"
CHALLENGES: Final = (
    'Bearer realm="https://auth.reg.test/token",service="reg.test",scope="repository:a/b:pull"', 'Basic realm="x"', "Negotiate abc==, Bearer realm=https://a.test/t", 'bEaReR Realm = "a\\"b, c" , service=y',
    'Bearer realm="x",realm="y"', 'Bearer realm="x",service="r', ' ,, Digest qop="auth", nonce="x"',
)  # fmt: skip
TOKENS: Final = (
    f'{{"token": "{JWT}", "expires_in": 300}}',
    '{"access_token": "x", "token": "y", "expires_in": "90.5"}',
    '{"token": "\\ud800"}',
    '{"token": 7, "expires_in": 1e308}',
    "{}",
)
ERRORS: Final = (
    '{"errors": [{"code": "UNAUTHORIZED", "message": "no", "detail": [{"Type": "repository"}]}]}', '{"details": "incorrect username or password"}', '{"error": "invalid_grant", "error_description": "x"}', "<html><head><title>403</title></head><script>x</script>no</html>",
    '{"requestStatus": {"statusCode": "UNAUTHORIZED", "statusDescription": "no"}}', "Forbidden\n", '{"errors": [], "errors": 1}', "\ufeff<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "\x1b[31mno\x1b]8;;x\x07",
)  # fmt: skip
MANIFESTS: Final = (
    f'{{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [{{"digest": "sha256:{HEX}", "mediaType": "application/vnd.oci.image.manifest.v1+json", "platform": {{"os": "linux", "architecture": "arm64", "variant": "v8"}}}}]}}',
    f'{{"schemaVersion": 2, "config": {{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:{HEX}"}}, "layers": []}}', '{"schemaVersion": 1}', '{"os": "linux", "architecture": "amd64", "os.version": "10.0"}', '{"manifests": null, "config": {}}',
)  # fmt: skip
KINDS: Final = (
    None,
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json; charset=utf-8",
    "application/json",
    "text/html",
)
WAITS: Final = (
    "120",
    "Mon, 23 Nov 2026 13:00:00 GMT",
    "Monday, 23-Nov-26 13:00:00 GMT",
    "Mon Nov 23 13:00:00 2026",
    "-5",
    "1.5",
    "1800000000",
    "0;w=60",
    "20;w=21600",
    "9" * 400,
    "٥",
    "",
)
FIELDS: Final = ("retry-after", "x-retry-after", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit-remaining", "ratelimit-reset")
REFERENCES: Final = (
    "nginx",
    "docker.io/library/nginx:1",
    f"reg.test:5000/a/b__c@sha256:{HEX}",
    "[2001:db8::1]:5000/app",
    "localhost/app:v1",
    "Foo/app",
    "a..b/c",
    "xn--bcher-kva.test/a",
    "reg.test/a:b@c",
    "index.docker.io/a/b",
)
REGISTRIES: Final = (
    "nvcr.io/org/team",
    "https://index.docker.io/v1/",
    "localhost:5000",
    "",
    "u:p@reg.test",
    "[::1]:5000/a",
    "xn--a.test",
    "reg.test:0443/v2",
    "ftp://x",
    "*.test",
)
URLS: Final = (
    "https://auth.reg.test/token?service=x", "/token", "//evil.test/t", "https://u:p@reg.test/", "https://reg.test\\@evil.test/", "http://reg.test:5000/", "https://[::ffff:10.0.0.1]/t", "https://2130706433/", "https://%61.test/", "https://xn--/", "https://ä.test/é",
    "javascript:x", "https://reg.test:99999/", "https://reg.test./t", "https://a.github.io/t", "https://sso.redhat.com/t",
)  # fmt: skip
HOSTS: Final = (
    "10.0.0.5",
    "0x7f.1",
    "2130706433",
    "::ffff:a9fe:a9fe",
    "64:ff9b::1",
    "fe80::1%eth0",
    "2606:4700::1111",
    "8.8.8.8",
    "169.254.169.254",
    "reg.test",
    "1.2.3.4.5",
    "①.test",
    "2002:a9fe:a9fe::1",
)
PLATFORMS: Final = ("linux/amd64", "linux/arm/v7", "windows(10.0.20348)/amd64", "arm64", "x/y/z/w", "linux/ x", "")
CONFIGS: Final = (
    '{"auths": {"https://index.docker.io/v1/": {"auth": "YTpiCg=="}, "reg.test": {"username": "a", "password": "b", "identitytoken": "c"}}}', '{"https://reg.test/v1/": {"auth": "YTpi", "email": "x"}}', '{"auths": {"u:CANARY@reg.test": {"auth": "===="}}, "credHelpers": {"a": "b"}}',
    '{"auths": null, "credsStore": "x"}', '{"auths": {"a": {"auth": ""}}}', "[]", '{"auths": {"a": 7}, "Auths": {}}',
)  # fmt: skip
SECRETS: Final = (
    JWT, "nvapi-" + "a" * 64, "dckr_pat_" + "a" * 27, "ghp_" + "a" * 36, "github_pat_1" + "A" * 21 + "_" + "b" * 59, "glpat-" + "a" * 20 + ".01.0y1234567", "ya29.x", '{"type": "service_account", "private_key": "x", "client_email": "y"}',
    base64.b64encode(b'{"payload": "x", "expiration": 1800000000}').decode(), base64.b64encode(b"AWS:x").decode(), "eyJwYXlsb2Fk", "zak_x", "AKCp" + "a" * 69,
)  # fmt: skip
USERNAMES: Final = (
    "",
    "jane",
    "$oauthtoken",
    "AWS",
    "_json_key",
    "_json_key_base64",
    "oauth2accesstoken",
    "team+ci",
    "robot$ci",
    "a|b",
    "iambearer",
    "00000000-0000-0000-0000-000000000000",
    "gitlab-ci-token",
    "x/BEARER_TOKEN",
    "a:b",
)
OPINIONS: Final = (
    '{"login": "octo"}', '{"message": "Bad credentials"}', '{"active": true, "scopes": ["read_registry"], "expires_at": "9999-12-31"}', '{"error": "invalid_token", "error_description": "Token was revoked."}', '{"type": "PERSONAL_KEY", "products": ["nvcr"]}',
    '{"active": true, "scopes": [], "expires_at": "0001-01-01"}', '{"requestStatus": {"statusCode": "FAILED"}}', '{"message": "Resource not accessible by integration"}',
)  # fmt: skip
PIECES: Final = (
    '"',
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "=",
    " ",
    "\t",
    "\r\n",
    "\x00",
    "\x1b",
    "\u202e",
    "é",
    "١",
    "\ud800",
    "%",
    "@",
    "#",
    "/",
    "..",
    "//",
    "?",
    "null",
    "true",
    "NaN",
    "1e999",
    "9" * 30,
    "0",
    "-1",
    "a" * 70,
    "A",
    "-",
    "_",
    "*",
    "sha256:",
    "xn--",
    "\\ud800",
    "\\u0000",
)


def mutated(random: Random, texts: tuple[str, ...]) -> str:
    """One of the texts, as it is or with some pieces put in, taken out, doubled, swapped, or another's half behind it."""
    text = random.choice(texts)
    for _ in range(random.choice((0, 0, 1, 1, 2, 3, 5, 12))):
        at, end = sorted((random.randint(0, len(text)), random.randint(0, len(text))))
        end = min(end, at + random.choice((1, 2, 8, 40)))
        match random.randrange(6):
            case 0:
                text = text[:at] + random.choice(PIECES) + text[at:]
            case 1:
                text = text[:at] + text[end:]
            case 2:
                text = text[:at] + text[at:end] * random.randint(2, 5) + text[end:]
            case 3:
                text = text[:at] + random.choice(PIECES) + text[end:]
            case 4:
                other = random.choice(texts)
                text = text[:at] + other[random.randint(0, len(other)) :]
            case _:
                text = text[:at] + chr(random.choice((random.randrange(128), random.randrange(0x300), random.randrange(0x20000)))) + text[at:]
    return text[:20_000]
