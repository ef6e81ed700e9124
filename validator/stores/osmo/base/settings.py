"""OSMO's own settings as far as they are about registries: what nobody is to ask about, and the credential of its own images."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from validator.credential import BACKEND_IMAGES, RegistryScope, UnreadableRegistry, parse_scope
from validator.stores.osmo.base.reading import Reader
from validator.stores.osmo.base.rows import Stored

_CONFIGS: Final = "SELECT key, value FROM public.configs WHERE type::text = 'WORKFLOW' AND key = ANY(%s)"
_VALIDATION: Final = "credential_config"


@dataclass(frozen=True, slots=True)
class OsmoSettings:
    """`own` is the credential of OSMO's images, nothing of it opened; None where OSMO has none, or its settings may not be read."""

    disabled: tuple[RegistryScope, ...] = ()
    own: Stored | None = None


async def settings_in(reader: Reader) -> OsmoSettings:
    """What stands there now."""
    values = dict(await reader.rows(_CONFIGS, ([_VALIDATION, BACKEND_IMAGES],)))
    own = Stored.osmos(values[BACKEND_IMAGES]) if BACKEND_IMAGES in values else None
    return OsmoSettings(tuple(_disabled(values.get(_VALIDATION))), own)


def _disabled(value: object) -> list[RegistryScope]:
    """The registries that OSMO's operator wants unchecked; what is no registry's text is left out."""
    found = list[RegistryScope]()
    with suppress(ValueError, RecursionError):
        config = json.loads(value) if isinstance(value, str) else value
        listed = config.get("disable_registry_validation") if isinstance(config, dict) else None
        for text in listed if isinstance(listed, list) else ():
            with suppress(UnreadableRegistry):
                found.append(parse_scope(str(text)))
    return found
