"""Findings as the formats that build systems read. Pure: values in, text out, escaped; no room of ours is known here."""

from validator.reporting.base import Finding, Result
from validator.reporting.junit import junit
from validator.reporting.sarif import sarif

__all__ = ["Finding", "Result", "junit", "sarif"]
