"""NGC's keys and repositories, who may read what, what introspection tells, and the planted world. registries/ngc.md 2, 4, 9."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

from validator.emulator.base import ALNUM, HEX, Image, letters, make_image

USERNAME: Final = "$oauthtoken"

_CHECKSUM_KEY: Final = b"validator emulator of NGC"


class State(StrEnum):
    """What became of a key. To the outside everything but `active` is the same refusal."""

    ACTIVE = "active"
    REGENERATED = "regenerated"
    EXPIRED = "expired"
    DELETED = "deleted"
    OWNER_DISABLED = "owner_disabled"


class Kind(StrEnum):
    PERSONAL = "personal"
    SERVICE = "service"
    LEGACY = "legacy"


class Included(StrEnum):
    """A service that was ticked when the key was made."""

    CATALOG = "catalog"
    PRIVATE_REGISTRY = "private_registry"
    CLOUD_FUNCTIONS = "cloud_functions"
    PUBLIC_API = "public_api"


PRODUCTS: Final[Mapping[Included, str]] = {
    Included.PUBLIC_API: "ai-foundations",
    Included.CLOUD_FUNCTIONS: "nv-cloud-functions",
    Included.CATALOG: "artifact-catalog",
    Included.PRIVATE_REGISTRY: "private-registry",  # our choice: nobody has told its real name
}
REGISTRY_SERVICES: Final = frozenset({Included.CATALOG, Included.PRIVATE_REGISTRY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """What NGC does differently from day to day, or might do: the truth of the last four is unknown.

    `realm` of the challenge: "old" = `/proxy_auth` of the registry, "new" = authn's `/token`, "foreign" = another host,
    "http" = the old one without TLS, "moved_path" = the registry's `/moved_auth` (then `/proxy_auth` is gone).
    `challenge_2020`: no empty scope in it. `token_blank`: 200 with an empty token. `accept_anything`: any secret logs in.
    `lag_s`: so long after a change of a key the old state counts. `anon_private`: status of an anonymous token for what is
    not public. `serviceless`: what a live key without a registry service gets: "401", "403", or "login_ok" (200, with a
    scope 403).
    """

    realm: Literal["old", "new", "foreign", "http", "moved_path"] = "old"
    challenge_2020: bool = False
    no_challenge: bool = False
    basic_challenge: bool = False
    token_blank: bool = False
    token_field: Literal["token", "access_token"] = "token"
    accept_anything: bool = False
    token_life_s: int = 600
    lag_s: float = 0
    anon_private: Literal[401, 403] = 403
    serviceless: Literal["401", "403", "login_ok"] = "401"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key. `teams` are those of its org whose registry it may read; `also` are other orgs, for legacy keys.

    `expires_at` (epoch seconds) makes an active key an expired one when its time comes.
    """

    name: str
    secret: str = field(repr=False)
    kind: Kind = Kind.PERSONAL
    org: str = "acme"
    teams: frozenset[str] = frozenset({"research"})
    also: frozenset[str] = frozenset()
    services: frozenset[Included] = REGISTRY_SERVICES
    state: State = State.ACTIVE
    expires_at: float | None = None

    def state_at(self, now: float) -> State:
        if self.state is State.ACTIVE and self.expires_at is not None and now >= self.expires_at:
            return State.EXPIRED
        return self.state

    @property
    def has_registry(self) -> bool:
        return bool(self.services & REGISTRY_SERVICES)

    @property
    def orgs(self) -> frozenset[str]:
        return self.also | {self.org}


@dataclass(frozen=True, slots=True)
class Change:
    """What a key was before a change (None: it did not exist), and when that came."""

    secret: str
    former: Key | None
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """One repository, `org[/team]/image`. `entitled` and `accepted` are orgs, for gated ones.

    `denies_foreign_keys`: anybody may read it without a key, and so may the orgs in `friends`, but another org's key is denied.
    """

    name: str
    access: Literal["public", "private", "gated"] = "public"
    tags: Mapping[str, Image]
    team: str | None = None
    entitled: frozenset[str] = frozenset()
    accepted: frozenset[str] = frozenset()
    geo_blocked: bool = False
    denies_foreign_keys: bool = False
    friends: frozenset[str] = frozenset()

    @property
    def org(self) -> str:
        return self.name.partition("/")[0]


def permit(key: Key | None, repository: Repository | None) -> Literal[200, 402, 403]:
    """What the token endpoint says to a pull of `repository` by a live `key` (None: anonymous); absent ones are denied."""
    if repository is None:
        return 403
    if key is None:
        return 200 if repository.access == "public" else 403
    match repository.access:
        case "public":
            foreign = not key.orgs & (repository.friends | {repository.org})
            return 403 if repository.denies_foreign_keys and foreign else 200
        case "private":
            of_team = repository.team is None or repository.team in key.teams
            return 200 if Included.PRIVATE_REGISTRY in key.services and repository.org in key.orgs and of_team else 403
        case "gated":
            if not key.orgs & repository.entitled:
                return 402
            return 200 if Included.CATALOG in key.services and key.orgs & repository.accepted else 403


def caller_info(key: Key) -> dict[str, Any]:
    """What `get-caller-info` tells of a live key; `isActive` is false for a working key, as recorded."""
    products = [product for service, product in PRODUCTS.items() if service in key.services]
    if key.kind is Kind.SERVICE:
        return {"userId": _id(f"{key.org} service keys"), "orgName": key.org, "type": "SERVICE_KEY", "products": products, "user": None}
    role = {
        "org": {"id": 1, "name": key.org, "displayName": key.org.title(), "country": "US", "type": "ENTERPRISE"},
        "orgRoles": ["REGISTRY-READ", "NVIDIA_AI_ENTERPRISE_VIEWER"],
    }
    user = {
        "id": 1,
        "clientId": _id(f"{key.name} client"),
        "starfleetId": _id(f"{key.name} starfleet"),
        "name": "Emulated Person",
        "email": "person@example.org",
        "hasSignedEULA": True,
        "hasSignedNVAIEEULA": True,
        "isActive": False,
        "isDeleted": False,
        "isSAML": False,
        "createdDate": "2024-06-24T15:48:02.000Z",
        "lastLoginDate": "2026-11-02T09:00:00.000Z",
        "roles": [role],
        "idpType": "NVIDIA",
    }
    return {"userId": _id(f"{key.name} user"), "orgName": key.org, "type": "PERSONAL_KEY", "products": products, "user": user}


def sak_info(key: Key) -> dict[str, Any]:
    """What `get-sak-info` tells of a live service key."""
    policies = [{"product": product, "resources": [{"id": f"{key.org}/*"}]} for service, product in PRODUCTS.items() if service in key.services]
    return {"apiKey": {"keyId": _id(f"{key.name} key"), "policies": policies}}


def request_status(code: str, text: str, request_id: str) -> dict[str, Any]:
    """The platform's error body."""
    return {"requestStatus": {"statusCode": code, "statusDescription": text, "requestId": request_id}}


def _id(seed: str) -> str:
    return letters(seed, 26, ALNUM)


def nvapi(seed: str) -> str:
    """A key of NGC's shape: `nvapi-`, 43 characters, and 21 of their HMAC-SHA3-256."""
    raw = hashlib.sha256(f"nvapi {seed}".encode()).digest()
    checksum = hmac.digest(_CHECKSUM_KEY, raw, "sha3_256")
    return f"nvapi-{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}{base64.urlsafe_b64encode(checksum).decode()[:21]}"


def legacy(seed: str) -> str:
    """A legacy key: base64 of a client's id and a UUID, 84 characters."""
    number = uuid.UUID(hex=letters(f"legacy {seed}", 32, HEX), version=4)
    return base64.b64encode(f"emulatorclient000000000001:{number}".encode()).decode()


def default_keys(seed: str) -> tuple[Key, ...]:
    """The planted keys: the same secrets for the same seed."""

    def key(name: str, **more: object) -> Key:
        secret = legacy(f"{seed} {name}") if more.get("kind") is Kind.LEGACY else nvapi(f"{seed} {name}")
        return Key(name=name, secret=secret, **more)  # type: ignore[arg-type]  # fields by name

    return (
        key("good"),
        key("good_service", kind=Kind.SERVICE),
        key("good_legacy", kind=Kind.LEGACY, also=frozenset({"globex"})),
        key("regenerated", state=State.REGENERATED),
        key("regenerated_legacy", kind=Kind.LEGACY, state=State.REGENERATED),
        key("expired", expires_at=0.0),
        key("deleted", state=State.DELETED),
        key("owner_disabled", state=State.OWNER_DISABLED),
        key("catalog_only", services=frozenset({Included.CATALOG})),
        key("functions_only", services=frozenset({Included.CLOUD_FUNCTIONS, Included.PUBLIC_API})),
        key("other_org", org="globex", teams=frozenset()),
    )


def default_repositories() -> tuple[Repository, ...]:
    """The planted repositories; every one has the tag `latest`."""
    acme = frozenset({"acme"})

    def tags(name: str, *more: str, **shape: object) -> dict[str, Image]:
        image = make_image(seed=f"nvcr.io/{name}", **shape)  # type: ignore[arg-type]  # fields by name
        return dict.fromkeys(("latest", *more), image)

    amd64 = ("linux/amd64",)
    return (
        Repository(name="nvidia/cuda", tags=tags("nvidia/cuda", "12.4.1-base-ubuntu22.04", attested=True)),
        Repository(name="nvidia/k8s-device-plugin", tags=tags("nvidia/k8s-device-plugin", "v0.19.0", docker=True)),
        Repository(name="nvidia/pytorch", tags=tags("nvidia/pytorch", platforms=amd64)),
        Repository(
            name="nvidia/cloud-native/k8s-cc-manager",
            tags=tags("nvidia/cloud-native/k8s-cc-manager"),
            denies_foreign_keys=True,
            friends=acme,
        ),
        Repository(name="acme/app", access="private", tags=tags("acme/app", "1.0")),
        Repository(name="acme/research/trainer", access="private", team="research", tags=tags("acme/research/trainer", platforms=amd64)),
        Repository(name="acme/prod/server", access="private", team="prod", tags=tags("acme/prod/server")),
        Repository(name="globex/app", access="private", tags=tags("globex/app")),
        Repository(name="nim/meta/llama-3.1-8b-instruct", access="gated", entitled=acme, accepted=acme, tags=tags("nim/llama")),
        Repository(name="nim/baai/bge-m3", access="gated", tags=tags("nim/bge")),
        Repository(name="nim/mistralai/mistral-7b-instruct", access="gated", entitled=acme, tags=tags("nim/mistral")),
        Repository(name="nim/meta/llama-4-maverick", access="gated", entitled=acme, accepted=acme, geo_blocked=True, tags=tags("nim/maverick")),
    )
