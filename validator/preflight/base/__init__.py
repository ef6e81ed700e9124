"""What a pre-flight is asked and what it answers, and the kubelet's rules between the two. Pure."""

from validator.preflight.base.kubelet import PULLED, auths_of, combine, matching, pull_host, without_key
from validator.preflight.base.values import Foretelling, Foretold, Held, Place, Tried, Wanted

__all__ = [
    "PULLED", "Foretelling", "Foretold", "Held", "Place", "Tried", "Wanted",
    "auths_of", "combine", "matching", "pull_host", "without_key",
]  # fmt: skip
