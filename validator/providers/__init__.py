"""Registries by name. `PROVIDERS` is the whole list, in the order of asking; the generic one comes last. Pure."""

from __future__ import annotations

from typing import Final

from validator.credential import Host
from validator.evidence import Demand
from validator.providers.acr import ACR
from validator.providers.artifactory import ARTIFACTORY
from validator.providers.base import Introspection, Pace, Provider, Shape, made_up_pair, made_up_token, shape_of
from validator.providers.cloudsmith import CLOUDSMITH
from validator.providers.digitalocean import DIGITALOCEAN
from validator.providers.dockerhub import DOCKERHUB
from validator.providers.ecr import ECR, ECR_PUBLIC
from validator.providers.generic import GENERIC
from validator.providers.ghcr import GHCR, GITHUB_PACKAGES
from validator.providers.gitea import GITEA
from validator.providers.gitlab import GITLAB, SELF_MANAGED
from validator.providers.google import GAR
from validator.providers.harbor import HARBOR
from validator.providers.ibm import IBM
from validator.providers.nexus import NEXUS
from validator.providers.ngc import NGC
from validator.providers.oracle import OCIR, ORACLE
from validator.providers.quay import QUAY
from validator.providers.redhat import REDHAT
from validator.providers.scaleway import SCALEWAY
from validator.providers.zot import ZOT

PROVIDERS: Final[tuple[Provider, ...]] = (
    NGC, DOCKERHUB, GHCR, GITLAB,
    QUAY, GAR, ECR, ECR_PUBLIC, ACR, ARTIFACTORY, REDHAT, IBM, OCIR, ORACLE, DIGITALOCEAN, SCALEWAY, CLOUDSMITH, GITHUB_PACKAGES,
    SELF_MANAGED, HARBOR, GITEA, NEXUS, ZOT,
    GENERIC,
)  # fmt: skip

__all__ = [
    "PROVIDERS", "Introspection", "Pace", "Provider", "Shape",
    "made_up_pair", "made_up_token", "provider_for", "provider_named", "shape_of",
]  # fmt: skip


def provider_named(key: str) -> Provider | None:
    """The provider that a setting calls `key`; None if there is none of that name."""
    return next((provider for provider in PROVIDERS if provider.key == key), None)


def provider_for(host: Host, named: str | None = None, demand: Demand | None = None) -> Provider:
    """Whose rules hold for `host`: by its name, else by the operator's setting, else by its challenge, else the generic ones.

    A provider that was found by its challenge brings no hosts of its own: detection never widens where a secret may go.
    `gitlab` set for a host that is not gitlab.com means a self-managed one.
    """
    for provider in PROVIDERS:
        if provider.names(host) and named in (None, provider.key):
            return provider
    if named is not None:
        chosen = provider_named(named)
        if chosen is not None:
            return SELF_MANAGED if chosen is GITLAB else chosen
    if demand is not None:
        for provider in PROVIDERS:
            if provider.recognise is not None and provider.recognise(demand):
                return provider
    return GENERIC
