"""What a format cannot hold, as a writer finds it out."""

from typing import Final

from ledger.core.epcis.finding import Severity
from ledger.core.epcis.finding_list import FindingList
from ledger.core.strict_json import JsonValue

LOST: Final = "LOST_IN_CONVERSION"


class Losses(FindingList):
    """Collects what is left out, by pointer into the JSON form."""

    def lose(self, pointer: str, message: str, value: JsonValue = None) -> None:
        """Say that a value is left out, or kept in another form."""
        shown = value if isinstance(value, (str, int, float)) else None
        self.add(LOST, pointer, message, value=shown, severity=Severity.LOW)


def below(pointer: str, name: str) -> str:
    """Return the pointer of a member (RFC 6901 section 4)."""
    return f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
