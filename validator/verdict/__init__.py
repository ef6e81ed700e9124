"""What evidence means: the closed lists, the table of single answers, the tables of verdicts. Pure."""

from validator.verdict.base import UNSENT, Hint, ImageOutcome, ImageVerdict, Level, Outcome, Reason, Verdict
from validator.verdict.findings import Findings, find
from validator.verdict.reading import Meaning, Reading, Says, read, words
from validator.verdict.table import TABLE, Row, decide, row
from validator.verdict.traits import Traits

__all__ = [
    "TABLE", "UNSENT", "Findings", "Hint", "ImageOutcome", "ImageVerdict", "Level", "Meaning", "Outcome", "Reading", "Reason", "Row",
    "Says", "Traits", "Verdict", "decide", "find", "read", "row", "words",
]  # fmt: skip
