"""Answers as vendors' servers give them, by vendor, step and what is true; and made-up ones, mutated from them.

The texts are those of the vendors as they are recorded (and of usual proxies, walls and portals); a mutation changes a status, a
header, a challenge, or bytes of a body, puts another vendor's answer there, or echoes what the request carried.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any, Final

from validator.evidence import Failure
from validator.registry.base import Answer

INDEX: Final = "application/vnd.oci.image.index.v1+json"
IMAGE: Final = "application/vnd.oci.image.manifest.v1+json"
DOCKER: Final = "application/vnd.docker.distribution.manifest.v2+json"
LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
SCHEMA1: Final = "application/vnd.docker.distribution.manifest.v1+prettyjws"
MANIFESTS: Final = frozenset({INDEX, IMAGE, DOCKER, LIST})
"""Media types that a node can run."""


def say(status: int, body: object = b"", *, kind: str | None = None, challenge: str | Sequence[str] = (), **more: str) -> Answer:
    """An answer; an object is sent as JSON, a text as a page. `more`: fields, with `_` for `-`."""
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    media = kind or ("text/html" if isinstance(body, str) else "application/json" if not isinstance(body, bytes) else None)
    fields = [("content-type", media)] if media else []
    fields += [("www-authenticate", text) for text in ([challenge] if isinstance(challenge, str) else challenge)]
    fields += [(name.replace("_", "-"), value) for name, value in more.items()]
    return Answer(status=status, headers=tuple(fields), body=raw, encoding=None, ms=5.0)


def error(status: int, code: str, message: str = "no", **more: Any) -> Answer:
    """A registry's error JSON."""
    return say(status, {"errors": [{"code": code, "message": message, "detail": None}]}, **more)


def jwt(claims: dict[str, Any]) -> str:
    """A token that looks signed."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.{part('s' * 30)}"


ECR: Final = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
REALMS: Final = {
    "nvcr.io": 'Bearer realm="https://nvcr.io/proxy_auth",scope="repository:a/b:pull"',
    "docker.io": 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"',
    "ghcr.io": 'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull"',
    "registry.gitlab.com": 'Bearer realm="https://gitlab.com/jwt/auth",service="container_registry"',
    "gitlab.reg.test": 'Bearer realm="https://gitlab.reg.test/jwt/auth",service="container_registry"',
    "reg.test": 'Bearer realm="https://auth.reg.test/token",service="reg.test"',
    "quay.io": 'Bearer realm="https://quay.io/v2/auth",service="quay.io"',
    "harbor.reg.test": 'Bearer realm="https://harbor.reg.test/service/token",service="harbor-registry"',
    "europe-docker.pkg.dev": 'Bearer realm="https://europe-docker.pkg.dev/v2/token",service="europe-docker.pkg.dev"',
    ECR: f'Basic realm="https://{ECR}/",service="ecr.amazonaws.com"',
    "rg.fr-par.scw.cloud": 'Bearer realm="https://api.scaleway.com/registry-internal/v1/regions/fr-par/tokens",service="registry"',
}
"""What each host's ping demands."""
HOSTS: Final = tuple(REALMS)

PAGE: Final = "<html><head><title>Attention Required! | Cloudflare</title></head><body>Sorry, you have been blocked</body></html>"
PORTAL: Final = "<!DOCTYPE html><html><title>Hotel WiFi</title><form>Please log in</form></html>"
CONFIG: Final = json.dumps({"os": "linux", "architecture": "amd64"}).encode()
CONFIG_DIGEST: Final = "sha256:" + hashlib.sha256(CONFIG).hexdigest()
SINGLE: Final = json.dumps(
    {
        "schemaVersion": 2, "mediaType": IMAGE, "layers": [],
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": CONFIG_DIGEST, "size": len(CONFIG)},
    }
).encode()  # fmt: skip
SINGLE_DIGEST: Final = "sha256:" + hashlib.sha256(SINGLE).hexdigest()
TWO: Final = json.dumps(
    {
        "schemaVersion": 2, "mediaType": INDEX,
        "manifests": [
            {"mediaType": IMAGE, "size": 9, "digest": SINGLE_DIGEST, "platform": {"os": "linux", "architecture": "amd64"}},
            {"mediaType": IMAGE, "size": 9, "digest": "sha256:" + "3" * 64, "platform": {"os": "linux", "architecture": "arm64"}},
        ],
    }
).encode()  # fmt: skip
TWO_DIGEST: Final = "sha256:" + hashlib.sha256(TWO).hexdigest()

HUB_WRONG: Final = {"details": "incorrect username or password"}
_GITLAB_WRONG: Final = "HTTP Basic: Access denied. If a password was provided for Git authentication, the password was incorrect"

REFUSED: Final[dict[str, tuple[Answer, ...]]] = {
    "nvcr.io": (say(401), say(401, {"errors": [{"code": "UNAUTHORIZED", "message": "Authentication required"}]}, kind="text/plain")),
    "docker.io": (
        say(401, HUB_WRONG),
        say(401, {"details": "personal access token is expired"}),
        say(401, {"detail": "incorrect username or password"}),
    ),
    "ghcr.io": (error(403, "DENIED", "denied"),),
    "registry.gitlab.com": (error(401, "UNAUTHORIZED", _GITLAB_WRONG),),
    "gitlab.reg.test": (error(401, "UNAUTHORIZED", "HTTP Basic: Access denied"),),
    "reg.test": (
        error(401, "UNAUTHORIZED"),
        say(401),
        say(401, {"error": "invalid_grant", "error_description": "bad credentials"}),
        error(401, "DENIED"),
    ),
    "quay.io": (
        error(401, "UNAUTHORIZED", "Could not find robot with specified username"),
        error(401, "UNAUTHORIZED", "Invalid Username or Password"),
    ),
    "harbor.reg.test": (say(401),),
    "europe-docker.pkg.dev": (
        error(403, "DENIED", "Unauthenticated request. Unauthenticated requests do not have permission"),
        error(401, "UNAUTHORIZED"),
    ),
    ECR: (
        say(401, b"Not Authorized\n", kind="text/plain", challenge=f'Basic realm="https://{ECR}/"'),
        error(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again."),
        error(400, "DENIED", "Your authorization token has expired."),
    ),
    "rg.fr-par.scw.cloud": (error(401, "UNAUTHORIZED"), error(403, "DENIED")),
}
"""How each refuses a dead key."""

LACKING: Final[dict[str, tuple[Answer, ...]]] = {
    "nvcr.io": (say(403), say(403, {"errors": [{"code": "FORBIDDEN", "message": "no"}]}), say(402, {"errors": [{"code": "PAYMENT_REQUIRED"}]})),
    "docker.io": (
        say(401, {"details": "access token has insufficient scopes"}), say(403, {"message": "image access restricted"}),
        say(401, {"details": "account is disabled"}), say(401, {"details": "you must use your personal access token"}),
    ),
    "ghcr.io": (error(403, "DENIED", "requested access to the resource is denied"), error(403, "DENIED", "permission_denied: read_package")),
    "registry.gitlab.com": (error(403, "DENIED", "access forbidden"), error(404, "UNAVAILABLE", "registry not enabled")),
    "gitlab.reg.test": (error(403, "DENIED", "access forbidden"), say(403, b"Forbidden\n", kind="text/plain"), say(403, retry_after="60")),
    "reg.test": (error(403, "DENIED"), error(401, "UNAUTHORIZED", "token expired"), error(401, "UNAUTHORIZED", "the token has been revoked")),
    "quay.io": (
        error(401, "UNAUTHORIZED", "Robot a+b owner a is disabled"), error(405, "DENIED", "Namespace a has been disabled."), error(400, "NAME_INVALID"),
        say(429, b"Too many login attempts. \n", kind="text/plain", retry_after="62"),
    ),
    "harbor.reg.test": (say(400, b"Unable to handle service: x", kind="text/plain"), error(403, "DENIED")),
    "europe-docker.pkg.dev": (
        error(403, "DENIED", 'Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "projects/p" (or it may not exist)'),
        error(403, "DENIED", "Token has expired."), error(403, "DENIED", "no"), error(401, "DENIED", "Unable to access the repository; please check."),
        error(401, "UNAUTHORIZED", "You don't have the needed permissions to perform this operation, and you may have invalid credentials."),
    ),
    ECR: (
        error(403, "DENIED", "User: arn:aws:iam::1:user/x is not authorized to perform: ecr:BatchGetImage on resource: y"), error(403, "DENIED", "no"),
        error(403, "DENIED", "The security token included in the request is invalid"), error(400, "DENIED", "no"),
    ),
    "rg.fr-par.scw.cloud": (say(404), error(403, "DENIED")),
}  # fmt: skip
"""What a key gets that lives and lacks something, or is dead in words."""

ODD: Final[tuple[Answer, ...]] = (
    say(200), say(200, {}), say(200, {"token": ""}), say(200, {"token": 7}), say(200, []), say(200, PORTAL), say(200, b"\x00\xff", kind="text/plain"),
    say(204), say(201, {"token": "x" * 30}), say(301, location="/token/"), say(302, location="https://evil.test/token?x=1"),
    say(307, location="http://reg.test/v2/"), say(308, location="//other"), say(304), say(302), say(300, location="\x00"),
    say(400, {"error": "invalid_request"}), say(401, PAGE), say(401, b"no", kind="text/plain"), say(401, b"[]", kind="application/json"),
    say(401, PAGE, challenge='Basic realm="x"'), say(401, challenge="Negotiate"), say(403, PAGE), say(403, b"Forbidden\n", kind="text/plain"), say(404),
    error(404, "NAME_UNKNOWN"), error(404, "MANIFEST_UNKNOWN"), say(405), say(407), say(408), say(412, {"errors": [{"code": "PROJECTPOLICYVIOLATION"}]}),
    say(418), say(422), say(425), say(429), say(429, retry_after="30"), say(429, {"details": "too many failed login attempts"}),
    error(503, "TOOMANYREQUESTS"), say(451), say(500, {"code": 500}), say(502, PAGE), say(503, retry_after="Fri, 31 Dec 2100 23:59:59 GMT"), say(511, PORTAL),
    error(401, "UNAUTHORIZED", challenge='Bearer realm="https://auth.reg.test/token",error="invalid_token"'), error(402, "DENIED"), say(520),
    replace(say(200, {"token": "y" * 40}), encoding="gzip"), error(401, "TOOMANYREQUESTS"), say(401, {"errors": "UNAUTHORIZED"}),
)  # fmt: skip
"""Of nobody in particular."""

BAD_CHALLENGES: Final = (
    'Bearer realm="http://auth.reg.test/token"', 'Bearer realm="https://evil.test/token",service="x"', 'Bearer realm="https://a:b@reg.test/token"',
    'Bearer realm="https://127.0.0.1/token"', 'Bearer realm="https://reg.test/a",realm="https://evil.test/b"', "Bearer", 'Bearer realm=""', "Negotiate abc==",
    'Bearer realm="/token"', 'Bearer realm="//evil.test/token"', 'bEaReR REALM="https://auth.reg.test/token",service="a\\"b, c"', 'Basic realm="r"',
    'Negotiate, Bearer realm="https://auth.reg.test/token"', 'Bearer realm="https://auth.reg.test/token?service=q&k=1"', 'Digest realm="r"', "\x00", ",,,",
    'Bearer realm="https://gitlab.reg.test/jwt/auth",service="container_registry"', 'Bearer realm="https://reg.test:8443/t",service="b"', 'Bearer realm="https://'
    + "x" * 3000 + '"',
)  # fmt: skip


def granted(random: Random, host: str, *, nobody: bool, repository: str, pulls: bool) -> Answer:
    """A good token answer of the vendor's kind; the bearer is new each time."""
    bearer = "".join(random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", k=64))
    access = [{"type": "repository", "name": repository, "actions": ["pull"]}] if pulls and repository else []
    if host == "docker.io":
        bearer = jwt({"sub": "" if nobody else "6f1a", "access": access, "n": bearer})
    elif "gitlab" in host:
        bearer = jwt({"auth_type": "none" if nobody else "personal_access_token", "access": access, "n": bearer})
    elif host == "harbor.reg.test":
        bearer = jwt({"sub": "" if nobody else "robot$a+b", "access": access, "n": bearer})
    elif host == "reg.test" and random.random() < 0.3:
        bearer = jwt({"access": access, "exp": 1_795_009_999, "n": bearer})
    fields: dict[str, Any] = {random.choice(("token", "token", "access_token")): bearer}
    if random.random() < 0.3:
        fields["expires_in"] = random.choice((300, 0, -1, "60", 1e18))
    return say(200, fields)


def opinion_of(random: Random, host: str, *, alive: bool) -> Answer:
    """What the vendor's introspection says of a secret."""
    if random.random() < 0.15:
        return random.choice((say(500), say(403, PAGE), say(429), say(200, PORTAL), say(401)))
    if host == "nvcr.io":
        if alive:
            return say(200, {"requestStatus": {"statusCode": "SUCCESS"}, "type": "PERSONAL", "products": ["artifact-catalog"]})
        return say(401, {"requestStatus": {"statusCode": "UNAUTHORIZED"}})
    if host == "ghcr.io":
        if not alive:
            return say(401, {"message": "Bad credentials"})
        scopes = random.choice(("read:packages", "repo", "write:packages, repo", ""))
        return random.choice(
            (
                say(200, {"login": "octo"}, x_oauth_scopes=scopes, github_authentication_token_expiration="2027-01-02 03:04:05 UTC"),
                say(200, {"login": "octo"}),
                say(403, {"message": "Resource not accessible by integration"}),
            )
        )
    if alive:
        held = random.choice((["read_registry"], ["api"], ["read_user"], ["granular"], []))
        return say(200, {"active": True, "scopes": held, "expires_at": random.choice((None, "2027-01-02", "rubbish"))})
    words = random.choice(("Token was revoked. You have to re-authorize from the user.", "Token is expired. You can either do re-authorization"))
    return random.choice((say(401, {"message": "401 Unauthorized"}), say(401, {"error": "invalid_token", "error_description": words})))


def seen(random: Random) -> Answer:
    """A manifest that is there."""
    body, kind, digest = random.choice(
        ((SINGLE, IMAGE, SINGLE_DIGEST), (SINGLE, DOCKER, SINGLE_DIGEST), (TWO, INDEX, TWO_DIGEST), (TWO, LIST, TWO_DIGEST))
    )
    return say(200, body, kind=kind, docker_content_digest=random.choice((digest, digest, digest, "x")))


def any_of(random: Random, host: str) -> Answer:
    """Anybody's answer to anything."""
    pool: list[Answer] = list(ODD)
    for table in (REFUSED, LACKING):
        pool += table[random.choice((host, random.choice(HOSTS)))]
    pool += [granted(random, random.choice(HOSTS), nobody=random.random() < 0.5, repository="team/app", pulls=random.random() < 0.5), seen(random)]
    pool += [say(200, SINGLE, kind=kind) for kind in (SCHEMA1, "text/html", "application/vnd.cncf.helm.config.v1+json")]
    pool += [opinion_of(random, random.choice(("nvcr.io", "ghcr.io", "gitlab.reg.test")), alive=random.random() < 0.5)]
    return random.choice(pool)


FAILURES: Final = tuple(failure for failure in Failure if failure not in (Failure.BUDGET_SPENT, Failure.NOT_MADE, Failure.DEADLINE))


def mutated(random: Random, answer: Answer | Failure, host: str, echo: Sequence[str]) -> Answer | Failure:
    """`answer` with one change, or another in its place; `echo` are texts that this request carried."""
    if isinstance(answer, Failure):
        return answer
    match random.randrange(12):
        case 0:
            return random.choice(FAILURES)
        case 1 | 2:
            return any_of(random, host)
        case 3:
            return replace(answer, status=random.randrange(100, 600))
        case 4:
            return replace(answer, status=random.choice((200, 401, 403, 404, 429, 500)))
        case 5:
            return replace(answer, body=answer.body[: random.randrange(len(answer.body) + 1)])
        case 6:
            raw = bytearray(answer.body or b"{}")
            for _ in range(random.randrange(1, 4)):
                raw[random.randrange(len(raw))] = random.randrange(256)
            return replace(answer, body=bytes(raw))
        case 7:
            kept = tuple(pair for pair in answer.headers if random.random() < 0.5)
            return replace(answer, headers=kept)
        case 8:
            kept = tuple(pair for pair in answer.headers if pair[0] != "www-authenticate")
            return replace(answer, headers=(*kept, *(("www-authenticate", text) for text in random.sample(BAD_CHALLENGES, random.randrange(1, 3)))))
        case 9:
            return replace(answer, body=any_of(random, host).body)
        case 10:
            name, value = random.choice(
                (("location", "https://evil.test/"), ("location", "/v2/x"), ("retry-after", "5"), ("content-type", "text/html"), ("content-type", IMAGE),
                 ("docker-distribution-api-version", "registry/2.0"), ("ratelimit-remaining", "0;w=21600"), ("docker-content-digest", SINGLE_DIGEST)),
            )  # fmt: skip
            return replace(answer, headers=(*answer.headers, (name, value)))
        case _:
            return echoing(random, answer, echo)


def echoing(random: Random, answer: Answer, echo: Sequence[str]) -> Answer:
    """`answer` that says back what it was sent: in its words, its challenge, a redirect, a digest, a platform."""
    if not echo:
        return answer
    text = random.choice(echo)
    match random.randrange(8):
        case 0:
            return error(answer.status, "UNAUTHORIZED", f"the token {text} is bad")
        case 1:
            return replace(
                answer, headers=(*answer.headers, ("www-authenticate", f'Bearer realm="https://auth.reg.test/token",service="{text}",scope="{text}"'))
            )
        case 2:
            return replace(answer, headers=(*answer.headers, ("www-authenticate", f'Bearer realm="https://reg.test/{text}",error="{text}"')))
        case 3:
            return say(302, location=f"/v2/{text}?q={text}")
        case 4:
            return say(answer.status, {"error": text, "error_description": text})
        case 5:
            return say(answer.status, f"<html><title>{text}</title>{text}</html>")
        case 6:
            return say(200, {"login": text, "type": text, "scopes": [text], "active": True, "products": [text], "token": text})
        case _:
            entry = {"mediaType": IMAGE, "size": 9, "digest": "sha256:" + "4" * 64, "platform": {"os": text, "architecture": text, "variant": text}}
            body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()
            return say(200, body, kind=INDEX, docker_content_digest=f"sha256:{text}")
