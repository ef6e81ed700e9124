"""The settings of `validator serve`. Whom it believes is judged here, before anything listens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from validator.config.base import Addresses, Count, File, Seconds, Section, is_loopback_name, only_number


class Tls(Section):
    """The certificate (with its chain) and its key, PEM files, read again when they change; without them plain http."""

    cert_file: File | None = None
    key_file: File | None = None

    @model_validator(mode="after")
    def _both(self) -> Tls:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together; give both or none")
        return self


class Admission(Section):
    """What `/v1/admission` knows: whose credentials an object's pods use, and who may ask without a token.

    `users` is namespace -> user. `user_label` is a label, or an annotation, whose value is the user; it counts only in requests
    of `service_accounts` (`system:serviceaccount:NAMESPACE:NAME`). `deny`: what is blocked is denied, not only warned of.
    """

    users: dict[Annotated[str, Field(min_length=1, max_length=63)], Annotated[str, Field(min_length=1, max_length=256)]] = Field(default_factory=dict)
    user_label: Annotated[str, Field(min_length=1, max_length=317)] | None = None
    service_accounts: tuple[Annotated[str, Field(min_length=1, max_length=320)], ...] = ()
    deny: bool = False
    deadline_s: Annotated[float, BeforeValidator(only_number), Field(gt=0, le=29, allow_inf_nan=False)] = 4
    addresses: tuple[Addresses, ...] = ()


class Api(Section):
    """Where `validator serve` listens, whom it believes, and how much it takes from one caller."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, BeforeValidator(only_number), Field(ge=0, le=65535)] = 8080
    tls: Tls = Tls()
    tokens_required: bool = True
    trust_user_header: bool = False
    trusted_addresses: tuple[Addresses, ...] = ()
    metrics_open: bool = False
    body_kib: Annotated[int, BeforeValidator(only_number), Field(ge=1, le=65536)] = 2048
    body_s: Seconds = 10
    images: Count = 200
    per_second: Annotated[float, BeforeValidator(only_number), Field(gt=0, le=100_000, allow_inf_nan=False)] = 300
    burst: Count = 600
    stop_s: Seconds = 15
    admission: Admission = Admission()

    @model_validator(mode="before")
    @classmethod
    def _parts_without_a_word(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        return {key: {} if value is None and key in ("tls", "admission") else value for key, value in data.items()}

    @model_validator(mode="after")
    def _believed(self) -> Api:
        if self.trust_user_header and not self.trusted_addresses:
            raise ValueError("trust_user_header believes a header from trusted_addresses alone; list the gateway's there")
        if not self.tokens_required and not is_loopback_name(self.host):
            raise ValueError("without tokens_required it may listen on a loopback address alone; set host to 127.0.0.1, or require tokens")
        return self
