"""One answer as evidence, in few words: what the tables of what answers say are written with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from yarl import URL

from validator.evidence import Demand, Evidence, Exchange, Failure, Grant, Known, ManifestSeen, Opinion, OpinionSeen, Party, Step, Subject
from validator.protocol.errcode import BodyShape
from validator.verdict import Traits
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


HERE: Final = Demand(scheme="bearer", realm=URL("https://auth.reg.test/token"), service="reg.test")
ELSEWHERE: Final = replace(HERE, realm=URL("https://other.reg.test/token"))
ME, NOBODY, MADE_UP, CANARY = Party.SUBJECT, Party.ANONYMOUS, Party.CONTROL, Party.CANARY
PLAIN, BLIND = Traits(), Traits(scope_blind=True)


def said(step: str, status: int | None, shape: str = "E", code: str = "", party: Party = ME, **more: Any) -> Exchange:
    """An answer of the party's; of a login with 200, a token."""
    fields: dict[str, Any] = {"party": party, "authorized": party is not NOBODY, **more}
    if step in "LT" and status == 200:
        fields["token"] = "grant" not in more
    grant = fields.pop("grant", None)
    made = answer(step, status, shape, code, fields.pop("text", ""), **fields)
    return replace(made, grant=grant) if grant is not None else made


def ping(at: float = 0.0, demand: Demand | None = HERE, **more: Any) -> Exchange:
    """A cold ping's answer."""
    return replace(said("P", 401, party=NOBODY, at=at, **more), demand=demand)


def ev(*exchanges: Exchange, known: Known | None = None, **subject: Any) -> Evidence:
    return Evidence(Subject(host="reg.test", **{"repository": "team/app", **subject}), known or Known(), exchanges)


OK_H: Final[dict[str, Any]] = {"kind": "image", "shape": ""}
PUBLIC: Final = Traits(token_for_public_only=True)
N_T, N_H = said("T", 200, party=NOBODY), said("H", 200, party=NOBODY, authorized=True, **OK_H)
N_401: Final = said("H", 401, party=NOBODY, authorized=True)
KNOWS, AGREES, SILENT = (OpinionSeen(opinion=each) for each in (Opinion.KNOWS, Opinion.AGREES, Opinion.SILENT))


def told(opinion: OpinionSeen | None, party: Party = ME) -> Exchange:
    return Exchange(step=Step.OPINION, party=party, method="GET", url="https://api.test/", status=200, authorized=True, opinion=opinion)
