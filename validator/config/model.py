"""The settings as values: every key of `contract` section 3 with its type, default and unit.

Pydantic models because text of the operator becomes a value here; frozen, and none repeats its input in an error.
`None` means "the provider's", "the default of the data folder" or "none", as the class says. Times end in their unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from validator.config.base import (
    ENV_PREFIX,
    EVERY_HOST,
    AddressTemplate,
    BaseUrl,
    Count,
    File,
    HostName,
    NodePlatforms,
    NoProxy,
    NoticeUrl,
    PlatformName,
    RealmHost,
    RegistryText,
    Schedule,
    Seconds,
    SecondsOrZero,
    Section,
    Windows,
    Zone,
    only_number,
    setting_host,
)
from validator.config.base.service import Api


class AuthsKey(StrEnum):
    """Under which key of `auths` the platform writes a credential into the pull secret."""

    AUTO = "auto"
    AS_WRITTEN = "as_written"
    DOCKER = "docker"
    OSMO = "osmo"


class OnUnknown(StrEnum):
    """What a pre-flight makes of "could not tell" when it exits."""

    REPORT = "report"
    ALLOW = "allow"
    BLOCK = "block"


class Network(Section):
    """The way out. Nothing is taken from HTTPS_PROXY or .netrc: what is not here is not used."""

    proxy: BaseUrl | None = None
    no_proxy: tuple[NoProxy, ...] = ()
    proxy_auth_file: File | None = None
    ca_file: File | None = None


class Timeouts(Section):
    """Of one request, in seconds."""

    connect_s: Seconds = 5
    total_s: Seconds = 15


class Pace(Section):
    """What one registry may be asked, over all processes; None is the provider's number (registries/README.md 8).

    `per_second` and `burst`: in any window of w >= 1 s at most per_second * w + burst requests. `refused` and
    `refused_per_username`: window in seconds -> most refused logins in it, of this address and of one username. `per_day`: requests
    of sweeps in 24 hours. `workers`: so many of them may sweep it at once, of `validator worker`; each has its part of `in_flight`.
    """

    per_second: Annotated[float, BeforeValidator(only_number), Field(gt=0, le=1000, allow_inf_nan=False)] | None = None
    burst: Count | None = None
    in_flight: Count | None = None
    refused: Annotated[Windows, Field(min_length=1)] | None = None
    refused_per_username: Windows | None = None
    confirm_after_s: Seconds | None = None
    repeat_after_s: SecondsOrZero | None = None
    control_fresh_s: Seconds | None = None
    challenge_fresh_s: SecondsOrZero | None = None
    per_day: Count | None = None
    workers: Annotated[int, BeforeValidator(only_number), Field(ge=1, le=64)] | None = None


class Canary(Section):
    """A known-good credential of the operator's; its secret stands in a file of its own."""

    username: Annotated[str, Field(min_length=1, max_length=256)]
    secret_file: File


class RegistrySettings(Section):
    """What the operator says about one HOST; None is the provider's word.

    `ip_restricted` says that the registry answers only listed addresses, `disabled` that nothing is ever sent to it.
    """

    provider: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")] | None = None
    endpoint: BaseUrl | None = None
    api: BaseUrl | None = None
    introspect: bool | None = None
    realm_hosts: tuple[RealmHost, ...] = ()
    plain_http: bool = False
    ca_file: File | None = None
    allow_private: bool = False
    proxy: bool = True
    canary: Canary | None = None
    proof: tuple[Annotated[str, Field(min_length=1, max_length=512)], ...] = ()
    pace: Pace = Pace()
    ip_restricted: bool = False
    disabled: bool = False

    @model_validator(mode="before")
    @classmethod
    def _host_without_a_word(cls, data: Any) -> Any:
        return {} if data is None else data

    def over(self, below: RegistrySettings) -> RegistrySettings:
        """These settings where they were given, else those of `below`; field by field, `pace` too."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        if "pace" in given:
            own = {name: getattr(self.pace, name) for name in self.pace.model_fields_set}
            given["pace"] = below.pace.model_copy(update=own)
        return below.model_copy(update=given)


class Preflight(Section):
    """How long an answer counts as fresh, in seconds, and what a pre-flight does with what it cannot tell.

    `platforms`: the names that a workflow or its pool has for its nodes -> what those nodes are; an image must have all of them.
    """

    fresh_valid_s: SecondsOrZero = 900
    fresh_refused_s: SecondsOrZero = 60
    fresh_dead_s: SecondsOrZero = 600
    auths_key: AuthsKey = AuthsKey.AUTO
    on_unknown: OnUnknown = OnUnknown.REPORT
    deadline_s: Seconds = 10
    platforms: dict[PlatformName, NodePlatforms] = Field(default_factory=dict)


class Sweep(Section):
    """When every credential is asked, and when a dead one is asked again (days after its last refusal); how long what happened is kept.

    `schedule` None: the service runs none, something else calls `validator sweep`. `jitter_s`: how much later it begins at most.
    """

    schedule: Schedule | None = "0 2 * * *"
    timezone: Zone = "UTC"
    jitter_s: SecondsOrZero = 300
    fresh_s: SecondsOrZero = 14400
    wait_s: SecondsOrZero = 1800
    quarantine_min: Count = 5
    dead_again_days: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 2, 4, 7)
    keep_days: Count = 400


class NotifyBy(StrEnum):
    """Which of OSMO's users are told."""

    PROFILE = "profile"
    ALL = "all"
    NONE = "none"


class OsmoSection(Section):
    """OSMO's own things, where its database is the store. `disabled`: registries (with a path or without) that nobody asks about."""

    mek_file: File | None = None
    notify: NotifyBy = NotifyBy.PROFILE
    disabled: tuple[RegistryText, ...] = ()


class Webhook(Section):
    """Where machines hear what a sweep changed; `secret_file` holds the key that signs it."""

    url: BaseUrl
    secret_file: File | None = None


class Notices(Section):
    """Whom to tell; the URLs are apprise's and hold passwords, so they are secrets. `reminder_days` 0: no reminders."""

    urls: tuple[NoticeUrl, ...] = ()
    operator: tuple[NoticeUrl, ...] = ()
    address: AddressTemplate = "{user}"
    webhook: Webhook | None = None
    reminder_days: Annotated[int, BeforeValidator(only_number), Field(ge=0, le=3660)] = 7
    expiry_days: tuple[Count, ...] = (14, 7, 1)
    recovered: bool = False
    per_hour: Count = 500


class Settings(BaseSettings):
    """All settings. `Settings()` is the defaults and reads nothing of this machine; `load_settings` reads.

    `store` may hold a database password, so it is a secret; None is the SQLite file in the data folder, as is
    `key_file`'s None the master key there.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_default=True,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
    )

    store: SecretStr | None = None
    key_file: File | None = None
    network: Network = Network()
    timeouts: Timeouts = Timeouts()
    registries: dict[HostName, RegistrySettings] = {}
    preflight: Preflight = Preflight()
    sweep: Sweep = Sweep()
    notices: Notices = Notices()
    osmo: OsmoSection = OsmoSection()
    api: Api = Api()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    @model_validator(mode="before")
    @classmethod
    def _sections_without_a_word(cls, data: Any) -> Any:
        """`sweep:` with nothing under it is the section's defaults, as in the commented file."""
        if not isinstance(data, Mapping):
            return data
        return {key: {} if value is None and key not in ("store", "key_file") else value for key, value in data.items()}

    def registry(self, host: str, *, named: bool = False) -> RegistrySettings:
        """What holds for canonical `host`: its own entry over the one of its name without port over that of "*".

        `named`: a provider lists this host by name, so the entry "*" is not about it (contract section 3).
        """
        layers = [] if named else [EVERY_HOST]
        name, colon, port = host.rpartition(":")
        if colon and port.isdigit():
            layers.append(setting_host(name))
        layers.append(host)
        merged = RegistrySettings()
        for layer in dict.fromkeys(layers):
            if (given := self.registries.get(layer)) is not None:
                merged = given.over(merged)
        return merged
