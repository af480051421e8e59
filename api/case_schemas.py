"""What answers about findings, cases and acts look like."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import ITEM, ItemFinding, PartyName, State

_ID, _HASH = "5f" * 16, "5f" * 32
_ADDRESS = "0x" + "a1" * 20
_AT = "2026-01-02T10:00:00.000Z"
CaseWord = Literal["open", "acknowledged", "assigned", "resolved", "closed"]
_FINDING: dict[str, Any] = {
    "code": "DOUBLE_SHIP", "severity": "high", "class": "suspicious", "evidence": [17, 23],
    "detail": "Shipped again with no receipt, void or return in between: 17, 23.",
    "item": ITEM, "item_key": _HASH,
}  # fmt: skip


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"example": value})


class CaseBrief(BaseModel):
    """The case of a finding; muted while `muted_until` is to come."""

    id: str
    state: CaseWord
    muted_until: str | None = None


class Closed(BaseModel):
    """When a finding went, as the log was then, and why."""

    index: int
    time: str
    reason: str


class Finding(ItemFinding):
    """A finding of some item; `opened_index` is the last entry that was integrated when it opened.

    `opened_index`, `changed_index` and `case` are missing where it is not of the log. One that is
    `closed` is told as it was then.
    """

    model_config = _example(
        {
            **_FINDING, "opened_index": 23, "opened_at": _AT, "changed_index": 23,
            "case": {"id": _ID, "state": "open"},
        }
    )  # fmt: skip
    item: str
    item_key: str
    backdated: bool | None = None
    opened_index: int | None = None
    opened_at: str | None = None
    changed_index: int | None = None
    closed: Closed | None = None
    case: CaseBrief | None = None


class Findings(BaseModel):
    """One page of findings; `next` is the `after` of the next page."""

    model_config = _example({"findings": [], "next": "5f5f.DOUBLE_SHIP"})
    findings: list[Finding]
    next: str | None = None


class Case(BaseModel):
    """What people made of one rule on one item.

    `opened_index` is where it began (anew), `changed_index` where it last changed: of an act its
    own index, of a finding the last that was integrated. The finding is told as it is, or as it
    was when it closed.
    """

    model_config = _example(
        {
            "id": _ID, "item": ITEM, "item_key": _HASH, "code": "DOUBLE_SHIP",
            "state": "assigned", "muted": False, "assignee": "Jo, Quality", "opened_index": 23,
            "changed_index": 31, "finding_open": True, "severity": "high", "class": "suspicious",
            "evidence": [17, 23], "detail": "Shipped again: 17, 23.",
        }
    )  # fmt: skip
    id: str
    item: str
    item_key: str
    code: str
    state: CaseWord
    muted: bool
    muted_until: str | None = None
    cause: str | None = None
    reason: str | None = None
    assignee: str | None = None
    opened_index: int
    changed_index: int
    finding_open: bool
    severity: str
    finding_class: str = Field(serialization_alias="class")
    evidence: list[int]
    detail: str


class Cases(BaseModel):
    """One page of cases; `next` is the `after` of the next page."""

    model_config = _example({"cases": [], "next": _ID})
    cases: list[Case]
    next: str | None = None


class CaseChange(BaseModel):
    """The finding of a case opened, changed or closed."""

    index: int
    change: Literal["opened", "changed", "closed"]
    evidence: list[int]
    reason: str | None = None


class CaseAct(BaseModel):
    """An act as the log has it: `entry` is its bytes, `leaf_hash` its place in the tree.

    One that is not `effective` changed nothing: its finding was not open, or not known yet.
    """

    index: int
    act: str
    time: str
    party: PartyName
    signer: str
    effective: bool
    note: str | None = None
    assignee: str | None = None
    cause: str | None = None
    until: str | None = None
    entry: str
    leaf_hash: str
    state: State


class CaseHistory(Case):
    """A case with what made it, both in the order of the log."""

    changes: list[CaseChange]
    acts: list[CaseAct]


class ActResult(BaseModel):
    """What became of one act, by its position from 0."""

    act: int
    verdict: Literal["accepted", "duplicate", "rejected"]
    code: str | None = None
    reason: str | None = None
    log_index: int | None = None
    state: State | None = None


class ActJob(BaseModel):
    """What became of a submission of acts; poll it until `running` is false."""

    model_config = _example(
        {
            "id": _ID, "created_at": _AT, "running": False, "success": True,
            "results": [{"act": 0, "verdict": "accepted", "log_index": 31, "state": "final"}],
        }
    )  # fmt: skip
    id: str
    created_at: str
    running: bool
    success: bool
    results: list[ActResult]


class StoredActs(BaseModel):
    """Acts that are stored durably; their job tells the rest."""

    model_config = _example({"id": _ID})
    id: str
