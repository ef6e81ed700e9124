"""Which images a file names: real shapes of the three kinds of file, with the line, the group and the platform of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from validator.errors import ConfigError, Exit
from validator.workload import MAX_BYTES, Kind, PullGroup, UnreadableWorkload, Workload, read_workload

FILES = Path(__file__).parent / "files"
SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

Row = tuple[int | None, str, str, int, str | None, str | None]

CASES: dict[str, tuple[str, dict[str, str], Kind, bool, list[Row]]] = {
    "OSMO tasks": (
        "osmo-tasks.yaml", {}, Kind.OSMO, True,
        [
            (16, "download", "ubuntu:24.04", 0, "ovx-l40", None),
            (19, "train", "nvcr.io/nvidia/pytorch:24.03-py3", 1, "dgx-h100", None),
            (25, "upload", f"registry.gitlab.com/acme/tools/uploader@sha256:{SHA}", 2, None, None),
        ],
    ),
    "OSMO groups": (
        "osmo-groups.yaml", {}, Kind.OSMO, True,
        [
            (11, "fetch", "alpine:3.18", 0, None, None),
            (14, "sim", "nvcr.io/nvidia/isaac-sim:5.1.0", 1, None, None),
            (16, "robot", "arm64v8/ros:humble", 1, "agx-orin-jp6", None),
        ],
    ),
    "OSMO template with its own values": (
        "osmo-template.yaml", {}, Kind.OSMO, True,
        [
            (19, "master", "nvcr.io/nvidia/pytorch:24.03-py3", 0, None, None),
            (19, "worker_1", "nvcr.io/nvidia/pytorch:24.03-py3", 0, None, None),
            (23, "report", "quay.io/acme/report:1.4", 0, None, None),
        ],
    ),
    "OSMO template with given values": (
        "osmo-template.yaml", {"n_nodes": "1", "tag": "25.01"}, Kind.OSMO, True,
        [(19, "master", "nvcr.io/nvidia/pytorch:25.01", 0, None, None), (23, "report", "quay.io/acme/report:1.4", 0, None, None)],
    ),
    "OSMO template, values missing": (
        "osmo-unset.yaml", {}, Kind.OSMO, True,
        [
            (5, "known", "reg.test/team/app:1", 0, None, None),
            (8, "unknown", "{{ image_name }}", 1, None, "image_name"),
            (10, "later", "reg.test/run:{{uuid}}", 2, None, "uuid"),
        ],
    ),
    "OSMO template, its loop's bound missing": (
        "osmo-unset-loop.yaml", {}, Kind.OSMO, True,
        [
            (8, "node-{{ n }}", 'reg.test/node:{{ tag | default("1") }}', 0, None, "tag"),
            (11, "last", "reg.test/last:2", 0, None, None),
        ],
    ),
    "OSMO template that is no YAML unexpanded": (
        "osmo-no-yaml.yaml", {}, Kind.OSMO, False,
        [
            (6, "", "reg.test/gpu:1", 0, None, None),
            (9, "", "reg.test/cpu:1", 1, None, None),
            (11, "", "{{ extra }}", 2, None, "extra"),
        ],
    ),
    "pod": (
        "pod.yaml", {}, Kind.KUBERNETES, True,
        [
            (15, "migrate", "ghcr.io/acme/migrate:7", 0, "linux/arm64", None),
            (18, "app", "ghcr.io/acme/app:7", 0, "linux/arm64", None),
            (24, "debug", "busybox", 0, "linux/arm64", None),
            (28, "weights", "quay.io/acme/weights:v1", 0, "linux/arm64", None),
        ],
    ),
    "every kind, many documents": (
        "kinds.yaml", {}, Kind.KUBERNETES, True,
        [
            (16, "job", "reg.test/job:1", 0, None, None),
            (28, "cron", "reg.test/cron:1", 1, None, None),
            (33, "db", "reg.test/db:1", 2, None, None),
            (45, "agent", "reg.test:5000/agent", 3, "windows/amd64", None),
            (50, "rs", "reg.test/rs:1", 4, None, None),
            (55, "rc", "reg.test/rc:1", 5, None, None),
            (65, "web", "reg.test/web:1", 6, None, None),
            (70, "", "reg.test/fn:1", 7, None, None),
        ],
    ),
    "list in JSON": (
        "list.json", {}, Kind.KUBERNETES, True,
        [(10, "a", "reg.test/a:1", 0, None, None), (18, "b", "reg.test/b:1", 1, None, None), (19, "c", "reg.test/c:1", 1, None, None)],
    ),
    "helm's template": (
        "helm.yaml", {}, Kind.KUBERNETES, False,
        [
            (14, "app", "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}", 0, None, ".Values.image.repository"),
            (16, "{{ .Chart.Name }}-proxy", "envoyproxy/envoy:v1.31.0", 0, None, None),
            (18, "tool", '{{ required "an image" .Values.tool }}', 0, None, ".Values.tool"),
        ],
    ),
    "compose": (
        "compose.yaml", {"REGISTRY": ""}, Kind.COMPOSE, True,
        [
            (8, "web", "nginx:1.27", 0, "linux/arm64", None),
            (2, "worker", "reg.test/base:1", 1, None, None),
            (15, "own", "reg.test/own:2", 2, None, None),
            (17, "tagged", "reg.test/app:${TAG}", 3, None, "TAG"),
            (19, "needed", "${REGISTRY:?set it}/x", 4, None, "REGISTRY"),
            (21, "dollar", "reg.test/a$b", 5, None, None),
        ],
    ),
}  # fmt: skip


def rows(workload: Workload) -> list[Row]:
    return [(one.line, one.task, one.image, one.group, one.platform or one.platform_name, one.unrendered) for one in workload.named]


def read(text: str, **values: str) -> Workload:
    return read_workload(text.encode(), "w.yaml", values=values)


@pytest.mark.parametrize(("name", "values", "kind", "whole", "expected"), CASES.values(), ids=CASES.keys())
def test_a_file_names_its_images(name, values, kind, whole, expected):
    workload = read_workload((FILES / name).read_bytes(), name, values=values)
    assert (workload.kind, workload.whole, rows(workload)) == (kind, whole, expected)
    assert {one.file for one in workload.named} == {name}
    assert all(one.group < len(workload.groups) for one in workload.named)


def test_every_file_is_asked_about():
    assert {case[0] for case in CASES.values()} == {path.name for path in FILES.iterdir()}


@pytest.mark.parametrize("name", ["osmo-tasks.yaml", "osmo-template.yaml", "kinds.yaml", "compose.yaml", "helm.yaml"])
def test_a_line_is_the_same_whatever_ends_it(name):
    text = (FILES / name).read_text()
    assert read(text.replace("\n", "\r\n")).named == read(text).named
    assert read("\ufeff" + text).named == read(text).named


def test_a_platform_is_of_the_file_and_a_platforms_name_is_of_the_pool():
    one = read_workload((FILES / "osmo-groups.yaml").read_bytes(), "f").named[2]
    other = read_workload((FILES / "pod.yaml").read_bytes(), "f").named[0]
    assert (one.platform, one.platform_name, other.platform, other.platform_name) == (None, "agx-orin-jp6", "linux/arm64", None)


GROUPS: dict[str, tuple[str, tuple[PullGroup, ...]]] = {
    "pod": ("pod.yaml", (PullGroup(name="Pod/web", namespace="shop", pull_secrets=("ngc", "hub")),)),
    "items of a list": ("list.json", (PullGroup(name="Pod/a", namespace="one"), PullGroup(name="Pod/b"))),
    "OSMO groups": ("osmo-groups.yaml", (PullGroup(name="prepare"), PullGroup(name="drive"))),
    "OSMO tasks": ("osmo-tasks.yaml", (PullGroup(name="download"), PullGroup(name="train"), PullGroup(name="upload"))),
}


@pytest.mark.parametrize(("name", "expected"), GROUPS.values(), ids=GROUPS.keys())
def test_a_group_has_the_pods_secrets(name, expected):
    assert read_workload((FILES / name).read_bytes(), name).groups == expected


def test_a_job_keeps_its_namespace_and_secrets_apart_from_the_next_documents():
    groups = read_workload((FILES / "kinds.yaml").read_bytes(), "f").groups
    assert groups[:2] == (PullGroup(name="Job/job", namespace="batch", pull_secrets=("batch-key",)), PullGroup(name="CronJob/nightly"))


UNREADABLE: dict[str, tuple[str, int | None, str]] = {
    "empty": ("", None, "empty"),
    "only comments": ("# nothing\n---\n---\n", None, "empty"),
    "broken": ("workflow:\n  tasks: [\n", 3, "not valid YAML"),
    "broken in the second document": ("apiVersion: v1\nkind: Pod\n---\nkind: }\n", 4, "not valid YAML"),
    "two kinds of quotes": ("services:\n  a: {image: 'a\"}\n", 3, "not valid YAML"),
    "a text": ("hello\n", 1, "no OSMO workflow, Kubernetes manifest or compose file"),
    "a list": ("- image: a\n", 1, "no OSMO workflow, Kubernetes manifest or compose file"),
    "another kind": ("name: ci\non: push\njobs: {}\n", 1, "no OSMO workflow, Kubernetes manifest or compose file"),
    "a NUL": ("workflow:\n  a: \0\n", 2, "does not allow"),
    "a control character": ("services:\n  a: {image: '\x07'}\n", 2, "does not allow"),
    "tasks and groups": (
        "workflow:\n  tasks:\n  - {name: a, image: b}\n  groups:\n  - {name: g, tasks: [{name: c, image: d}]}\n", 5, "tasks or groups, never both",
    ),
    "neither": ("workflow:\n  name: a\n  tasks: []\n", 2, "neither tasks nor groups"),
    "no mapping": ("workflow: 3\n", 1, "must be a mapping"),
    "tasks that are no list": ("workflow:\n  tasks: {a: {image: b}}\n", 2, "must be lists"),
    "no image": ("workflow:\n  tasks:\n  - {name: a, image: b}\n  - name: c\n", 4, "names no image"),
    "an image that is no text": ("workflow:\n  tasks:\n  - name: a\n    image: [b]\n", 4, "must be text"),
    "a long image": (f"services:\n  a:\n    image: {'b' * 5000}\n", 3, "4096 characters"),
    "another key at the top": ("version: 2\nworkflow:\n  tasks: [{image: a}]\nCANARY: 1\n", 4, "nothing else"),
    "another key at a template's top": ("workflow:\n  tasks: [{image: '{{ a }}'}]\nCANARY: 1\n", 3, "nothing else"),
    "another version": ("version: 1\nworkflow:\n  tasks: [{image: a}]\n", 1, "version 2"),
    "two documents": ("workflow:\n  tasks: [{image: a}]\n---\nb: 1\n", 4, "one document"),
    "a section twice": ("workflow:\n  tasks: [{image: a}]\ndefault-values: {}\nworkflow:\n  b: 1\n", 4, "second section"),
    "default values that are a list": ("workflow:\n  tasks: [{image: a}]\ndefault-values: [CANARY]\n", 3, "one mapping"),
    "default values that are broken": ("workflow:\n  tasks: [{image: a}]\ndefault-values:\n  key: 'CANARY\n  b: }\n", 6, "not valid YAML"),
    "a template's syntax": ("workflow:\n  tasks:\n  - image: {{ CANARY! }}\n", 3, "template is broken"),
    "a template's fault": ("# x\nworkflow:\n  tasks:\n  - image: {{ 1 / 0 }}\n", 4, "template fails"),
    "a template that writes no YAML": ("\nworkflow:\n  a: 1\n  tasks: {{ '}' }}\n", 4, "not valid YAML"),
    "services that are a list": ("services:\n- image: a\n", 2, "must be a mapping"),
    "no object": ("apiVersion: v1\nkind: Pod\n---\nspec: {containers: [{image: a}]}\n", 4, "no Kubernetes object"),
    "too deep": ("services: " + "[" * 200, 1, "levels deep"),
    "aliases": ("a: &a 1\nservices: [" + "*a ," * 1001 + "]", 2, "1000 aliases"),
    "too many values": ("services: [" + "a," * 200_001 + "]", 1, "200000 values"),
    "too many images": ("services:\n"
                        + "".join(f"  a{at}: {{image: a}}\n" for at in range(1001)), 1002, "1000 images"),
    "too large": ("#" * (MAX_BYTES + 1), None, "1 MiB"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "what"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_file_that_cannot_be_read_is_told_in_one_sentence_with_its_line(text, line, what):
    with pytest.raises(UnreadableWorkload) as caught:
        read(text, tag="CANARY")
    said = str(caught.value)
    assert (caught.value.line, caught.value.file, caught.value.exit_code) == (line, "w.yaml", Exit.USAGE)
    assert said.startswith("w.yaml: " if line is None else f"w.yaml, line {line}: ")
    assert what in said
    assert "CANARY" not in said
    assert "\n" not in said
    assert isinstance(caught.value, ConfigError)


def test_what_is_not_utf_8_is_refused_and_standard_input_is_called_so():
    with pytest.raises(UnreadableWorkload, match=r"^standard input: this is not UTF-8"):
        read_workload("services: {a: {image: é}}".encode("utf-16"), "-")


SMALL: dict[str, tuple[str, list[tuple[str, str | None]]]] = {
    "a key twice: the last": ("services:\n  a:\n    image: b\n    image: c\n", [("c", None)]),
    "only built": ("services:\n  a: {build: .}\n  b: {build: ., image: b, pull_policy: build}\n", []),
    "an image that only a list would hide": ("services:\n  a: {image: }\n", []),
    "an anchor": ("x-i: &i reg.test/a:1\nservices:\n  a: {image: *i}\n", [("reg.test/a:1", None)]),
    "text that looks like a number": ("workflow:\n  tasks: [{image: 1.50}]\n", [("1.50", None)]),
    "a template of plain text": ("workflow:\n  tasks: [{image: \"{{ 'a' }}:{{ 1 + 1 }}\"}]\n", [("a:2", None)]),
    "raw markup": ("workflow:\n  tasks: [{image: '{% raw %}{{ x }}{% endraw %}'}]\n", [("{{ x }}", "x")]),
    "a variable of several": ("workflow:\n  tasks: [{image: '{{ a }}/{{ b }}'}]\n", [("{{ a }}/{{ b }}", "a")]),
    "an attribute that is missing": ("workflow:\n  tasks: [{image: '{{ a.b }}'}]\n", [("{{ a.b }}", "a.b")]),
    "a condition in the image": (
        "workflow:\n  tasks: [{image: 'a{% if gpu %}:1{% endif %}'}]\n", [("a{% if gpu %}:1{% endif %}", "gpu")],
    ),
    "only markup in a comment": ("# {{ x }}\nworkflow:\n  tasks: [{image: a}]\n", [("a", None)]),
    "text captured by the template": (
        "workflow:\n{% set i %}\nreg.test/a\n{% endset %}\n  tasks: [{image: '{{ i | trim }}:{{ i | length }}'}]\n", [("reg.test/a:12", None)],
    ),
    "a macro": (
        "workflow:\n  tasks:\n{% macro task(n) %}\n  - name: t{{ n }}\n    image: reg.test/t:{{ n }}\n{% endmacro %}{{ task(1) }}{{ task(2) }}",
        [("reg.test/t:1", None), ("reg.test/t:2", None)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SMALL.values(), ids=SMALL.keys())
def test_what_an_image_is(text, expected):
    assert [(one.image, one.unrendered) for one in read(text).named] == expected


def test_an_alias_stands_where_it_is_used():
    assert [one.line for one in read("x-i: &i reg.test/a:1\nservices:\n  a:\n    image: *i\n").named] == [4]


def test_tasks_that_only_a_template_names_make_the_file_not_whole():
    workload = read("workflow:\n  tasks: {{ tasks }}\n")
    assert (workload.named, workload.whole) == ((), False)


TYPED: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "integer": ({"x": "3"}, {}, "3|True"),
    "number": ({"x": "1.50"}, {}, "1.5|True"),
    "text": ({"x": "a"}, {}, "a|False"),
    "text by wish": ({}, {"x": "007"}, "007|False"),
    "text wins": ({"x": "3"}, {"x": "4"}, "4|False"),
}


@pytest.mark.parametrize(("values", "strings", "image"), TYPED.values(), ids=TYPED.keys())
def test_a_given_value_has_the_type_that_osmo_gives_it(values, strings, image):
    text = b"workflow:\n  tasks: [{image: '{{ x }}|{{ x is number }}'}]\ndefault-values: {x: 9}\n"
    assert [one.image for one in read_workload(text, "f", values=values, strings=strings).named] == [image]


COMPOSE: dict[str, tuple[str, dict[str, str], tuple[str, str | None]]] = {
    "bare": ("a:$V", {"V": "1"}, ("a:1", None)),
    "given and empty, colon": ("a:${V:-2}", {"V": ""}, ("a:2", None)),
    "given and empty": ("a:b${V-2}", {"V": ""}, ("a:b", None)),
    "alternative": ("a${V:+:1}", {"V": "x"}, ("a:1", None)),
    "alternative of nothing": ("a${V:+:1}", {}, ("a", None)),
    "wanted": ("a:${V?no}", {"V": "1"}, ("a:1", None)),
    "nested three times": ("${A:-${B:-${C:-d}}}", {}, ("d", None)),
    "inner without a value": ("${A:-${B}}", {}, ("${A:-${B}}", "B")),
    "left open": ("a:${V", {"V": "1"}, ("a:${V", "?")),
    "no name": ("a:${}", {}, ("a:${}", "?")),
    "a number after it": ("a:$1", {}, ("a:$1", "?")),
    "an operator that is none": ("a:${V!x}", {"V": "1"}, ("a:${V!x}", "V")),
    "deep": ("${A:-" * 50 + "}" * 50, {}, ("${A:-" * 50 + "}" * 50, "?")),
    "value with a dollar": ("a:${V}", {"V": "$W"}, ("a:$W", None)),
}


@pytest.mark.parametrize(("image", "values", "expected"), COMPOSE.values(), ids=COMPOSE.keys())
def test_compose_variables_have_given_values_or_their_defaults(image, values, expected):
    [one] = read(f"services:\n  a:\n    image: '{image}'\n", **values).named
    assert (one.image, one.unrendered) == expected


def test_the_environment_gives_no_value(monkeypatch):
    monkeypatch.setenv("TAG", "1")
    assert [one.unrendered for one in read("services: {a: {image: 'a:${TAG}'}}").named] == ["TAG"]
