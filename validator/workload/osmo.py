"""Images of an OSMO workflow, its template expanded. Pure. osmo.md 7: `workflow.tasks[].image` or `workflow.groups[].tasks[].image`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from validator.workload.base import Kind, Named, PullGroup, View, Workload, variable_of

_VERSION: Final = "2"
_TOP: Final = frozenset({"version", "workflow", "default-values"})


def read_osmo(documents: Sequence[View], *, whole: bool = True) -> Workload:
    """The images of one workflow. Unknown keys below the top are OSMO's to refuse; a task without an image is one too, if `whole`.

    Raises UnreadableWorkload.
    """
    root = documents[0]
    source = root.source
    if len(documents) > 1:
        raise source.unreadable(documents[1].index, "a workflow file holds one document; keep one.")
    if any(key not in _TOP for key, _ in root.pairs()):
        line = next(view.index for key, view in root.pairs() if key not in _TOP)
        raise source.unreadable(line, "OSMO allows version, workflow and default-values at the top, nothing else; mend or remove this key.")
    version = root.at("version")
    if version is not None and version.text != _VERSION:
        raise source.unreadable(version.index, "OSMO's workflows have version 2; mend it.")
    workflow = root.at("workflow")
    if workflow is None or not workflow.is_mapping:
        raise source.unreadable(workflow.index if workflow else None, "workflow must be a mapping with tasks or groups; mend it.")
    named: list[Named] = []
    groups: list[PullGroup] = []
    for group, tasks in _grouped(workflow):
        for task in tasks:
            image = task.at("image")
            if image is not None and not image.is_empty:
                named.append(_named(task, image.as_image(len(named)), image.line, workflow, len(groups)))
            elif whole:
                raise source.unreadable(task.index, "this task names no image; add one.")
        groups.append(PullGroup(name=_name(group)))
    if not named and whole:
        raise source.unreadable(workflow.index, "the workflow's tasks and groups name no image; they must be lists of tasks.")
    return Workload(kind=Kind.OSMO, named=tuple(named), groups=tuple(groups), whole=whole)


def _grouped(workflow: View) -> Iterator[tuple[View, list[View]]]:
    """What shares one pull secret, with its tasks: a group, or a task that stands alone."""
    tasks, groups = (None if view is None or view.is_empty else view for view in (workflow.at("tasks"), workflow.at("groups")))
    if tasks and groups:
        later = max(tasks.index, groups.index)
        raise workflow.source.unreadable(later, "a workflow has tasks or groups, never both; move the tasks into groups.")
    if tasks is None and groups is None:
        raise workflow.source.unreadable(workflow.index, "the workflow has neither tasks nor groups; name one task at least.")
    for view in (tasks or groups or workflow).items():
        below = view.at("tasks") if groups else None
        yield view, list(below.items()) if below else [] if groups else [view]


def _named(task: View, image: str, line: int, workflow: View, group: int) -> Named:
    resource = task.at("resource")
    platform = workflow.at("resources", (resource.text if resource else None) or "default", "platform")
    name = platform.text if platform else None
    return Named(
        image=image,
        file=task.source.file,
        task=_name(task),
        line=line,
        group=group,
        platform_name=None if not name or variable_of(name) else name,
        unrendered=variable_of(image),
    )


def _name(view: View) -> str:
    name = view.at("name")
    return (name.text if name else None) or ""
