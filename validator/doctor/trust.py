"""Whom this machine trusts: the system's list, the operator's files, and what in them newer Pythons refuse.

From 3.13 on Python's default is OpenSSL's X509_STRICT (RFC 5280 to the letter). For authorities that the operator names it is
off here (`registry/transport/tls.py`), so a home-made one is a note and no fault.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from validator.doctor.base import Finding, found
from validator.errors import ConfigError
from validator.protocol.base import shown_text
from validator.registry.transport import trust

SOON: Final = timedelta(days=30)


def look_at_trust(ca_files: Sequence[Path], now: datetime) -> list[Finding]:
    """The findings about the system's authorities and those in `ca_files`. Blocks, for it reads files."""
    findings: list[Finding] = []
    own = 0
    for path in ca_files:
        try:
            trust((path,))
        except ConfigError as error:
            said, _, advice = str(error).partition(": ")
            findings.append(found("tls_file_unusable", str(path), why=said.removeprefix(f"ca_file {path} "), advice=advice))
            continue
        certificates = _certificates(path)
        own += len(certificates)
        findings += [finding for one in certificates for finding in _authority(path, one, now)]
    system = system_authorities()
    first = found("tls_trusts", system=system, own=own) if system or own else found("tls_no_authorities")
    return [first, *findings]


def system_authorities() -> int:
    """How many the system's list has; those of a folder are read when they are needed, and are counted by their names."""
    context = ssl.create_default_context()
    loaded = context.cert_store_stats()["x509_ca"]
    paths = ssl.get_default_verify_paths()
    if loaded or not paths.capath:
        return loaded
    try:
        return sum(name.rpartition(".")[2].isdigit() for name in os.listdir(paths.capath))
    except OSError:
        return 0


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (ValueError, OSError):  # OpenSSL has read it: its reading is what counts
        return []


def _authority(path: Path, certificate: x509.Certificate, now: datetime) -> Iterator[Finding]:
    name = shown_text(certificate.subject.rfc4514_string() or "a certificate without a name", 100)
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begins or now > ends:
        yield found(
            "tls_authority_ended", str(path), name=name, how=f"over since {ends:%Y-%m-%d}" if now > ends else f"not valid before {begins:%Y-%m-%d}"
        )
    elif ends - now < SOON:
        yield found("tls_authority_ends", str(path), name=name, at=f"{ends:%Y-%m-%d}")
    if faults := ", ".join(strict_faults(certificate)):
        yield found("tls_authority_odd", str(path), name=name, why=faults)


def strict_faults(certificate: x509.Certificate) -> list[str]:
    """Why X509_STRICT refuses this as an authority (OpenSSL x509_vfy.c, check_extensions); [] if it does not.

    A certificate that says of itself that it is no authority, and one of before X.509 v3, is left alone.
    """
    if certificate.version is not x509.Version.v3:
        return ["it is no X.509 v3"]
    faults: list[str] = []
    try:
        extensions = {one.oid: one for one in certificate.extensions}
    except ValueError:
        return ["its extensions cannot be read"]
    constraints = extensions.get(ExtensionOID.BASIC_CONSTRAINTS)
    usage = extensions.get(ExtensionOID.KEY_USAGE)
    if constraints is None:
        faults.append("no basic constraints")
    elif constraints.value.ca:
        faults += [] if constraints.critical else ["basic constraints that are not critical"]
        if usage is None:
            faults.append("no key usage")
        elif not usage.value.key_cert_sign:
            faults.append("a key usage without certificate signing")
        if ExtensionOID.SUBJECT_KEY_IDENTIFIER not in extensions:
            faults.append("no subject key identifier")
    own = certificate.issuer == certificate.subject
    if not own and ExtensionOID.AUTHORITY_KEY_IDENTIFIER not in extensions:
        faults.append("no authority key identifier")
    critical = (ExtensionOID.SUBJECT_KEY_IDENTIFIER, ExtensionOID.AUTHORITY_KEY_IDENTIFIER)
    faults += ["a key identifier that is critical" for oid in critical if oid in extensions and extensions[oid].critical]
    faults += [] if certificate.subject.rdns and certificate.issuer.rdns else ["an empty name"]
    return faults
