"""A module is imported with one fault in it. Nothing is written to the tree."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

from tests.mutants.mutate import Mutant, mutated

ROOT: Final = Path(__file__).parents[2]


class Faulty(SourceFileLoader):
    """Compiles a module with its `number`th fault."""

    number = 0

    def get_code(self, fullname: str) -> CodeType:
        """Never from a cache, never into one."""
        path = self.get_filename(fullname)
        return compile(mutated(Path(path).read_text(encoding="utf-8"), self.number), path, "exec", dont_inherit=True)


class Finder(MetaPathFinder):
    """Finds one module, by its file."""

    def __init__(self, file: Path, number: int) -> None:
        parts = file.relative_to(ROOT).with_suffix("").parts
        self.name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        self.file, self.number = file, number

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The usual place of it, with another loader."""
        if fullname != self.name:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None
        assert spec.origin == str(self.file), f"{fullname} is at {spec.origin}"
        spec.loader = Faulty(fullname, str(self.file))
        spec.loader.number = self.number
        return spec


def install(mutant: Mutant) -> None:
    """From now on its module is imported with the fault."""
    finder = Finder(ROOT / mutant.module, mutant.number)
    assert finder.name not in sys.modules, f"{finder.name} was imported before its fault"
    sys.meta_path.insert(0, finder)
