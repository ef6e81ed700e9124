"""By which challenge a product is known, and what is just beside it: others.md 1, 2, 7, 8, 10, 11; gitlab.md 1."""

from __future__ import annotations

from typing import Final

import pytest
from yarl import URL

from validator.credential import Host
from validator.evidence import Demand
from validator.providers import provider_for

# realm, service -> whose
BEARERS: Final[list[tuple[str, str, str]]] = [
    ("https://n.test/repository/docker/v2/token", "x", "nexus"), ("https://n.test/repository/a/b/v2/token", "x", "generic"), ("https://n.test/repository//v2/token", "x", "generic"), ("https://n.test/repository/" + "a" * 200 + "/v2/token", "x", "nexus"),
    ("https://n.test/repository/" + "a" * 201 + "/v2/token", "x", "generic"), ("https://n.test/v2/token", "http://n.test/v2/token", "nexus"), ("https://n.test/v2/token", "https://n.test/v2/token", "nexus"), ("https://n.test/v2/token", "https://n.test/v2", "generic"),
    ("https://n.test/v2/token", "ftp://n.test/v2/token", "generic"), ("https://n.test/v2/tokens", "https://n.test/v2/token", "generic"), ("https://g.test/v2/token", "container_registry", "gitea"), ("https://g.test/v2/tokens", "container_registry", "generic"),
    ("https://g.test/x/jwt/auth", "container_registry", "gitlab-self-managed"), ("https://g.test/jwt/auth", "dependency_proxy", "gitlab-self-managed"), ("https://g.test/jwt/auth", "x", "generic"), ("https://g.test/jwt/auth/x", "container_registry", "generic"),
    ("https://q.test/v2/auth", "q.test", "quay"), ("https://q.test:8443/v2/auth", "q.test:8443", "quay"), ("https://q.test/v2/auth", "q.test:443", "quay"), ("https://q.test/v2/auth", "x.test", "generic"), ("https://q.test/x/v2/auth", "q.test", "generic"),
    ("https://h.test/x", "harbor-registry", "harbor"), ("https://h.test/x", "harbor", "generic"), ("https://a.test/artifactory/api/docker/r/v2/token", "x", "artifactory"), ("https://a.test/api/docker/r/v2/token", "x", "artifactory"),
    ("https://a.test/artifactory/r/token", "x", "artifactory"), ("https://a.test/x/api/docker/r/v2/token", "x", "generic"), ("https://a.test/artifactory/token", "x", "generic"), ("https://a.test/api/docker/token", "x", "generic"),
]  # fmt: skip
LABELS: Final = {
    "Artifactory Realm": "artifactory", "Sonatype Nexus Repository Manager": "nexus", "Authorization Required": "zot", "Registry Realm": "generic", "": "generic", "artifactory realm": "generic", "Sonatype Nexus": "generic",
}  # fmt: skip


@pytest.mark.parametrize(("realm", "service", "key"), BEARERS)
def test_a_product_is_known_by_its_realm_and_service(realm: str, service: str, key: str) -> None:
    assert provider_for(Host("reg.test"), None, Demand(scheme="bearer", realm=URL(realm), service=service)).key == key


@pytest.mark.parametrize("label", LABELS)
def test_a_product_is_known_by_the_label_of_its_basic_challenge(label: str) -> None:
    assert provider_for(Host("reg.test"), None, Demand(scheme="basic", label=label)).key == LABELS[label]
    assert provider_for(Host("reg.test"), None, Demand(scheme="other", label=label)).key == "generic"
    for service in ("harbor-registry", "container_registry"):
        assert provider_for(Host("reg.test"), None, Demand(scheme="bearer", service=service, label=label)).key == "generic", "without a realm"


def test_a_setting_and_a_name_come_before_a_challenge() -> None:
    """`gitlab` set for a host that is not gitlab.com means a self-managed one; what nobody is called is nobody."""
    quay = Demand(scheme="bearer", realm=URL("https://quay.io/v2/auth"), service="quay.io")
    assert provider_for(Host("registry.gitlab.com"), "gitlab").key == "gitlab"
    assert provider_for(Host("git.test"), "gitlab").key == "gitlab-self-managed"
    assert provider_for(Host("registry.gitlab.com"), "generic").key == "generic"
    assert provider_for(Host("reg.test"), "nobody", quay).key == "quay"
    assert provider_for(Host("reg.test")).key == "generic"
