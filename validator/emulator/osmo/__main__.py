"""`python -m validator.emulator.osmo`: fills an empty database with users and registry credentials as OSMO would have them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from validator.emulator.base.token import letters
from validator.emulator.osmo import Osmo, Stored

REGISTRIES = ("nvcr.io", "registry-1.docker.io", "ghcr.io", "registry.gitlab.com")


def made_up(users: int, credentials: int, registries: Sequence[str], seed: str) -> Iterator[Stored]:
    """So many credentials of so many users, one a registry and user at most; the same for the same seed."""
    for number in range(credentials):
        user, registry = number % users, registries[(number // users) % len(registries)]
        name = f"user-{user:06d}@example.org"
        secret = _secret(seed, f"{user} {registry}")
        yield Stored(
            name, registry.partition(".")[0].replace("registry-1", "hub"), registry, "$oauthtoken" if registry == "nvcr.io" else "robot", secret
        )


def _secret(seed: str, of: str) -> str:
    return letters(f"{seed} {of}", 40, "abcdefghijklmnopqrstuvwxyz0123456789")


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 2 when the database or the file cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m validator.emulator.osmo", description="An empty database becomes one of NVIDIA OSMO's shape.")
    parser.add_argument("--dsn", required=True, metavar="DSN", help="libpq's words for the database, as in 'dbname=osmo_trial host=/run/postgresql'")
    parser.add_argument("--mek-file", required=True, type=Path, metavar="PATH", help="where OSMO's key file is written, readable by the owner alone")
    parser.add_argument("--users", type=int, default=100, metavar="N", help="default: 100")
    parser.add_argument("--credentials", type=int, default=300, metavar="N", help="of all users together; default: 300")
    parser.add_argument("--registry", action="append", metavar="HOST", help=f"may be repeated; default: {', '.join(REGISTRIES)}")
    parser.add_argument("--backend-images", metavar="HOST", help="OSMO pulls its own images from there, with a made-up credential")
    parser.add_argument("--seed", default="validator", metavar="TEXT", help="another one makes other secrets")
    given = parser.parse_args(arguments)
    registries = given.registry or REGISTRIES
    if not 1 <= given.users <= given.credentials <= given.users * len(registries):
        parser.error(f"--credentials must be from --users to --users times {len(registries)} (registries)")
    import psycopg

    try:
        with psycopg.connect(given.dsn, autocommit=True) as connection:
            osmo = Osmo(connection, given.mek_file)
            number = osmo.fill(made_up(given.users, given.credentials, registries, given.seed))
            if given.backend_images is not None:
                osmo.set_backend_images(given.backend_images, "osmo", _secret(given.seed, "osmo"))
    except (psycopg.Error, OSError) as error:
        sys.stderr.write(f"The database cannot be built ({type(error).__name__}); is it there, empty, and yours?\n")
        return 2
    sys.stdout.write(f"{given.users} users, {number} registry credentials; OSMO's key file is {given.mek_file}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
