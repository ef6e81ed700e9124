"""Where the store lies: room on its disk, and whether its file system keeps SQLite's locks. Reads nothing of the store."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from validator.doctor.base import Finding, found

LEAST: Final = 64 * 1024 * 1024
"""So many bytes are to be free at least: a night's log and its checkpoint."""
MOUNTS: Final = Path("/proc/self/mountinfo")

_NETWORK: Final = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|9p|afs|ceph|lustre|gpfs|beegfs|ocfs2|gfs2|virtiofs|vboxsf|davfs|fuse\.(sshfs|glusterfs|s3fs|gcsfuse|rclone|ceph|juicefs|davfs2?)"
)
_PASSING: Final = frozenset({"tmpfs", "ramfs", "overlay", "aufs"})


def look_at_place(path: Path, mounts: Path = MOUNTS) -> list[Finding]:
    """The findings about the folder of `path`, or the nearest one above it that is there."""
    folder = next(part for part in path.parents if part.exists())
    return [_room(path, folder), *_file_system(folder, mounts)]


def _room(path: Path, folder: Path) -> Finding:
    said = os.statvfs(folder)
    free, held = said.f_bavail * said.f_frsize, path.stat().st_size if path.exists() else 0
    wanted = max(LEAST, 2 * held)
    names_left = said.f_files == 0 or said.f_favail > 0
    enough = free >= wanted and names_left
    shown = _amount(free) if names_left else "no inode"
    return found("disk_room", str(folder), free=shown) if enough else found("disk_full", str(folder), free=shown, wanted=_amount(wanted))


def _amount(size: int) -> str:
    return f"{size / 1024**3:.1f} GiB" if size >= 1024**3 else f"{size // 1024**2} MiB"


def _file_system(folder: Path, mounts: Path) -> list[Finding]:
    """By the longest mount point above the folder; [] where the system does not tell its mounts."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return []
    whole = str(folder.resolve())
    kind, longest = "", -1
    for line in lines:
        fields, _, rest = line.partition(" - ")
        words = fields.split(" ")
        if len(words) < 5 or not rest:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), words[4])
        inside = whole == point or whole.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= longest:  # the later of two at one point hides the earlier
            kind, longest = rest.split(" ")[0], len(point)
    if not kind:
        return []
    if _NETWORK.fullmatch(kind):
        return [found("file_system_network", str(folder), kind=kind)]
    return [found("file_system_passing" if kind in _PASSING else "file_system_local", str(folder), kind=kind)]
