"""Every finding there is: about what, how it stands, its sentence, and what to do. A test provokes each of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple


class Check(StrEnum):
    """What is looked at, in the order in which it is shown."""

    SETTINGS = "settings"
    CLOCK = "clock"
    DNS = "dns"
    TLS = "tls"
    PROXY = "proxy"
    REGISTRY = "registry"
    STORE = "store"
    SCHEMA = "schema"
    KEY = "key"
    DISK = "disk"
    FILE_SYSTEM = "file_system"
    SWEEP = "sweep"
    NOTICES = "notices"


class State(StrEnum):
    """How it stands; `note` is worth knowing and wrong for nobody."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"
    UNKNOWN = "unknown"


class Word(NamedTuple):
    """A row of the table; `said` and `advice` have places for the finding's own values."""

    check: Check
    state: State
    said: str
    advice: str = ""


_C, _S = Check, State

TABLE: Final[Mapping[str, Word]] = MappingProxyType({
    "settings_read": Word(_C.SETTINGS, _S.GOOD, "the settings are those of {subject}"),
    "settings_default": Word(_C.SETTINGS, _S.GOOD, "there is no settings file: defaults and the environment"),
    "settings_open": Word(_C.SETTINGS, _S.BAD, "{subject} may be written by others, who could send secrets elsewhere", "chmod o-w {subject}"),
    "file_open": Word(_C.SETTINGS, _S.BAD, "{subject}, the file of {setting}, may be read by others", "chmod 600 {subject}"),
    "file_missing": Word(_C.SETTINGS, _S.BAD, "{subject}, the file of {setting}, cannot be read ({why})", "put it back, or correct {setting}"),

    "clock_right": Word(_C.CLOCK, _S.GOOD, "the clock is within {seconds} s of what registries say (asked: {hosts})"),
    "clock_off": Word(_C.CLOCK, _S.BAD, "the clock is {seconds} s {way} what registries say (asked: {hosts})", "set it, and have NTP or chrony keep it right"),
    "clock_unknown": Word(_C.CLOCK, _S.UNKNOWN, "no registry told the time", "compare `date -u` with a clock that you trust"),
    "clock_set_back": Word(
        _C.CLOCK, _S.BAD, "the ledger knows of things that happened {ahead} in the future: the clock is, or was, wrong",
        "set the clock; what was accepted then counts as fresh until that time comes: after a leap of months restore a backup of before it",
    ),

    "dns_answers": Word(_C.DNS, _S.GOOD, "names of registries that were found: {hosts}"),
    "dns_proxied": Word(_C.DNS, _S.GOOD, "the proxy looks names up"),
    "dns_silent": Word(_C.DNS, _S.BAD, "no name server answered for {subject}", "see to /etc/resolv.conf, and to the way to its name servers (port 53)"),

    "tls_trusts": Word(_C.TLS, _S.GOOD, "trusted authorities: {system} of the system, {own} of the settings"),
    "tls_no_authorities": Word(_C.TLS, _S.BAD, "the system has no list of authorities", "install ca-certificates, or name a list by network.ca_file"),
    "tls_file_unusable": Word(_C.TLS, _S.BAD, "{subject}: {why}", "{advice}"),
    "tls_authority_ended": Word(_C.TLS, _S.BAD, "{name} in {subject} is {how}", "put the authority's current certificate there"),
    "tls_authority_ends": Word(_C.TLS, _S.NOTE, "{name} in {subject} ends {at}", "put its successor there beside it"),
    "tls_authority_odd": Word(
        _C.TLS, _S.NOTE, "{name} in {subject} is one that Python from 3.13 on refuses by default ({why}); for authorities that you name it is accepted",
        "nothing for validator's sake; other programs will want a certificate without that fault",
    ),
    "tls_strict": Word(
        _C.TLS, _S.NOTE, "the certificate of {subject} will be refused once Python is 3.13 or newer",
        "have it issued anew, or name its authority by registries.{subject}.ca_file",
    ),

    "proxy_none": Word(_C.PROXY, _S.GOOD, "registries are dialled without a proxy"),
    "proxy_used": Word(
        _C.PROXY, _S.NOTE, "registries are reached through {subject}: it looks their names up, so that a private address behind one is not seen here",
        "have the proxy refuse private networks",
    ),
    "proxy_fails": Word(_C.PROXY, _S.BAD, "the proxy does not lead to {subject}", "see whether it runs, knows its login, and lets {subject} pass"),
    "proxy_unused": Word(_C.PROXY, _S.NOTE, "{subject} is set in the environment, and not used", "if it is needed, write network.proxy into the settings"),

    "registry_answers": Word(_C.REGISTRY, _S.GOOD, "{subject} answers ({title})"),
    "registry_none": Word(_C.REGISTRY, _S.NOTE, "no registry is in the settings or in the store", "store a credential: `validator credential set`"),
    "registry_many": Word(_C.REGISTRY, _S.NOTE, "more registries than are asked at once; left out: {number}", "ask about one: `validator preflight HOST/IMAGE`"),
    "registry_disabled": Word(_C.REGISTRY, _S.NOTE, "{subject} is switched off in the settings", "remove registries.{subject}.disabled to have it asked"),
    "registry_unnamed": Word(_C.REGISTRY, _S.BAD, "there is no host {subject}{where}", "correct the name, or the name server's zone"),
    "registry_unreached": Word(_C.REGISTRY, _S.BAD, "{subject}{where} cannot be reached ({why})", "see to the network, and let its port through the firewall"),
    "registry_untrusted": Word(
        _C.REGISTRY, _S.BAD, "the certificate of {subject}{where} is not accepted ({why})",
        "if it is the right server, name its authority by registries.{subject}.ca_file; see to this machine's clock, too",
    ),
    "registry_unsafe": Word(
        _C.REGISTRY, _S.BAD, "{subject}{where} leads to a place where no secret may go ({why})",
        "if that is meant, list it: allow_private, realm_hosts or plain_http of registries.{subject}",
    ),
    "registry_strange": Word(_C.REGISTRY, _S.BAD, "what answers at {subject}{where} is no registry ({why})", "correct the host, or what stands before it"),
    "registry_ill": Word(_C.REGISTRY, _S.UNKNOWN, "{subject}{where} answers that it cannot ({why})", "ask again later; see the vendor's status page"),
    "registry_busy": Word(_C.REGISTRY, _S.UNKNOWN, "{subject} was not asked: its pace left no room", "ask again when the sweep is over"),

    "store_opens": Word(_C.STORE, _S.GOOD, "{subject} opens; credentials in it: {number}"),
    "store_none": Word(_C.STORE, _S.NOTE, "nothing was ever stored in {subject}", "store a credential: `validator credential set`"),
    "store_fails": Word(_C.STORE, _S.BAD, "{said}", "{advice}"),
    "store_read_only": Word(
        _C.STORE, _S.BAD, "{subject} can be read and not written: `check` and `preflight` work, nothing else, and nothing is kept",
        "give this user the right to write it and its folder, or free the disk from being read-only",
    ),
    "store_open": Word(_C.STORE, _S.BAD, "{subject} may be read by others", "chmod 600 {subject}"),
    "store_unreadable": Word(
        _C.STORE, _S.BAD, "credentials that cannot be opened: {number} ({why})", "put the master key back that they were sealed with, or store them anew"
    ),

    "schema_newest": Word(_C.SCHEMA, _S.GOOD, "its tables are at revision {revision}"),
    "schema_older": Word(_C.SCHEMA, _S.BAD, "its tables are of an older program (revision {revision})", "validator migrate"),
    "schema_newer": Word(_C.SCHEMA, _S.BAD, "its tables are of a newer program (revision {revision})", "use that program, or a newer one"),

    "key_opens": Word(_C.KEY, _S.GOOD, "{subject} opens the store"),
    "key_fails": Word(_C.KEY, _S.BAD, "{said}", "{advice}"),
    "key_old_rows": Word(_C.KEY, _S.NOTE, "rows that are sealed by an older key of {subject}: {number}", "validator key rotate"),

    "disk_room": Word(_C.DISK, _S.GOOD, "{free} free at {subject}"),
    "disk_full": Word(_C.DISK, _S.BAD, "only {free} free at {subject}: a migration and a backup each want {wanted}", "make room"),

    "file_system_local": Word(_C.FILE_SYSTEM, _S.GOOD, "{subject} is on a local disk ({kind})"),
    "file_system_network": Word(
        _C.FILE_SYSTEM, _S.BAD, "{subject} is on a network file system ({kind}), where SQLite's locks do not hold", "move the store to a local disk"
    ),
    "file_system_passing": Word(
        _C.FILE_SYSTEM, _S.NOTE, "{subject} is in memory or in a container's own layer ({kind}): it is gone with it", "put the store on a volume"
    ),

    "sweep_recent": Word(_C.SWEEP, _S.GOOD, "the last sweep of everything ended {ago} ago"),
    "sweep_never": Word(_C.SWEEP, _S.NOTE, "there was no sweep of everything yet", "validator sweep, or run `validator serve` with a sweep.schedule"),
    "sweep_late": Word(
        _C.SWEEP, _S.BAD, "the last sweep of everything ended {ago} ago, and one was due since", "see the log of `validator serve`, or of what runs `validator sweep`"
    ),
    "sweep_runs": Word(_C.SWEEP, _S.GOOD, "a sweep of everything is under way"),
    "sweep_cut_off": Word(_C.SWEEP, _S.NOTE, "a sweep was cut off {ago} ago", "validator sweep goes on with it"),
    "sweep_quarantine": Word(
        _C.SWEEP, _S.BAD, "{subject} is in quarantine: more of its credentials died at once than is likely",
        "see to the registry; if the deaths are true: validator sweep --release {subject}",
    ),

    "workers_live": Word(_C.SWEEP, _S.GOOD, "workers share the sweep: one at least lives"),
    "workers_gone": Word(
        _C.SWEEP, _S.NOTE, "workers shared the sweep, and none has lived for {ago}", "start `validator worker`, or see that something else sweeps"
    ),

    "notices_told": Word(_C.NOTICES, _S.GOOD, "no message waits"),
    "notices_nobody": Word(_C.NOTICES, _S.NOTE, "nobody is told of anything: there are no notices.urls", "name a channel by notices.urls"),
    "notices_wait": Word(_C.NOTICES, _S.NOTE, "messages that wait for their channel or their hour: {number}", "validator notices send"),
    "notices_failed": Word(_C.NOTICES, _S.BAD, "messages that could not be delivered: {number}", "validator notices list"),
    "notices_unclear": Word(_C.NOTICES, _S.NOTE, "messages that may have been sent, for something cut them off: {number}", "validator notices list"),
})  # fmt: skip
