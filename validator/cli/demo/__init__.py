"""`validator demo`: the real job against registry servers on this machine, in half a minute; then everything is stopped.

The commands that a person would type are run as they are, each in a process of its own; what they say is compared with what
the emulated registries (and Debian's docker-registry, where it is installed) know to be so.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Final

import typer

from validator.cli.base.running import leave, put, run
from validator.cli.demo.base import Compared, Kept, ended, images_compared, statuses_compared, table, works
from validator.cli.demo.program import Program, indented
from validator.cli.demo.world import world

PACE: Final = {
    "repeat_after_s": 0.2, "confirm_after_s": 2, "per_second": 50, "burst": 50, "refused": {60: 40}, "refused_per_username": {60: 20},
}  # fmt: skip
"""The waits and windows of a real sweep are minutes; here they are scaled so that the demo takes seconds."""


def demo(
    osmo: Annotated[bool, typer.Option("--osmo", help="With a Postgres of OSMO's shape (Debian: postgresql).")] = False,
) -> None:
    """See it work: registries on this machine, eight credentials, some dead; nothing leaves the machine."""
    try:
        code = run(lambda: story(osmo=osmo))
    except asyncio.CancelledError:
        code = 128 + signal.SIGTERM
    leave(code)


async def story(*, osmo: bool = False) -> int:
    """The whole demo, beside a database of OSMO's shape or with a store of its own; 0 if every verdict agrees with the truth, else 1.

    Stopped half-way, it stops all that it started.
    """
    folder = Path(tempfile.mkdtemp(prefix="validator-demo-"))
    mine = asyncio.current_task()
    if mine is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, mine.cancel)
    try:
        async with AsyncExitStack() as stack:
            return await (_told_beside_osmo(stack, folder) if osmo else _told(stack, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _told(stack: AsyncExitStack, folder: Path) -> int:
    from validator.cli.base.rows import rows_text

    put("1. Registries are started on this machine: NGC, Docker Hub, GitHub and GitLab as they answer on the wire (emulated).")
    kept, hosts = await world(stack, folder)
    settings = folder / "validator.yaml"
    hosts = {host: {**said, "pace": PACE} for host, said in hosts.items()}
    document = {"sweep": {"wait_s": 20}, "store": f"sqlite:///{folder}/validator.db", "key_file": str(folder / "master.key"), "registries": hosts}
    settings.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
    program = Program(settings)

    put("\n2. A good and a dead NGC key are checked:")
    for ran in await program.run_all([(("check", one.registry, "--username", one.username, "--secret-stdin"), one.secret) for one in kept[:2]]):
        put(ran.shown)
    put("\n3. Eight credentials are stored, as their users would (the dead ones unchecked: they died later):")
    await program.run_all([_storing(one) for one in kept])
    put("\n4. Before a workflow is submitted: will the cluster pull its images, with what each user stored?")
    compared = await _preflights(program, kept)
    put("\n5. The nightly sweep: each credential once, the refused ones again after their wait; users with something to do are told:")
    put((await program.run("sweep")).shown)
    put("\n6. What is known now:")
    rows = json.loads((await program.run("status", "--format", "json")).out)["credentials"]
    put(indented(rows_text(rows)))
    compared += statuses_compared(kept, rows)
    put("\n7. Expected (what the registries know) and found (what validator said):")
    put(table(compared))
    put(f"\n{sum(line.agrees for line in compared)} of {len(compared)} agree. Everything that was started is stopped.")
    return ended(compared)


async def _told_beside_osmo(stack: AsyncExitStack, folder: Path) -> int:
    """The same on a Postgres of OSMO's shape; 0 if every status agrees with the registries' truth and OSMO's rows are what they were, else 1."""
    from validator.cli.demo.osmo import VIEW, WORKFLOW, asked, built, compared_with, cut, osmos_rows, summed

    put("1. Registries are started on this machine: NGC, Docker Hub, GitHub and GitLab as they answer on the wire (emulated).")
    kinds, hosts = await world(stack, folder)
    put("\n2. A Postgres is started, and filled as OSMO fills its own: each value sealed by its user's key, each key by OSMO's master key.")
    server, house = await asyncio.to_thread(built, stack, folder, kinds)
    settings = folder / "validator.yaml"
    document = {
        "sweep": {"wait_s": 20}, "store": server.url("osmo", "validator"), "key_file": str(folder / "master.key"),
        "osmo": {"mek_file": str(folder / "mek.yaml")}, "registries": {host: {**said, "pace": PACE} for host, said in hosts.items()},
    }  # fmt: skip
    settings.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
    before = await asyncio.to_thread(osmos_rows, server)
    program = Program(settings)

    put("\n3. The nightly sweep, as the role `validator`, which can write to none of OSMO's tables; a secret that many hold is asked about once:")
    ran = await program.run("sweep")
    put(cut(ran.shown))
    put("\n4. A workflow of OSMO's, before it is submitted:")
    (folder / "workflow.yaml").write_text(WORKFLOW, encoding="utf-8")
    put((await program.run("preflight", "--workflow", str(folder / "workflow.yaml"), "--user", house[0].user)).shown)
    put("\n5. What OSMO's own pages can show, from the view validator.credential_status:")
    shown = await asyncio.to_thread(lambda: asked(server, VIEW))
    counted = Counter((str(state), str(reason)) for state, reason in shown)
    put(indented("\n".join(f"{state:14} {reason:16} {number}" for (state, reason), number in sorted(counted.items()))))
    rows = json.loads((await program.run("status", "--format", "json")).out)["credentials"]
    after = "unchanged" if await asyncio.to_thread(osmos_rows, server) == before else "changed"
    compared = [*compared_with(house, kinds, rows), Compared("OSMO's own tables", "unchanged", "unchanged", after)]
    put("\n6. Expected (what the registries know) and found (what validator said):")
    put(table(summed(compared)))
    put(f"\n{sum(line.agrees for line in compared)} of {len(compared)} agree. Everything that was started is stopped.")
    return ended(compared)


async def _preflights(program: Program, kept: Sequence[Kept]) -> list[Compared]:
    """One pre-flight a user, of the images that his credentials are for."""
    compared: list[Compared] = []
    users = list(dict.fromkeys(one.user for one in kept))
    wanted = {user: {f"{one.registry}/{one.repository}:{one.tag}": one for one in kept if one.user == user} for user in users}
    asked = [(("preflight", *wanted[user], "--user", user, "--format", "json"), "") for user in users]
    for user, ran in zip(users, await program.run_all(asked), strict=True):
        images = json.loads(ran.out)["images"]
        for told in images:
            put(f"   {user}: {told['image']}: {told['outcome']} ({told['reason']}){' via ' + told['via'] if told['via'] else ''}")
        compared += images_compared(user, wanted[user], images)
    return compared


def _storing(one: Kept) -> tuple[tuple[str, ...], str]:
    """The command that stores it, and the secret for its standard input."""
    unchecked = ("--no-check",) if works(one.truth) != "works" else ()
    payload = ("--payload", f"registry={one.registry}", f"username={one.username}", "auth=-")
    return ("credential", "set", one.name, "--user", one.user, "--type", "REGISTRY", *payload, *unchecked), one.secret
