"""Docker Hub's accounts, tokens and repositories, who may log in and read what, and the planted world. registries/dockerhub.md 2, 3, 9."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from validator.emulator.base import BASE64URL, HEX, Image, letters, make_image

REFUSED: Final = "incorrect username or password"
TOKEN_REQUIRED: Final = "your account must log in with a Personal Access Token (PAT) - learn more at docs.docker.com/go/access-tokens"
SSO_ENFORCED: Final = "please use personal access token to login when SSO is enforced"
LOCKED: Final = "too many failed login attempts for username or IP address"
NARROW: Final = "access token has insufficient scopes"
NOT_ACTIVE: Final = "Account is not Active"
PULL_LIMIT_ANONYMOUS: Final = "You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"
PULL_LIMIT: Final = (
    "You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit"
)


class State(StrEnum):
    """What became of a token; its owner may activate a deactivated one again."""

    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    EXPIRED = "expired"
    DELETED = "deleted"


class Level(StrEnum):
    """What a personal access token may do, for all repositories of its account."""

    PUBLIC_READ = "repo:public_read"
    READ = "repo:read"
    WRITE = "repo:write"
    ADMIN = "repo:admin"


class Outage(StrEnum):
    """An illness of the whole Hub.

    `pat_401`: every access token is refused in the words of a dead one (2024-09-27), passwords and anonymous clients are
    not. `all_401`: the token endpoint refuses everybody. `sso_words`: it refuses every login in SSO's words (2021-12-09).
    `503_html`: every host answers with a gateway's page.
    """

    PAT_401 = "pat_401"
    ALL_401 = "all_401"
    SSO_WORDS = "sso_words"
    HTML_503 = "503_html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """What Docker Hub does differently from day to day, or might do.

    `multi_scope_bug`: a token asked with several scopes may nothing (2022-03-02). `embargo`: every host answers 403 to this
    address. `abuse_429`: every host answers 429. `pull_limit`: manifest GETs in 6 h, of an address without login and of a
    personal account (None: 100 and 200). `head_429`: above the limit a HEAD is answered 429 too. `lock_after` refused logins
    of a name lock it for `lock_s`. `require_account`: a login must bring `account=`. `clock_skew`: seconds that the token
    endpoint's clock is ahead. `narrow_at`: where a token whose level is too low for a repository learns it (unknown).
    `realm="foreign"`: the challenge names another host.
    """

    outage: Outage | None = None
    multi_scope_bug: bool = False
    embargo: bool = False
    abuse_429: bool = False
    pull_limit: int | None = None
    head_429: bool = False
    lock_after: int = 5
    lock_s: float = 900
    require_account: bool = False
    token_ttl: int = 300
    clock_skew: float = 0
    narrow_at: Literal["manifest", "token"] = "manifest"
    realm: Literal["own", "foreign"] = "own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person's account, or an organization (no password). `paid` ones have no pull limit."""

    name: str
    password: str | None = field(default=None, repr=False)
    two_factor: bool = False
    sso: bool = False
    email_unverified: bool = False
    paid: bool = False

    @property
    def id(self) -> str:
        return str(uuid.UUID(hex=letters(f"account {self.name}", 32, HEX), version=4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token: personal (`level` counts), or of an organization (`repositories` and `reads_public` count)."""

    name: str
    secret: str = field(repr=False)
    account: str
    organizational: bool = False
    state: State = State.ACTIVE
    expires_at: float | None = None
    level: Level = Level.READ
    repositories: frozenset[str] = frozenset()
    reads_public: bool = True

    def state_at(self, now: float) -> State:
        if self.state is State.ACTIVE and self.expires_at is not None and now >= self.expires_at:
            return State.EXPIRED
        return self.state

    @property
    def expired_text(self) -> str:
        return "org access token is expired" if self.organizational else "personal access token is expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """One repository. `members` may read it when private; Image Access Management bars it for the accounts in `barred`."""

    name: str
    private: bool = False
    members: frozenset[str] = frozenset()
    barred: frozenset[str] = frozenset()
    tags: Mapping[str, Image]

    @property
    def namespace(self) -> str:
        return self.name.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Party:
    """Who asks: nobody, an account with its password, or one with a token."""

    account: Account | None = None
    token: Token | None = None


ANONYMOUS: Final = Party()


@dataclass(frozen=True, slots=True)
class Login:
    """Who a username and secret are (None: nobody), the state's own word, and the text of the refusal."""

    party: Party | None
    state: str
    text: str = REFUSED


def identify(username: str, secret: str, accounts: Mapping[str, Account], tokens: Mapping[str, Token], now: float) -> Login:
    """What the token endpoint finds when nothing is wrong with it. A username is a Docker ID in lower case, or an organization."""
    token = next((token for token in tokens.values() if token.secret == secret), None)
    account = accounts.get(username)
    if not secret or not username:
        return Login(None, "no secret" if username else "no username")
    if token is not None:
        state = token.state_at(now)
        if state is not State.ACTIVE:
            return Login(None, state.value, token.expired_text if state is State.EXPIRED and token.account == username else REFUSED)
        return Login(Party(account, token), "active") if token.account == username else Login(None, "another account's token")
    if account is None:
        return Login(None, "unknown account")
    if account.password is None or account.password != secret:
        return Login(None, "unknown secret")
    if account.email_unverified:
        return Login(None, "email unverified", NOT_ACTIVE)
    if account.two_factor:
        return Login(None, "two-factor", TOKEN_REQUIRED)
    return Login(None, "single sign-on", SSO_ENFORCED) if account.sso else Login(Party(account), "active")


def actions(party: Party, name: str, repository: Repository | None) -> frozenset[str]:
    """What of {"pull", "push"} `party` may do with the repository `name` (None: there is none of that name).

    In one's own namespace one may what the token allows, also where nothing is: there an absent repository is a 404.
    """
    account, token = party.account, party.token
    own = account is not None and account.name == name.partition("/")[0]
    member = own or (account is not None and repository is not None and account.name in repository.members)
    public = repository is not None and not repository.private
    if token is not None and token.organizational:
        return frozenset({"pull"}) if name in token.repositories or (public and token.reads_public) else frozenset()
    if token is not None and token.level is Level.PUBLIC_READ:
        return frozenset({"pull"}) if public else frozenset()
    if token is not None and token.level is Level.READ:
        return frozenset({"pull"}) if public or member else frozenset()
    if member:
        return frozenset({"pull", "push"})
    return frozenset({"pull"}) if public else frozenset()


def pat(seed: str) -> str:
    """A personal access token of today's shape."""
    return f"dckr_pat_{letters(f'pat {seed}', 27, BASE64URL)}"


def default_accounts() -> tuple[Account, ...]:
    """The planted accounts; `lena` is locked by the registry itself."""

    def person(name: str, **more: bool) -> Account:
        return Account(name=name, password=f"correct horse {name}", **more)

    return (
        person("ada"),
        person("grace", two_factor=True),
        person("sam", sso=True),
        person("lena"),
        person("una", email_unverified=True),
        person("pia", paid=True),
        Account(name="acme", paid=True),
    )


def default_tokens(seed: str) -> tuple[Token, ...]:
    """The planted tokens: the same secrets for the same seed."""

    def of(account: str, name: str, **more: object) -> Token:
        return Token(name=name, secret=pat(f"{seed} {name}"), account=account, **more)  # type: ignore[arg-type]  # fields by name

    def organizational(name: str, **more: object) -> Token:
        secret = f"dckr_oat_{letters(f'oat {seed} {name}', 32, BASE64URL)}"
        images = frozenset({"acme/app"})
        return Token(name=name, secret=secret, account="acme", organizational=True, repositories=images, **more)  # type: ignore[arg-type]

    old = str(uuid.UUID(hex=letters(f"old pat {seed}", 32, HEX), version=4))
    return (
        of("ada", "good"),
        of("ada", "public_read", level=Level.PUBLIC_READ),
        of("ada", "write", level=Level.WRITE),
        Token(name="old_form", secret=old, account="ada"),
        of("ada", "deactivated", state=State.DEACTIVATED),
        of("ada", "expired", expires_at=0.0),
        of("ada", "deleted", state=State.DELETED),
        of("grace", "two_factor_pat"),
        of("lena", "locked"),
        of("pia", "paid"),
        organizational("oat"),
        organizational("oat_no_public", reads_public=False),
        organizational("oat_expired", expires_at=0.0),
        organizational("oat_deactivated", state=State.DEACTIVATED),
    )


def default_repositories() -> tuple[Repository, ...]:
    """The planted repositories; every one has the tag `latest`."""

    def tags(name: str, *more: str, platforms: tuple[str, ...] = ("linux/amd64", "linux/arm64")) -> dict[str, Image]:
        return dict.fromkeys(("latest", *more), make_image(platforms, seed=f"docker.io/{name}"))

    ada = frozenset({"ada"})
    many = ("linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64/v8", "linux/386")
    return (
        Repository(name="library/alpine", tags=tags("library/alpine", "3.22", platforms=many)),
        Repository(name="library/single", tags=tags("library/single", platforms=("linux/amd64",))),
        Repository(name="ada/public", tags=tags("ada/public")),
        Repository(name="ada/private", private=True, tags=tags("ada/private", "1.0")),
        Repository(name="acme/app", private=True, members=ada, tags=tags("acme/app", "1.0")),
        Repository(name="acme/barred", barred=ada, tags=tags("acme/barred")),
        Repository(name="globex/secret", private=True, tags=tags("globex/secret")),
    )
