"""Looks at the machine, the settings, the store and the ways to the registries, and says what to do. It changes nothing and sends no secret.

What it needs is handed in by `validator.examining`; no command line here.
"""

from validator.doctor.base import Check, Finding, State, outcome_of
from validator.doctor.base.words import TABLE
from validator.doctor.files import look_at_files
from validator.doctor.place import look_at_place
from validator.doctor.server import look_at_server
from validator.doctor.store import Looked, look_at_store, sentence
from validator.doctor.trust import look_at_trust
from validator.doctor.ways import Ways

__all__ = [
    "TABLE", "Check", "Finding", "Looked", "State", "Ways",
    "look_at_files", "look_at_place", "look_at_server", "look_at_store", "look_at_trust", "outcome_of", "sentence",
]  # fmt: skip
