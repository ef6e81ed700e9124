"""What the readers of every kind of file share: the values they make, the one error they raise, YAML with its lines."""

from validator.workload.base.markup import MARK, Cut, Source, cut_markup, image_lines, variable_of
from validator.workload.base.tree import MAX_ALIASES, MAX_DEPTH, MAX_VALUES, View, parse_documents
from validator.workload.base.values import MAX_IMAGE, MAX_IMAGES, Kind, Named, PullGroup, UnreadableWorkload, Workload

__all__ = [
    "MARK",
    "MAX_ALIASES",
    "MAX_DEPTH",
    "MAX_IMAGE",
    "MAX_IMAGES",
    "MAX_VALUES",
    "Cut",
    "Kind",
    "Named",
    "PullGroup",
    "Source",
    "UnreadableWorkload",
    "View",
    "Workload",
    "cut_markup",
    "image_lines",
    "parse_documents",
    "variable_of",
]
