"""One answer as evidence, in few words: what the tables of what answers say are written with."""

from __future__ import annotations

from typing import Any, Final

from validator.evidence import Demand, Exchange, Failure, Grant, ManifestSeen, Party, Step
from validator.protocol.errcode import BodyShape
from validator.verdict.reading import Says, read

SHAPES: Final = {
    "E": BodyShape.ERRORS, "O": BodyShape.OAUTH, "J": BodyShape.JSON, "html": BodyShape.HTML, "text": BodyShape.TEXT, "": BodyShape.EMPTY,
}  # fmt: skip
"""A registry's error JSON, OAuth's, other JSON, a page, plain text, no body: as the cases write them."""
STEPS: Final = {"P": Step.PING, "L": Step.LOGIN, "T": Step.SCOPED, "H": Step.PULL, "G": Step.MANIFEST, "C": Step.CONFIG, "X": Step.ELSEWHERE}


def answer(
    step: str, status: int | None, shape: str = "", code: str = "", text: str = "", *, demands: str = "", kind: str | None = None, **more: Any
) -> Exchange:  # fmt: skip
    """A step's letter (`B`: a login at the registry itself), a status, the body; `demands`: the scheme of its challenge."""
    fields: dict[str, Any] = {
        "party": Party.SUBJECT,
        "authorized": step in "LTHGB",
        "basic": "demanded" if step == "B" else "",
        "method": "HEAD" if step == "H" else "GET",
    }
    if step in "LT":
        fields["grant"] = Grant() if more.pop("token", False) else None
    if kind is not None:
        fields["manifest"] = ManifestSeen(kind=kind)
    return Exchange(
        step=STEPS["L" if step == "B" else step], url="https://reg.test/", status=status,
        shape=SHAPES[shape], code=code, text=text, demand=Demand(scheme=demands) if demands else None, **{**fields, **more},
    )  # fmt: skip


def failed(step: str, failure: Failure) -> Exchange:
    """No answer at this step."""
    return Exchange(step=STEPS[step], party=Party.SUBJECT, method="GET", url="https://reg.test/", failure=failure)


def says(exchange: Exchange, rows: tuple[Says, ...] = ()) -> str:
    """`meaning (reason)`, or the meaning alone."""
    told = read(exchange, rows)
    return f"{told.meaning} ({told.reason})" if told.reason is not None else str(told.meaning)
