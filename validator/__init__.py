"""Validator: says whether stored container-registry credentials still work, and why not."""

from typing import Final

__version__: Final = "0.1.0"
