"""Laws of reading files that name images: any bytes are read or refused in one sentence; a line is a line of the file."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from validator.protocol.base import clean_text
from validator.workload import MAX_BYTES, Kind, UnreadableWorkload, Workload, read_workload
from validator.workload.base import cut_markup, image_lines, variable_of
from validator.workload.fence import read_answer
from validator.workload.template import cut_template, read_expanded, typed_value

PIECES = st.sampled_from(
    ["workflow:\n", "  tasks:\n", "  - name: a\n", "    image: a/b:1\n", "  groups:\n", "version: 2\n", "default-values:\n", "  n: 1\n",
     "---\n", "apiVersion: v1\n", "kind: Pod\n", "kind: List\nitems:\n", "spec:\n", "  containers:\n", "services:\n", "  web:\n",
     "${A:-b}", "${", "$$", "}", "{{ ", " }}", "{% if a %}", "{% endif %}", "{{- .Values.x }}\n", "{#", "#}", "&a ", "*a", "<<: *a\n",
     "|\n", "\n", " ", ": ", "- ", "\t", "\0", "'", '"', "[", "]", "é", "\ue0000\ue001", "{{uuid}}", "!!binary x", "? "]
)  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=40).map("".join)
KEYS = st.sampled_from(
    ["workflow", "tasks", "groups", "image", "name", "resource", "resources", "platform", "apiVersion", "kind", "metadata", "namespace", "spec",
     "template", "containers", "initContainers", "volumes", "imagePullSecrets", "nodeSelector", "kubernetes.io/arch", "items", "services",
     "pull_policy", "build", "version", "reference", "<<"]
)  # fmt: skip
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["reg.test/a:1", "2", "${A}", "Never"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)


def read(text: bytes) -> Workload | UnreadableWorkload:
    """What is read, or the one refusal; whichever it is, its lines are the file's."""
    found: Workload | UnreadableWorkload
    try:
        found = read_workload(text, "w.yaml", values={"A": "1"})
    except UnreadableWorkload as refused:
        found = refused
    last = len(text.decode("utf-8", "replace").splitlines()) + 2
    if isinstance(found, UnreadableWorkload):
        assert str(found) == clean_text(str(found))
        assert found.line is None or 1 <= found.line <= last
    else:
        assert all(0 <= one.group < len(found.groups) and one.image and 1 <= (one.line or 0) <= last for one in found.named)
    return found


@given(st.binary(max_size=300))
@example(b"\xff\xfe")
@example("services: {a: {image: '\ud800'}}".encode("utf-8", "surrogatepass"))
def test_any_bytes_are_read_or_refused(text):
    read(text)


@given(TEXTS.filter(lambda text: "workflow:" not in text))
@example("services: \u2028 {")
@example("kind: 1\napiVersion: 1\nimage: {{\n")
@example("services:\n  ? [a]\n  : b\n")
@example("services: !!set {a, b}\n")
@example("kind: &a [*a]\napiVersion: *a\nspec: *a\n")
def test_any_text_of_yamls_pieces_is_read_or_refused(text):
    read(text.encode("utf-8", "surrogatepass"))


@settings(max_examples=25)
@given(TEXTS)
@example("{{ a }}\n")
@example("---\n  {% for a in range(3) %}\n  - image: a\n  {% endfor %}")
def test_any_template_is_read_or_refused(text):
    read(f"workflow:\n{text}\n# {{{{".encode("utf-8", "surrogatepass"))


@given(TREES)
def test_any_tree_is_read_or_refused_in_yaml_and_in_json(tree: Any):
    read(yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass"))
    read(json.dumps(tree).encode())


@given(st.lists(st.sampled_from(["reg.test/a:1", "ubuntu", "nvcr.io/org/app@sha256:" + "0" * 64]), min_size=1, max_size=5), st.integers(0, 3))
def test_every_image_written_is_named_at_its_line(images: list[str], blank: int):
    tasks = [f"  - name: t{at}\n" + "    # image: none\n" * blank + f"    image: {image}\n" for at, image in enumerate(images)]
    text = "workflow:\n  tasks:\n" + "".join(tasks)
    workload = read(text.encode())
    assert isinstance(workload, Workload)
    assert (workload.kind, [one.image for one in workload.named], [one.group for one in workload.named]) == (
        Kind.OSMO,
        images,
        list(range(len(images))),
    )
    assert all(f"image: {one.image}" in text.splitlines()[(one.line or 0) - 1] for one in workload.named)


@given(TEXTS)
def test_cutting_markup_keeps_every_line_and_what_it_cut(text):
    cut = cut_markup(text)
    assert cut.text.count("\n") == text.count("\n")
    assert all(mark in text for mark in cut.marks)
    assert ("{{" not in text and "{%" not in text and "{#" not in text) <= (cut.text == text and cut.whole)


@given(TEXTS)
def test_the_small_readers_are_total(text):
    variable_of(text)
    image_lines(text, "w")
    typed_value(text)
    read_expanded(text, ("a",), 0, "w")
    read_answer(text.encode("utf-8", "surrogatepass"), 0)
    try:
        template = cut_template(text, "w", {"a": text}, {})
    except UnreadableWorkload:
        return
    assert template.text.count("\n") == text[text.index("workflow:") :].count("\n") + 1 or "default-values:" in text or "version:" in text


@given(st.text(max_size=20), st.text(max_size=20))
def test_what_stands_for_a_line_is_taken_out_again(before, after):
    before, after = before.replace("\0", ""), after.replace("\0", "")
    expanded = read_expanded(f"{before}\0007\0\n{after}", (), 10, "w")
    assert expanded.text == f"{before}\n{after}"
    assert expanded.source.line(before.count("\n")) == 17


REPEATED = ["{{ a }}", "{{", "{%", "[", "- ", "a: ", "{{input:", "*a ", "image: {{ a\n", "${A:-", "# \n", "\ue0000\ue001"]


@pytest.mark.parametrize("piece", REPEATED)
def test_a_file_of_the_largest_size_is_answered_in_linear_time(piece):
    """What is quadratic takes minutes here, and the time limit of a test ends it."""
    for head in ("", "services:\n  a: "):
        read((head + piece * (MAX_BYTES // len(piece.encode()) + 1)).encode()[:MAX_BYTES])


@pytest.mark.parametrize("piece", ["{{ a.b }}\n", "{{input:", "{{ a }} {% "])
def test_a_template_of_the_largest_size_is_answered_in_linear_time(piece):
    read(("workflow:\n  a: " + piece * (MAX_BYTES // len(piece))).encode()[:MAX_BYTES])
