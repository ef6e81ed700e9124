"""GitLab's answers and messages, word by word, of all ages. registries/gitlab.md 3 and 6."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from aiohttp import web

from validator.emulator.base import answer_json

PART: Final = re.compile(r"/v2/(?P<name>.+)/(?P<part>manifests|blobs)/(?P<reference>[^/]+)")
SCOPE: Final = re.compile(r"repository:(?P<name>[^:]+):(?P<actions>[^:]+)")
PROXIED: Final = re.compile(r"(?P<group>.+)/dependency_proxy/containers/[^/]+")
VERSION: Final = MappingProxyType(
    {"Docker-Distribution-Api-Version": "registry/2.0", "Gitlab-Container-Registry-Version": "4.26.0-gitlab"},
)

_HELP: Final = "https://gitlab.com/help/user/profile/account/two_factor_authentication"

ACCESS_DENIED: Final = MappingProxyType(
    {
        "new": (
            "HTTP Basic: Access denied. If a password was provided for Git authentication, the password was incorrect or you're "
            "required to use a token instead of a password. If a token was provided, it was either incorrect, expired, or improperly "
            f"scoped. See {_HELP}_troubleshooting.md#error-http-basic-access-denied-if-a-password-was-provided-for-git-authentication-"
        ),
        "2023": (
            "HTTP Basic: Access denied. The provided password or token is incorrect or your account has 2FA enabled and you must use "
            f"a personal access token instead of a password. See {_HELP}#troubleshooting"
        ),
        "old": "HTTP Basic: Access denied",
        "translated": "HTTP Basic: Zugriff verweigert. Das Passwort war falsch, oder statt eines Passworts ist ein Token nötig.",
    }
)
"""The message of a refused login, by its age."""

ACCESS_DENIED_2FA_OLD: Final = (
    "HTTP Basic: Access denied\nYou must use a personal access token with 'api' scope for Git over HTTP.\n"
    "You can generate one at https://gitlab.com/-/profile/personal_access_tokens"
)

FORBIDDEN: Final = b'{"errors":[{"code":"DENIED","message":"access forbidden"}],"http_status":403}'
UNAVAILABLE: Final = b'{"errors":[{"code":"UNAVAILABLE","message":"registry not enabled"}],"http_status":404}'

BANNED: Final = MappingProxyType(
    {
        "new": "Too many failed authentication attempts from this IP",
        "class_name": "Gitlab::Auth::IpBlocked",
        "everything": "Forbidden\n",
    }
)
RETRY_LATER: Final = "Retry later\n"

REVOKED: Final = "Token was revoked. You have to re-authorize from the user."
EXPIRED: Final = "Token is expired. You can either do re-authorization or token refresh."
NOT_PERSONAL: Final = "This endpoint requires token type to be a personal access token"

HTML_403: Final = "<html><head><title>Attention Required! | Cloudflare</title></head><body>Sorry, you have been blocked</body></html>\n"
HTML_401: Final = "<html><head><title>401 Authorization Required</title></head><body>401 Authorization Required</body></html>\n"
HTML_404: Final = "<!DOCTYPE html><html><head><title>The page could not be found (404)</title></head><body>404</body></html>\n"
HTML_500: Final = "<!DOCTYPE html><html><head><title>Something went wrong (500)</title></head><body>500</body></html>\n"
HTML_503: Final = "<!DOCTYPE html><html><head><title>GitLab is not responding (503)</title></head><body>503</body></html>\n"


def html(status: int, text: str) -> web.Response:
    """A page."""
    return web.Response(status=status, text=text, content_type="text/html")


def forbidden() -> web.Response:
    """The 403 of a login that is known and may nothing, and of nobody."""
    return answer_json(403, FORBIDDEN)


def retry_later(now: float, after: str | None) -> web.Response:
    """The 429 of the rate limit."""
    fields = {"RateLimit-Limit": "500", "RateLimit-Remaining": "0", "RateLimit-Reset": str(int(now) + 60)}
    return web.Response(status=429, text=RETRY_LATER, headers=fields if after is None else {**fields, "Retry-After": after})


def not_found(part: str, name: str | None = None) -> web.Response:
    """The registry's 404 of a manifest or blob, or of the repository `name`."""
    code, message = ("BLOB_UNKNOWN", "blob unknown to registry") if part == "blobs" else ("MANIFEST_UNKNOWN", "manifest unknown")
    if name is not None:
        code, message = "NAME_UNKNOWN", "repository name not known to registry"
    return answer_json(404, {"errors": [{"code": code, "message": message, "detail": {"name": name} if name else None}]}, VERSION)


def unauthorized(challenge: str, detail: object) -> web.Response:
    """The registry's 401."""
    content = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required", "detail": detail}]}
    return answer_json(401, content, {**VERSION, "Www-Authenticate": challenge})
