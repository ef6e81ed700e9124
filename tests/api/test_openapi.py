"""The OpenAPI document: valid, complete, what the page tells, and what the service really does."""

from __future__ import annotations

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.api import reference
from tests.api.conformance import SHORT, conform
from tests.api.conftest import Open
from tests.cases.scripted import Answers, Scripted, err
from validator.api import document, routes_of


def test_the_document_is_valid_openapi() -> None:
    assert list(OpenAPIV31SpecValidator(document(routes_of())).iter_errors()) == []


def test_every_route_of_the_contract_is_in_it() -> None:
    assert {f"{method.upper()} {path}" for path, operations in document(routes_of())["paths"].items() for method in operations} == {
        "POST /v1/preflight", "POST /v1/check", "GET /v1/users/{user}/credentials", "GET /v1/users/{user}/credentials/{name}",
        "POST /v1/users/{user}/credentials/{name}/check", "GET /v1/sweeps", "POST /v1/sweeps", "GET /v1/sweeps/{sweep}", "GET /v1/registries",
        "POST /v1/admission", "GET /healthz", "GET /readyz", "GET /metrics", "GET /openapi.json",
    }  # fmt: skip


def test_the_page_is_written_from_it() -> None:
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), "run: python -m tests.api.reference"


def test_a_secret_is_one_in_it() -> None:
    auth = document(routes_of())["components"]["schemas"]["CheckBody"]["properties"]["auth"]
    assert (auth["format"], auth["writeOnly"]) == ("password", True)


@pytest.mark.timeout(180)
async def test_the_service_does_what_its_document_says(opening: Open) -> None:
    """A short run; `python -m tests.api.conformance` is a longer one."""
    honest: Answers = {"L!": err("UNAUTHORIZED"), "T!": err("UNAUTHORIZED")}
    wide = {"burst": 100_000, "per_second": 10_000}
    async with Scripted(honest) as registry, opening(registries=registry.settings(), api=wide, timeouts={"total_s": 1}) as service:

        async def sleep(seconds: float) -> None:
            return

        service.house.probe.sleep = sleep
        await service.keep("ann", "key", registry.host)
        code, said = await conform(str(service.url), await service.token(), *SHORT)
    assert code == 0, said
