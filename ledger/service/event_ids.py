"""EventIDs that are used again: by an error declaration, or by what should have had its own.

EPCIS 7.4.1.2: the declaration repeats its original in everything but the declaration, under the
same eventID, and only the submitter of the original may make it. Both stay in the log whatever is
found; where there is no eventID the CBV hash stands for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.core.epcis.finding import DocumentFinding, Severity
from ledger.service.ports import EventName, Namesakes

_RULE = "EPCIS 2.0 section 7.4.1.2"
_NONE = Namesakes(other=False, own=False, foreign=False)
_MEANINGS = {
    "EVENT_ID_REUSED": (
        Severity.HIGH,
        "Another event has this eventID, and this is no error declaration that repeats it.",
    ),
    "ERROR_DECLARATION_WITHOUT_ORIGINAL": (
        Severity.MEDIUM,
        "No event with this eventID is alike in everything but the error declaration.",
    ),
    "UNAUTHORISED_ERROR_DECLARATION": (
        Severity.CRITICAL,
        "Only the submitter of an event may declare it wrong.",
    ),
}


@dataclass(slots=True)
class EventIds:
    """What stands under which eventID: in the log, and in the batch so far."""

    known: Mapping[EventName, Namesakes] = field(default_factory=dict)
    _digests: dict[str, set[bytes]] = field(default_factory=dict)
    _alike: dict[tuple[str, bytes], set[bytes]] = field(default_factory=dict)

    def add(self, name: EventName) -> None:
        """Take in an event of this batch that declares no error."""
        self._digests.setdefault(name.event_id, set()).add(name.event_digest)
        self._alike.setdefault((name.event_id, name.event_hash), set()).add(name.party)

    def codes(self, name: EventName, *, declares_error: bool, has_id: bool) -> list[str]:
        """Return the codes of what is wrong with an event's name.

        Args:
            name: Of the event.
            declares_error: Whether it has an errorDeclaration.
            has_id: Whether its sender gave it an eventID; a hash that recurs is no reuse.
        """
        before = self.known.get(name, _NONE)
        digests = self._digests.get(name.event_id, ())
        parties = self._alike.get((name.event_id, name.event_hash), ())
        other = before.other or len(digests) > (name.event_digest in digests)
        own = before.own or name.party in parties
        if not declares_error:
            return ["EVENT_ID_REUSED"] if other and has_id else []
        if own:
            return []
        if before.foreign or parties:
            return ["UNAUTHORISED_ERROR_DECLARATION"]
        reused = ["EVENT_ID_REUSED"] if other and has_id else []
        return ["ERROR_DECLARATION_WITHOUT_ORIGINAL", *reused]


def name_finding(code: str, pointer: str, event_id: str, position: int) -> DocumentFinding:
    """Return the finding of a code that `EventIds.codes` gave."""
    severity, message = _MEANINGS[code]
    return DocumentFinding(
        code=code, severity=severity, pointer=f"{pointer}/eventID", value=event_id,
        message=message, rule=_RULE, event=position,
    )  # fmt: skip
