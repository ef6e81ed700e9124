"""Pull secrets in Kubernetes manifests: `kind: Secret` of the two pull types, also in a List, in YAML or JSON. Pure.

A kubelet reads `.dockerconfigjson` of a `kubernetes.io/dockerconfigjson` and `.dockercfg` of a `kubernetes.io/dockercfg`, and no
other (kubernetes `pkg/credentialprovider/secrets/secrets.go`).
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any, Final

import yaml

from validator.protocol.base import shown_text
from validator.stores.dockerconfig.base.values import NoConfig, Source, old_source_of, read_json, source_of

_READ: Final[MappingProxyType[str, tuple[str, Callable[[str, Any], Source]]]] = MappingProxyType({
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson", source_of),
    "kubernetes.io/dockercfg": (".dockercfg", old_source_of),
})  # fmt: skip
_MANY: Final = frozenset({"List", "SecretList"})


def pull_secrets(text: str) -> tuple[Source, ...]:
    """The pull secrets of a manifest, in its order; raises NoConfig if it is none, or holds none."""
    try:
        documents = list(yaml.safe_load_all(text))
    except (yaml.YAMLError, RecursionError, ValueError):  # their words quote the line
        raise NoConfig("it is neither JSON nor a Kubernetes manifest") from None
    secrets = [one for document in documents for one in _secrets(document)]
    if not secrets:
        raise NoConfig("it is neither a docker config nor a Kubernetes Secret")
    found = tuple(source for one in secrets if (source := _source(one)) is not None)
    if not found:
        raise NoConfig("its Secret is no pull secret: a node reads the type kubernetes.io/dockerconfigjson (key .dockerconfigjson) alone")
    return found


def _secrets(document: Any) -> Iterator[dict[Any, Any]]:
    if not isinstance(document, dict):
        return
    kind, items = document.get("kind"), document.get("items")
    if kind == "Secret":
        yield document
    elif kind in _MANY and isinstance(items, list):
        for item in items:
            if isinstance(item, dict) and item.get("kind", "Secret") == "Secret":
                yield item


def _source(secret: dict[Any, Any]) -> Source | None:
    key, read = _READ.get(str(secret.get("type")), ("", source_of))
    metadata, plain, data = (part if isinstance(part, dict) else {} for part in map(secret.get, ("metadata", "stringData", "data")))
    name = shown_text(str(metadata.get("name") or "a Secret without a name"))
    if isinstance(plain.get(key), str):  # the API server writes it over `data`
        raw = plain[key].encode("utf-8", "replace")
    elif isinstance(data.get(key), str):
        try:
            raw = binascii.a2b_base64("".join(data[key].splitlines()), strict_mode=True)
        except (binascii.Error, ValueError):
            return Source(name=name, fault=f"its {key} is not base64")
    else:
        return None
    if not raw:
        return None
    try:
        return read(name, read_json(raw))
    except NoConfig as error:
        return Source(name=name, fault=f"its {key}: {error}")
