"""Whom we trust: TLS contexts from the system's CAs and the operator's files."""

from __future__ import annotations

import ssl
from pathlib import Path

from validator.errors import ConfigError


def trust(ca_files: tuple[Path, ...], *, strict: bool = False) -> ssl.SSLContext:
    """A client's TLS context that trusts the system's CAs and those in `ca_files` (PEM); TLS 1.2 at least.

    Blocks for about 25 ms and reads files: build one for each set of files, not on the event loop. Raises
    `ConfigError` for a file that cannot be read or holds no certificate. From Python 3.13 on the default is strict
    about X.509 and refuses home-made CAs that container runtimes accept: not for the operator's. `strict`: so on older ones, too.
    """
    context = ssl.create_default_context()
    if strict:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    for path in ca_files:
        try:
            context.load_verify_locations(cafile=path)
        except ssl.SSLError:
            raise ConfigError(f"ca_file {path} holds no certificate that can be read: give a PEM file of CA certificates") from None
        except OSError as error:
            reason = (error.strerror or "unreadable").lower()
            raise ConfigError(f"ca_file {path} cannot be read ({reason}): correct the path or its permissions") from None
    if ca_files:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an intermediate alone is enough, as for Go's clients
    return context
