"""Which images a file names: OSMO workflows (templates too), Kubernetes manifests, compose files. No network, no registry, no verdict.

A template is expanded only by OSMO's rules and only in a process of its own (`fence.py`). What could not be told of an image is
said with it (`Named.unrendered`), what could not be told of the file in `Workload.whole`. osmo.md 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, assert_never

from validator.workload import fence
from validator.workload.base import (
    MAX_IMAGE,
    MAX_IMAGES,
    Kind,
    Named,
    PullGroup,
    Source,
    UnreadableWorkload,
    View,
    Workload,
    cut_markup,
    image_lines,
    parse_documents,
)
from validator.workload.compose import read_compose
from validator.workload.kubernetes import read_kubernetes
from validator.workload.osmo import read_osmo
from validator.workload.template import Template, cut_template, is_template, is_workflow, read_expanded

__all__ = ["MAX_BYTES", "Kind", "Named", "PullGroup", "UnreadableWorkload", "Workload", "read_workload"]

MAX_BYTES: Final = 1 << 20
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_EXPAND: Final = "expand it first (osmo workflow submit --dry-run) and give the result."


def read_workload(text: bytes, file: str, *, values: Mapping[str, str] = _NOTHING, strings: Mapping[str, str] = _NOTHING) -> Workload:
    """The images that `text` names; `file` is for the sentences and for `Named.file` ("-": standard input).

    `values` are those of `--set` (a number where it reads as one), `strings` those of `--set-string`, which win. Blocks: at most
    7 s, and only for a template; call it in a thread. Raises UnreadableWorkload (exit code 2), nothing else.
    """
    plain = _decoded(text, file)
    if is_template(plain) and is_workflow(plain):
        return _template(cut_template(plain, file, values, strings), file)
    given = {**values, **strings}
    marked = "{{" in plain or "{%" in plain
    try:
        return _read(parse_documents(plain, Source(file), bare_markup=not marked), file, given)
    except UnreadableWorkload as error:
        if not marked:
            raise
        return _unexpanded(plain, file, 0, given, error)


def _decoded(text: bytes, file: str) -> str:
    if len(text) > MAX_BYTES:
        raise UnreadableWorkload(file, None, "this is larger than 1 MiB; name the right file.")
    try:
        plain = text.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableWorkload(file, None, "this is not UTF-8 text; save it as UTF-8.") from None
    if "\0" in plain:
        line = plain.count("\n", 0, plain.index("\0")) + 1
        raise UnreadableWorkload(file, line, "this holds a character that YAML does not allow; remove it.")
    return plain


def _kind(root: View) -> Kind | None:
    if root.at("workflow") is not None:
        return Kind.OSMO
    if root.at("kind") is not None and root.at("apiVersion") is not None:
        return Kind.KUBERNETES
    return Kind.COMPOSE if root.at("services") is not None else None


def _read(documents: list[View], file: str, given: Mapping[str, str], *, whole: bool = True) -> Workload:
    if not documents:
        raise UnreadableWorkload(file, None, "this is empty; name the right file.")
    match _kind(documents[0]):
        case Kind.OSMO:
            return read_osmo(documents, whole=whole)
        case Kind.KUBERNETES:
            return replace(read_kubernetes(documents), whole=whole)
        case Kind.COMPOSE:
            return replace(read_compose(documents[0], given), whole=whole)
        case None:
            line = documents[0].line
            raise UnreadableWorkload(file, line, "this is no OSMO workflow, Kubernetes manifest or compose file; name the right file.")
        case never:
            assert_never(never)


def _template(template: Template, file: str) -> Workload:
    answer = fence.expand(template.text, defaults=template.defaults, given=template.given, kept=template.kept)
    if answer.text is not None:
        expanded = read_expanded(answer.text, answer.unset, template.start, file)
        try:
            return read_osmo(_some(parse_documents(expanded.text, expanded.source), file))
        except UnreadableWorkload as error:
            if not answer.unset:
                raise
            return _unexpanded(_original(template), file, template.start, {}, error)
    line = None if answer.line is None else template.start + answer.line
    match answer.fault:
        case fence.Fault.UNSET:
            unset = UnreadableWorkload(file, line, "a variable here has no value, neither in default-values nor given; set it.")
            return _unexpanded(_original(template), file, template.start, {}, unset)
        case fence.Fault.SYNTAX:
            what = "the template is broken here; mend it."
        case fence.Fault.FORBIDDEN:
            what = "the template does here what a template may not (Jinja's sandbox); remove it."
        case fence.Fault.FAILED:
            what = f"the template fails here; mend it, or {_EXPAND}"
        case fence.Fault.MEMORY | fence.Fault.LARGE:
            what = f"the template grows beyond all measure; mend it, or {_EXPAND}"
        case fence.Fault.TIME:
            what = f"the template does not end in its time; mend it, or {_EXPAND}"
        case fence.Fault.DIED | None:
            what = f"the template could not be expanded; {_EXPAND}"
        case never:
            assert_never(never)
    raise UnreadableWorkload(file, line, what)


def _some(documents: list[View], file: str) -> list[View]:
    if not documents:
        raise UnreadableWorkload(file, None, "the template expands to nothing; mend it.")
    return documents


def _original(template: Template) -> str:
    text = template.text
    for name, token in template.kept.items():
        text = text.replace("{{" + name + "}}", token)
    return text


def _unexpanded(text: str, file: str, start: int, given: Mapping[str, str], error: UnreadableWorkload) -> Workload:
    """What a template says without being expanded: its structure if YAML is left once the markup is out, else its image lines."""
    cut = cut_markup(text)
    source = Source(file, tuple(range(start, start + cut.text.count("\n") + 1)), cut.marks)
    try:
        found = _read(parse_documents(cut.text, source), file, given, whole=False)
        return replace(found, whole=cut.whole and bool(found.named))
    except UnreadableWorkload:
        named = tuple(replace(one, line=(one.line or 0) + start) for one in image_lines(text, file))
        kind = next((kind for key, kind in _KINDS.items() if f"\n{key}:" in f"\n{text}"), None)
        bounded = len(named) <= MAX_IMAGES and all(len(one.image) <= MAX_IMAGE for one in named)
        if kind is None or not named or not bounded:
            raise error from None
        return Workload(kind=kind, named=named, groups=tuple(PullGroup() for _ in named), whole=False)


_KINDS: Final = {"workflow": Kind.OSMO, "kind": Kind.KUBERNETES, "services": Kind.COMPOSE}
