"""What OSMO's pools say of their nodes, whatever stands in the column."""

from __future__ import annotations

from typing import Any

import pytest

from validator.stores.osmo.base.pools import platforms_of


def labels(arch: str, **more: str) -> dict[str, Any]:
    return {"labels": {"kubernetes.io/arch": arch, **more}}


CASES: dict[str, tuple[list[Any], dict[str, tuple[str, ...]]]] = {
    "no pool": ([], {}),
    "one": ([("p", "a", {"a": labels("arm64")})], {"a": ("linux/arm64",), "p/a": ("linux/arm64",), "p": ("linux/arm64",)}),
    "no default": ([("p", None, {"a": labels("arm64")})], {"a": ("linux/arm64",), "p/a": ("linux/arm64",)}),
    "the pods' own selector": (
        [("p", None, {"a": {"labels": {}, "parsed_pod_template": {"spec": {"nodeSelector": {"kubernetes.io/arch": "amd64"}}}}})],
        {"a": ("linux/amd64",), "p/a": ("linux/amd64",)},
    ),
    "two that mean the same": (
        [("p", None, {"a": labels("amd64")}), ("q", None, {"a": labels("amd64")})],
        {"a": ("linux/amd64",), "p/a": ("linux/amd64",), "q/a": ("linux/amd64",)},
    ),
    "two that do not": (
        [("p", None, {"a": labels("amd64")}), ("q", None, {"a": labels("arm64")})], {"p/a": ("linux/amd64",), "q/a": ("linux/arm64",)},
    ),
    "one of two is not known": ([("p", None, {"a": labels("amd64")}), ("q", None, {"a": {}})], {"p/a": ("linux/amd64",)}),
    "a pool that is called as another's platform": (
        [("a", "b", {"b": labels("amd64")}), ("q", None, {"a": labels("arm64")})], {"a/b": ("linux/amd64",), "b": ("linux/amd64",), "q/a": ("linux/arm64",)},
    ),
    "windows": ([("p", None, {"a": labels("amd64", **{"kubernetes.io/os": "windows"})})], {"a": ("windows/amd64",), "p/a": ("windows/amd64",)}),
    "no JSON that is known": ([("p", "a", None), ("q", "a", ["a"]), ("r", "a", {"a": None}), ("s", "a", {"a": {"labels": ["x"]}})], {}),
    "no architecture": ([("p", "a", {"a": labels("")}), ("q", "b", {"b": labels("a b")}), ("r", "c", {"c": {"labels": {"kubernetes.io/arch": 7}}})], {}),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "known"), CASES.values(), ids=CASES.keys())
def test_what_nodes_are(rows: list[Any], known: dict[str, tuple[str, ...]]) -> None:
    assert platforms_of(rows) == known
