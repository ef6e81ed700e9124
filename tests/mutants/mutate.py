"""What may be wrong with a module, one small fault at a time: its mutants, found in its syntax tree. Pure, and the same on each run.

A fault is a comparison turned, `and` for `or`, a `not` left out, a condition denied, another number or text, nothing returned, a statement
left out; and, as the tables hold the product's knowledge, a row or an entry left out, and a condition of a row left out.

Left alone is what nobody can observe, or what is told to people alone: annotations, docstrings, decorators, labels, sentences.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

TURNED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Is: ast.IsNot,
    ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
SWAPPED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
EXCHANGED: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
LABELS: Final = frozenset({"row", "cause", "advice", "label", "name", "title", "page", "renew", "fix"})
"""Keywords whose texts name a thing, or are told to people."""
TOLD: Final = frozenset({"causes", "advice"})
"""Keywords that hold nothing but sentences for people, by reason."""
PATTERNS: Final = frozenset({"words", "compile"})
"""Calls whose text is a pattern, blanks or not."""


@dataclass(frozen=True)
class Mutant:
    """The `number`th of `module`: what was changed, and where."""

    module: str
    number: int
    line: int
    what: str
    lines: tuple[int, int] = (0, 0)
    """First and last line of the statement that it is in, or of its head."""
    inside: bool = False
    """In a function's body: it is not there before the function is called."""

    @property
    def name(self) -> str:
        """How a run is told of it."""
        return f"{self.module}:{self.number}"


Change = tuple[ast.AST, str, Callable[[ast.AST], None]]
"""The node, what is said of it, and what makes the fault in (a copy of) it."""
Place = tuple[int, int, bool]
"""The lines of the statement (or its head) around a node, and whether that is in a function's body."""


def mutants(module: str, source: str) -> list[Mutant]:
    """All mutants of a module, in the order of its text."""
    return [
        Mutant(module, number, getattr(node, "lineno", 0), what, (first, last), inside)
        for number, ((node, what, _), (first, last, inside)) in enumerate(_changes(ast.parse(source)))
    ]


def mutated(source: str, number: int) -> ast.Module:
    """The module's tree with the `number`th fault in it."""
    tree = ast.parse(source)
    for at, ((node, _, change), _) in enumerate(_changes(tree)):
        if at == number:
            change(node)
            return ast.fix_missing_locations(tree)
    raise ValueError(f"there is no mutant {number}")


def _changes(tree: ast.Module) -> list[tuple[Change, Place]]:
    return list(_of(tree, frozenset(), (0, 0, False)))


def _of(node: ast.AST, within: frozenset[str], place: Place) -> Iterator[tuple[Change, Place]]:
    """The changes of `node` and all below it; `within` names the keywords and calls that it stands in."""
    yield from ((change, place) for change in _here(node, within))
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _left_alone(node, name, child):
                yield from _of(child, _inside(node, name, child, within), _placed(child, place, inside="def" in within))


def _placed(node: ast.AST, place: Place, *, inside: bool) -> Place:
    """Where `node` is: in a place of its own if it is a statement, or what has a body; else where its parent is."""
    if not isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
        return place
    first = node.pattern.lineno if isinstance(node, ast.match_case) else node.lineno
    below = node.cases if isinstance(node, ast.Match) else getattr(node, "body", None)
    if not below:
        return first, getattr(node, "end_lineno", None) or first, inside
    start = below[0].pattern.lineno if isinstance(below[0], ast.match_case) else below[0].lineno
    return first, max(first, start - 1), inside


def _left_alone(node: ast.AST, name: str, child: ast.AST) -> bool:
    if name in ("annotation", "returns", "decorator_list", "bases", "type_params", "op", "ops", "ctx", "format_spec"):
        return True
    if isinstance(node, ast.JoinedStr) or isinstance(child, ast.Import | ast.ImportFrom | ast.Raise | ast.Assert):
        return True  # texts for people; what is raised is the caller's own fault
    if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
        return True
    if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
        return True
    return isinstance(child, ast.Assign) and any(isinstance(t, ast.Name) and t.id in ("__all__", "__slots__") for t in child.targets)


def _inside(node: ast.AST, name: str, child: ast.AST, within: frozenset[str]) -> frozenset[str]:
    if isinstance(child, ast.keyword) and child.arg is not None:
        return within | {child.arg}
    if isinstance(node, ast.Call) and name == "args":
        called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""
        return within | ({called} if called in PATTERNS else frozenset())
    return within | {"def"} if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else within


def _here(node: ast.AST, within: frozenset[str]) -> Iterator[Change]:
    match node:
        case ast.Compare(ops=[op]) if type(op) in TURNED:
            yield node, f"`{ast.unparse(node)}` turned", lambda n: _set(n, "ops", [TURNED[type(n.ops[0])]()])  # type: ignore[attr-defined]
        case ast.BoolOp(op=op):
            other = ast.Or if isinstance(op, ast.And) else ast.And
            yield node, f"`{_short(node)}` with {'or' if other is ast.Or else 'and'}", lambda n: _set(n, "op", other())
            for at in range(len(node.values)):
                yield node, f"`{_short(node.values[at])}` left out", _dropped("values", at)
        case ast.UnaryOp(op=ast.Not()):
            yield node, f"`{_short(node)}` without not", lambda n: _become(n, ast.Call(ast.Name("bool", ast.Load()), [n.operand], []))  # type: ignore[attr-defined]
        case ast.BinOp(op=op) if type(op) in SWAPPED and not _is_text(node):
            yield node, f"`{_short(node)}` with another operator", lambda n: _set(n, "op", SWAPPED[type(n.op)]())  # type: ignore[attr-defined]
        case ast.Call(func=ast.Name(id=called)) if called in EXCHANGED:
            yield node, f"`{_short(node)}` by {EXCHANGED[called]}", lambda n: _set(n.func, "id", EXCHANGED[n.func.id])  # type: ignore[attr-defined]
        case ast.Constant():
            yield from _constant(node, within)
        case ast.Return(value=value) if value is not None and not (isinstance(value, ast.Constant) and value.value is None):
            yield node, f"`{_short(node)}` gives nothing", lambda n: _set(n, "value", ast.Constant(None))
        case ast.If() | ast.While() | ast.IfExp() if not isinstance(node.test, ast.Compare | ast.BoolOp | ast.UnaryOp):
            yield node, f"`{_short(node.test)}` denied", lambda n: _set(n, "test", ast.UnaryOp(ast.Not(), n.test))  # type: ignore[attr-defined]
        case ast.Break() | ast.Continue():
            yield node, f"{type(node).__name__.lower()} left out", lambda n: _become(n, ast.Pass())
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.AugAssign() if "def" in within:
            yield node, f"`{_short(node)}` left out", lambda n: _become(n, ast.Pass())
    yield from _entries(node, within)


def _entries(node: ast.AST, within: frozenset[str]) -> Iterator[Change]:
    """A row, an entry, a condition of a row left out: of the tables at a module's level."""
    if "def" in within or within & TOLD:
        return
    if isinstance(node, ast.Tuple | ast.List | ast.Set) and len(node.elts) > 1:
        for at, entry in enumerate(node.elts):
            if _is_sentence(entry):
                continue
            yield node, f"entry `{_short(entry)}` left out", _dropped("elts", at)
    elif isinstance(node, ast.Dict) and len(node.keys) > 1:
        for at, key in enumerate(node.keys):
            if _is_sentence(node.values[at]):
                continue
            yield node, f"entry `{_short(key) if key is not None else '**'}` left out", _dropped_entry(at)
    elif isinstance(node, ast.Call):
        for at, given in enumerate(node.keywords):
            if given.arg is not None and given.arg not in LABELS | TOLD:
                yield node, f"`{_short(given)}` left out of `{ast.unparse(node.func)}`", _dropped("keywords", at)


def _constant(node: ast.Constant, within: frozenset[str]) -> Iterator[Change]:
    value = node.value
    if within & (LABELS | TOLD):
        return
    if isinstance(value, bool):
        yield node, f"{not value} for {value}", lambda n: _set(n, "value", not value)
    elif isinstance(value, int | float):
        yield node, f"{value + 1} for {value}", lambda n: _set(n, "value", value + 1)
    elif isinstance(value, str) and value and (within & PATTERNS or not re.search(r"\s", value)):
        yield node, f"another text for {value[:40]!r}", lambda n: _set(n, "value", f"~{value}")


def _is_sentence(node: ast.expr) -> bool:
    """True for what is told to people: a text with blanks, several, or one that is put together."""
    if isinstance(node, ast.Tuple):
        return all(_is_sentence(each) for each in node.elts)
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip())


def _is_text(node: ast.BinOp) -> bool:
    return any(
        isinstance(side, ast.JoinedStr) or (isinstance(side, ast.Constant) and isinstance(side.value, str)) for side in (node.left, node.right)
    )


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 70 else text[:69] + "…"


def _set(node: ast.AST, name: str, value: object) -> None:
    setattr(node, name, value)


def _become(node: ast.AST, other: ast.AST) -> None:
    """Make the node the other one, in its place: the tree keeps its hold of it."""
    node.__class__ = other.__class__
    for name in list(node._fields):
        node.__dict__.pop(name, None)
    node.__dict__.update({name: getattr(other, name) for name in other._fields})


def _dropped(name: str, at: int) -> Callable[[ast.AST], None]:
    def change(node: ast.AST) -> None:
        kept = [one for place, one in enumerate(getattr(node, name)) if place != at]
        if name == "values" and len(kept) == 1:
            _become(node, kept[0])
        else:
            setattr(node, name, kept)

    return change


def _dropped_entry(at: int) -> Callable[[ast.AST], None]:
    def change(node: ast.AST) -> None:
        for name in ("keys", "values"):
            setattr(node, name, [one for place, one in enumerate(getattr(node, name)) if place != at])

    return change
