"""Images of Kubernetes manifests: of every pod spec in them, whatever the kind that wraps it. Pure.

A pod spec is a mapping whose `containers` is a sequence: so Pod, Job, CronJob, Deployment, StatefulSet, DaemonSet, ReplicaSet,
ReplicationController, List, and the custom kinds that hold pod templates (Knative, Argo, Kubeflow) need no table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from validator.workload.base import Kind, Named, PullGroup, View, Workload, variable_of

_CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")
_ARCH: Final = ("kubernetes.io/arch", "beta.kubernetes.io/arch")
_OS: Final = ("kubernetes.io/os", "beta.kubernetes.io/os")


@dataclass(slots=True)
class _Found:
    """What was met so far; `seen` holds what need not be walked twice."""

    named: list[Named] = field(default_factory=list)
    groups: list[PullGroup] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)


def read_kubernetes(documents: Sequence[View]) -> Workload:
    """The images of all documents, in their order: init containers first, image volumes last, those never pulled left out.

    Raises UnreadableWorkload: a document that is no Kubernetes object, an image that is no text, too many.
    """
    found = _Found()
    for document in documents:
        if document.at("kind") is None or document.at("apiVersion") is None:
            raise document.source.unreadable(document.index, "this document is no Kubernetes object (apiVersion, kind); mend it or leave it out.")
        _walk(document, PullGroup(), found)
    return Workload(kind=Kind.KUBERNETES, named=tuple(found.named), groups=tuple(found.groups))


def _walk(view: View, group: PullGroup, found: _Found) -> None:
    """Every pod spec below `view`; no deeper than YAML's bound, since nothing is walked twice."""
    if id(view.node) in found.seen:
        return
    found.seen.add(id(view.node))
    kind = view.at("kind")
    if kind is not None and kind.text and view.at("metadata") is not None:
        name, space = view.at("metadata", "name"), view.at("metadata", "namespace")
        shown = f"{kind.text}/{name.text}" if name and name.text else kind.text
        group = replace(group, name=shown, namespace=(space and space.text) or group.namespace)
    containers = view.at("containers")
    if containers is not None and next(containers.items(), None) is not None:
        _pod(view, group, found)
        return
    for part in view.parts():
        _walk(part, group, found)


def _pod(spec: View, group: PullGroup, found: _Found) -> None:
    held = spec.at("imagePullSecrets")
    secrets = [secret.at("name") for secret in held.items()] if held else []
    platform = _platform(spec)
    at = len(found.groups)
    for name, image in _images(spec):
        if image.is_empty:
            continue
        text = image.as_image(len(found.named))
        found.named.append(
            Named(
                image=text,
                file=image.source.file,
                task=name,
                line=image.line,
                group=at,
                platform=platform,
                unrendered=variable_of(text),
            )
        )
    found.groups.append(replace(group, pull_secrets=tuple(name.text for name in secrets if name and name.text)))


def _images(spec: View) -> Iterator[tuple[str, View]]:
    """Each container's name and image, then those that volumes of kind `image` mount."""
    for key in _CONTAINERS:
        containers = spec.at(key)
        for container in containers.items() if containers else ():
            image, policy = container.at("image"), container.at("imagePullPolicy")
            if image is not None and not (policy and policy.text == "Never"):
                yield _name(container), image
    volumes = spec.at("volumes")
    for volume in volumes.items() if volumes else ():
        image, policy = volume.at("image", "reference"), volume.at("image", "pullPolicy")
        if image is not None and not (policy and policy.text == "Never"):
            yield _name(volume), image


def _name(view: View) -> str:
    name = view.at("name")
    return (name.text if name else None) or ""


def _platform(spec: View) -> str | None:
    """What the pod's nodeSelector demands; None if it names no architecture, or by a template."""
    selector = spec.at("nodeSelector")

    def selected(keys: tuple[str, ...]) -> str | None:
        values = (selector.at(key) for key in keys) if selector else ()
        return next((value.text for value in values if value and value.text), None)

    arch = selected(_ARCH)
    if arch is None:
        return None
    platform = f"{selected(_OS) or 'linux'}/{arch}"
    return None if variable_of(platform) else platform
