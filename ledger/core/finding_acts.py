"""Acts on findings: what a party says of a case, as a signed entry (docs/spec/entry.md, kind 7).

Nobody closes a case quietly: an act is an entry of the log like any other, with signer and index.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ledger.core.commitment import SECRET_LENGTH
from ledger.core.custody.findings import Rule
from ledger.core.entries import Address, FactEntry, Kind
from ledger.core.errors import MalformedError
from ledger.core.facts import LogIdentity, facts_digest
from ledger.core.identifiers import canonical_path
from ledger.core.signatures import address_of, sign
from ledger.core.strict_json import JsonValue
from ledger.core.submission import DOC_SALT_LENGTH, SignedEvent, Submission, format_submission

# A sentence, not a report: the report lies where the note points to.
MAX_TEXT = 200
# A mute that outlives its reason hides the next incident; a year is one audit cycle.
MAX_MUTE_MS = 365 * 86_400_000


class Act(StrEnum):
    """What can be done with a case."""

    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    RESOLVE = "resolve"
    MUTE = "mute"
    UNMUTE = "unmute"
    REOPEN = "reopen"


class Cause(StrEnum):
    """Why a finding was there, as the party that resolves it found."""

    SCANNER_ERROR = "scanner_error"
    LATE_DATA = "late_data"
    DATA_ERROR = "data_error"
    SUPPLIER_ERROR = "supplier_error"
    DUPLICATE_TRANSMISSION = "duplicate_transmission"
    RETURNED_UNRECORDED = "returned_unrecorded"
    COUNTERFEIT = "counterfeit"
    THEFT = "theft"
    DIVERSION = "diversion"
    OTHER = "other"


_NEEDS = {Act.ASSIGN: "assignee", Act.RESOLVE: "cause", Act.MUTE: "until"}
_ALWAYS = frozenset(["act", "item", "code"])


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingAct:
    """One act: on the case of an item, by its canonical path, and a rule.

    An assign has an assignee, a resolve a cause, a mute its end in ms since 1970; no other act has.
    """

    act: Act
    item: str
    code: str
    note: str | None = None
    assignee: str | None = None
    cause: Cause | None = None
    until: int | None = None

    def payload(self) -> dict[str, JsonValue]:
        """Return the members of the entry's payload."""
        members: dict[str, JsonValue] = {
            "act": self.act.value, "item": self.item, "code": self.code, "note": self.note,
            "assignee": self.assignee, "cause": self.cause and self.cause.value,
            "until": self.until,
        }  # fmt: skip
        return {name: value for name, value in members.items() if value is not None}

    def entry(self, time_ms: int, signer: Address, party: bytes) -> FactEntry:
        """Return the entry; the party acts, with a key of its own.

        Raises:
            MalformedError: A member breaks its rule.
        """
        entry = FactEntry(
            kind=Kind.FINDING_ACT, time_ms=time_ms, signer=signer, party=party,
            payload=self.payload(),
        )  # fmt: skip
        parse_finding_act(entry)
        return entry


def submit_acts(
    private_key: bytes, party: bytes, identity: LogIdentity, acts: Sequence[FindingAct], at_ms: int
) -> bytes:
    """Return acts as one submission, signed by a key of the party that acts.

    Raises:
        MalformedError: A member breaks its rule.
    """
    signer = address_of(private_key)
    entries = [act.entry(at_ms, signer, party).encode() for act in acts]
    signature = sign(private_key, facts_digest(identity, entries, at_ms))
    events = [SignedEvent(entry=one, event_secret=bytes(SECRET_LENGTH)) for one in entries]
    return format_submission(
        Submission(
            events=events, doc_salt=bytes(DOC_SALT_LENGTH), issued_at=at_ms, signature=signature
        )
    )


def parse_finding_act(entry: FactEntry) -> FindingAct:
    """Read the payload of a finding act.

    Raises:
        MalformedError: Another kind, or a member is missing, unknown or breaks its rule.
    """
    if entry.kind != Kind.FINDING_ACT:
        raise MalformedError("kind", "is a finding act", entry.kind)
    payload = entry.payload
    act = Act(_word(payload, "act", Act))
    _verify_members(payload, act)
    return FindingAct(
        act=act,
        item=_item(payload["item"]),
        code=_word(payload, "code", Rule),
        note=_text(payload, "note"),
        assignee=_text(payload, "assignee"),
        cause=Cause(_word(payload, "cause", Cause)) if "cause" in payload else None,
        until=_until(payload["until"], entry.time_ms) if "until" in payload else None,
    )


def _verify_members(payload: dict[str, JsonValue], act: Act) -> None:
    needed = _ALWAYS | ({_NEEDS[act]} if act in _NEEDS else set())
    missing, unknown = needed - payload.keys(), payload.keys() - needed - {"note"}
    if missing or unknown:
        rule = f"of {act.value} has the members {', '.join(sorted(needed))}, and may have a note"
        raise MalformedError("payload", rule, ", ".join(sorted(payload)))


def _word(payload: dict[str, JsonValue], name: str, words: Iterable[StrEnum]) -> str:
    value, known = payload.get(name), [word.value for word in words]
    if not isinstance(value, str) or value not in known:
        raise MalformedError(name, f"is one of {', '.join(known)}", value)
    return value


def _text(payload: dict[str, JsonValue], name: str) -> str | None:
    if name not in payload:
        return None
    text = payload[name]
    if not isinstance(text, str) or not 0 < len(text) <= MAX_TEXT:
        raise MalformedError(name, f"1 to {MAX_TEXT} characters", text)
    # Attack: control and format characters command a terminal, or turn what stands beside them.
    if not text.isprintable():
        raise MalformedError(name, "has printable characters only", text)
    return text


def _item(path: JsonValue) -> str:
    """Return a path that is what its own identifier yields; refuse any other spelling."""
    rule = "is a canonical path"
    if not isinstance(path, str) or not path.startswith(("/", "uri:")):
        raise MalformedError("item", rule, path)
    identifier = f"https://id.gs1.org{path}" if path[0] == "/" else path.removeprefix("uri:")
    if canonical_path(identifier) != path:
        raise MalformedError("item", rule, path)
    return path


def _until(until: JsonValue, time_ms: int) -> int:
    if not isinstance(until, int) or isinstance(until, bool):
        raise MalformedError("until", "is ms since 1970", until)
    if not time_ms < until <= time_ms + MAX_MUTE_MS:
        raise MalformedError("until", "is after the act's time, by a year at most", until)
    return until
