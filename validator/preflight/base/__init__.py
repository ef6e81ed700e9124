"""What a pre-flight is asked and what it answers, the kubelet's rules between the two, and what is remembered and under way."""

from validator.preflight.base.answers import Answers
from validator.preflight.base.controls import Controls
from validator.preflight.base.conversations import Conversations
from validator.preflight.base.course import Course, Key
from validator.preflight.base.kubelet import Keyring, combine, matching, pull_host, without_key
from validator.preflight.base.repeats import Repeats
from validator.preflight.base.values import Foretelling, Foretold, Held, Place, Stored, Tried, Wanted, told_name
from validator.preflight.base.words import unused_keys, why_not, why_unused

__all__ = [
    "Answers", "Controls", "Conversations", "Course", "Foretelling", "Foretold", "Held", "Key", "Keyring", "Place", "Repeats", "Stored",
    "Tried", "Wanted", "combine", "matching", "pull_host", "told_name", "unused_keys", "why_not", "why_unused", "without_key",
]  # fmt: skip
