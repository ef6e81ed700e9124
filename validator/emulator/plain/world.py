"""Accounts, repositories and images of every odd shape: the planted world of the plain registry. registries/README.md 2.6."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from validator.emulator.base import OCI_INDEX, OCI_MANIFEST, Document, Emulated, Image, Planted, Truth, letters, make_image, nested_index

SCHEMA_1: Final = "application/vnd.docker.distribution.manifest.v1+prettyjws"
_HELM: Final = "application/vnd.cncf.helm.config.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One login; `state` "live" or a word for why not. `may_pull` False: it logs in and reads nothing (a missing scope)."""

    name: str
    username: str
    secret: str
    state: str = "live"
    may_pull: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """One repository and who reads it."""

    name: str
    public: bool = False
    readers: frozenset[str] = frozenset({"alice"})
    tags: Mapping[str, Image] = field(default_factory=dict)

    def readable_by(self, account: Account | None) -> bool:
        return self.public or (account is not None and account.may_pull and account.username in self.readers)

    def document(self, part: str, reference: str, accept: Sequence[str]) -> Document | None:
        """What is served; media types that no client asks for any more are served unasked, as old servers do."""
        images = self.tags.values()
        if part == "blobs":
            return next((image.blobs[reference] for image in images if reference in image.blobs), None)
        chosen = [self.tags[reference]] if reference in self.tags else [image for image in images if reference in image.manifests]
        if not chosen:
            return None
        return chosen[0].top if chosen[0].top.media_type == SCHEMA_1 else chosen[0].choose(reference, accept)


class Populated(Emulated):
    """The part of a registry that knows `accounts` and `repositories` by name, and nothing of how it answers.

    `provider`: what the settings call it; "" leaves it to be known by its name or its challenge.
    """

    provider: str = "generic"

    def __init__(self, *, clock: Callable[[], float], seed: str) -> None:
        super().__init__(clock=clock, seed=seed)
        self.accounts: dict[str, Account] = {}
        self.repositories: dict[str, Repository] = {repository.name: repository for repository in default_repositories()}
        for account in default_accounts(seed):
            self.add(account)

    def add(self, account: Account) -> None:
        """Plant an account, or put it in the place of the one of its name."""
        self.accounts[account.name] = account
        self.plant(account.name, account.secret)

    def change(self, name: str, **changes: Any) -> Account:
        """Change an account: `change("good", state="revoked")`."""
        self.accounts[name] = replace(self.accounts[name], **changes)
        return self.accounts[name]

    def publish(self, repository: Repository) -> None:
        """Add or replace a repository."""
        self.repositories[repository.name] = repository

    def login(self, name: str) -> tuple[str, str]:
        """Username and secret of a planted account."""
        return self.accounts[name].username, self.accounts[name].secret

    def reads(self, account: Account | None, repository: Repository) -> bool:
        """Whether a live account (None: nobody) may read a repository."""
        return repository.readable_by(account)

    def planted(self) -> tuple[Planted, ...]:
        return tuple(Planted(one.name, one.username, one.secret, one.state) for one in self.accounts.values())

    def truth(self, username: str, secret: str, repository: str | None = None) -> Truth:
        account = next((one for one in self.accounts.values() if (one.username, one.secret) == (username, secret)), None)
        why = "unknown pair" if account is None else account.state
        if repository is None:
            return Truth(accepted=why == "live", why=why)
        wanted = self.repositories.get(repository)
        pulls = why == "live" and wanted is not None and self.reads(account, wanted)
        return Truth(accepted=why == "live", why=why, pulls=pulls, public=wanted is not None and wanted.public)


def default_accounts(seed: str) -> tuple[Account, ...]:
    """The planted accounts; the first is good."""
    return (
        Account(name="good", username="alice", secret=letters(f"{seed} good", 24)),
        Account(name="other", username="bob", secret=letters(f"{seed} other", 24)),
        Account(name="dead", username="carol", secret=letters(f"{seed} dead", 24), state="revoked"),
        Account(name="scopeless", username="dora", secret=letters(f"{seed} scopeless", 24), may_pull=False),
        Account(name="unicode", username="jürgen", secret=f"§{letters(f'{seed} unicode', 20)}"),
    )


def default_repositories() -> tuple[Repository, ...]:
    """The planted repositories; `team/app` and `team/public` have every tag of `images`."""
    tags = images()
    return (
        Repository(name="team/app", readers=frozenset({"alice", "jürgen"}), tags=tags),
        Repository(name="team/public", public=True, tags=tags),
        Repository(name="other/private", readers=frozenset({"bob"}), tags=tags),
    )


@cache
def images() -> Mapping[str, Image]:
    """Tag -> image of that shape."""
    usual = make_image()
    one = make_image(("linux/amd64",), seed="single")
    return MappingProxyType(
        {
            "1": usual,
            "single": one,
            "single-arm64": make_image(("linux/arm64",), seed="single-arm64"),
            "docker": make_image(docker=True, seed="docker"),
            "attested": make_image(attested=True, seed="attested"),
            "arm64-only": make_image(("linux/arm64",), index=True, seed="arm64-only"),
            "386-only": make_image(("linux/386",), index=True, seed="386-only"),
            "amd64-v3-only": make_image(("linux/amd64/v3",), index=True, seed="amd64-v3-only"),
            "x86_64-v1": make_image(("linux/x86_64/v1",), index=True, seed="x86_64-v1"),
            "arm-v7-only": make_image(("linux/arm/v7",), index=True, seed="arm-v7-only"),
            "arm64-v8-only": make_image(("linux/arm64/v8",), index=True, seed="arm64-v8-only"),
            "no-platform": index_of(one, [None]),
            "unknown-only": index_of(one, [{"os": "unknown", "architecture": "unknown"}]),
            "empty-index": index_of(one, []),
            "nested": nested_index(usual),
            "nested-deeper": nested_index(nested_index(nested_index(usual))),
            "schema1": schema_1(),
            "artifact": artifact(),
            "foreign-layer": with_layers([{"mediaType": "x/foreign", "size": 1, "urls": ["https://evil.test/layer"]}]),
            "big": index_of(one, [{"os": "linux", "architecture": "amd64"}], padding=5_000_000),
        }
    )


def index_of(image: Image, platforms: Sequence[Mapping[str, str] | None], *, padding: int = 0) -> Image:
    """An index that points at `image` once for each of `platforms` (None: an entry without one), `padding` bytes longer."""
    entries = [image.top.descriptor(**({"platform": dict(platform)} if platform is not None else {})) for platform in platforms]
    content: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    if padding:
        content["annotations"] = {"padding": "x" * padding}
    return _image(Document(OCI_INDEX, json.dumps(content).encode()), image.manifests, image.blobs)


def schema_1() -> Image:
    """A manifest of Docker's first form."""
    content = {"schemaVersion": 1, "name": "team/app", "tag": "schema1", "architecture": "amd64", "fsLayers": [], "history": []}
    return _image(Document(SCHEMA_1, json.dumps(content, indent=3).encode()))


def artifact() -> Image:
    """A Helm chart: a manifest whose config is no image's."""
    config = Document(_HELM, b'{"name":"chart","version":"1.0.0","apiVersion":"v2"}')
    content = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": _HELM,
        "config": config.descriptor(),
        "layers": [],
    }
    return _image(Document(OCI_MANIFEST, json.dumps(content).encode()), blobs={config.digest: config})


def with_layers(layers: Sequence[Mapping[str, Any]]) -> Image:
    """A linux/amd64 manifest with these layers; a digest is added where none is."""
    base = make_image(("linux/amd64",), seed="layers")
    content = json.loads(base.top.body)
    digest = f"sha256:{hashlib.sha256(b'layer').hexdigest()}"
    content["layers"] = [{"digest": digest, **layer} for layer in layers]
    return _image(Document(OCI_MANIFEST, json.dumps(content).encode()), blobs=base.blobs)


def _image(top: Document, manifests: Mapping[str, Document] | None = None, blobs: Mapping[str, Document] | None = None) -> Image:
    held = MappingProxyType({**(manifests or {}), top.digest: top})
    return Image(top=top, manifests=held, blobs=MappingProxyType(dict(blobs or {})), platforms=())
