"""What cases need from the outside, and the values they answer with."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from ledger.core.cases import Case, CaseState, Change
from ledger.core.entries import decode_fact


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedChange:
    """A change of a finding with its place among all changes."""

    seq: int
    item_key: bytes
    code: str
    change: Change


class CaseRow(NamedTuple):
    """A case under its name."""

    id: bytes
    item_key: bytes
    code: str
    case: Case


class ActRow(NamedTuple):
    """An act that was applied, and whether its case changed."""

    log_index: int
    case_id: bytes
    effective: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What is told of a case; `index` and the entry's payload where it is an act."""

    kind: str
    row: CaseRow
    index: int
    entry: bytes | None = None


def case_news(news: News, path: str) -> dict[str, Any]:
    """Return what a message tells: the case, and of an act who did it, by which entry."""
    case = news.row.case
    members: dict[str, Any] = {
        "case": news.row.id.hex(), "item": path, "item_key": news.row.item_key.hex(),
        "code": news.row.code, "state": case.state.value, "index": news.index,
        "cause": case.cause and case.cause.value, "assignee": case.assignee,
        "muted_until": case.muted_until,
    }  # fmt: skip
    if news.entry is not None:
        entry = decode_fact(news.entry)
        members |= {
            "party": entry.party.hex(), "signer": f"0x{entry.signer.hex()}",
            "note": entry.payload.get("note"),
        }  # fmt: skip
    return {name: value for name, value in members.items() if value is not None}


class CaseTransaction(Protocol):
    """The cases' part of an integration transaction."""

    def progress(self) -> tuple[int, int]:
        """Return the last change, and the index below which acts, are in the cases."""
        ...

    def changes(self, after: int) -> list[NotedChange]:
        """Return changes of findings behind one, in order."""
        ...

    def acts(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Return acts with indexes [start, end), by index."""
        ...

    def cases(self, ids: Collection[bytes]) -> dict[bytes, Case]:
        """Return those cases that there are."""
        ...

    def write_cases(
        self, cases: Collection[CaseRow], acts: Sequence[ActRow], changes_to: int, acts_to: int
    ) -> None:
        """Write cases and acts, and how far they go."""
        ...

    def announce(self, news: Sequence[News]) -> None:
        """Tell feeds, in the same commit."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingFilter:
    """Which findings; None is any. `since` is a log index, `case` a state or "muted"."""

    code: str | None = None
    finding_class: str | None = None
    severity: str | None = None
    item: bytes | None = None
    party: bytes | None = None
    since: int | None = None
    case: str | None = None
    at_ms: int = 0


class Closed(NamedTuple):
    """When and why a finding went."""

    log_index: int
    ms: int
    reason: str


class CaseBrief(NamedTuple):
    """A case beside its finding."""

    id: bytes
    state: CaseState
    muted_until: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFinding:
    """A finding, open or as it was when it closed; `id` is None for an open one that is listed.

    One that is not of the log has no indexes.
    """

    path: str
    item_key: bytes
    code: str
    severity: str
    finding_class: str
    detail: str
    evidence: Sequence[int]
    backdated: bool = False
    id: int | None = None
    opened_index: int | None = None
    opened_ms: int | None = None
    changed_index: int | None = None
    closed: Closed | None = None
    case: CaseBrief | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldChange:
    """One change as the stream tells it."""

    seq: int
    index: int
    kind: str
    reason: str | None
    finding: ListedFinding


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCase:
    """A case with the path of its item; severity and the like are those of its last finding."""

    row: CaseRow
    path: str
    finding_open: bool
    severity: str
    finding_class: str
    detail: str
    evidence: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAct:
    """An act as it stands in the log."""

    index: int
    entry: bytes
    leaf_hash: bytes
    effective: bool
    party_path: str | None
    party_name: str | None


class ActResult(NamedTuple):
    """What became of one act of a submission."""

    position: int
    verdict: str
    log_index: int | None
    code: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActJob:
    """What became of a submission of acts."""

    digest: bytes
    created_ms: int
    running: bool
    results: Sequence[ActResult]


class Guesses(NamedTuple):
    """Failing look-ups of one product within an hour."""

    gtin: str
    failures: int
    requestors: int


class CaseStore(Protocol):
    """What is read of findings and cases; every method sees the database at one instant."""

    def open_findings(
        self, wanted: FindingFilter, after: tuple[bytes, str], limit: int
    ) -> list[ListedFinding]:
        """Return open findings by (item key, code), from behind `after`."""
        ...

    def past_findings(
        self, wanted: FindingFilter, *, closed_only: bool, after: int, limit: int
    ) -> list[ListedFinding]:
        """Return every time that a finding was open, in the order of opening."""
        ...

    def changes_to(self) -> int:
        """Return the last change that is in the cases."""
        ...

    def change_before(self, index: int, *, seen: bool) -> int:
        """Return the last change of an index, or below.

        With `seen`, later finds of the same index are not counted: their reader cannot tell.
        """
        ...

    def told_changes(
        self, wanted: FindingFilter, after: int, up_to: int, limit: int
    ) -> list[ToldChange]:
        """Return changes behind `after` up to one, in order."""
        ...

    def listed_cases(
        self, wanted: FindingFilter, after: bytes, limit: int, only: bytes | None = None
    ) -> list[ListedCase]:
        """Return cases by id, from behind `after`; `only` is the id of a single one."""
        ...

    def case_changes(self, item_key: bytes, code: str, limit: int) -> list[NotedChange]:
        """Return the last changes of the finding of a case, in order."""
        ...

    def case_acts(self, case_id: bytes, limit: int) -> list[ShownAct]:
        """Return the last acts on a case, by index, whether or not it changed."""
        ...

    def act_job(self, job_id: bytes) -> ActJob | None:
        """Return the job whose submission digest begins with job_id."""
        ...

    def guesses(self, since_ms: int, least: int, limit: int) -> list[Guesses]:
        """Return products with that many failing look-ups in a window, from one on.

        So many of that product; or so many by one requestor, of whatever products.
        """
        ...

    def add_guesses(
        self, failures: Mapping[tuple[int, str, bytes], int], forget_before_ms: int
    ) -> None:
        """Add failing look-ups by (window, product, requestor), and forget old windows."""
        ...


class AuditedAct(NamedTuple):
    """An act of the log as the cases have it."""

    log_index: int
    entry: bytes
    effective: bool


class AuditedCase(NamedTuple):
    """A case as it is stored, None for acts without one, and what makes it."""

    id: bytes
    case: Case | None
    changes: list[Change]
    acts: list[AuditedAct]
    finding_open: bool


class CaseAudit(Protocol):
    """What is read of one snapshot."""

    def audited_cases(self) -> Iterator[AuditedCase]:
        """Yield every case, and every name that acts were applied to, by id."""
        ...

    def stray_cases(self) -> list[tuple[int | None, str]]:
        """Return (index, sentence) of acts and findings that the cases lack, or have too many."""
        ...
