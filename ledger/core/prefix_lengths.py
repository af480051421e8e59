"""Where company prefixes end, learnt from the EPC URNs that came along.

A GTIN or SSCC does not say how many of its digits are the company's; a URN does. GS1's table of
all prefixes is no part of this program, so a Digital Link becomes a URN only where another URN of
the same company was seen: in the same document or in master data.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from ledger.core.errors import MalformedError
from ledger.core.gs1_keys import URN_KEY_NAMES
from ledger.core.identifiers import canonical_path

# General Specifications section 1.4.4: company prefixes as EPC URNs write them.
MIN_PREFIX_DIGITS: Final = 6
MAX_PREFIX_DIGITS: Final = 12

_URN = re.compile(
    rf"urn:epc:(?:id|class|idpat):(?:{'|'.join(sorted(URN_KEY_NAMES))}):"
    rf"([0-9]{{{MIN_PREFIX_DIGITS},{MAX_PREFIX_DIGITS}}})\.",
    re.IGNORECASE | re.ASCII,
)


@dataclass(slots=True)
class PrefixLengths:
    """The company prefixes seen so far."""

    _seen: set[str] = field(default_factory=set)

    def learn(self, identifier: str) -> None:
        """Remember the company prefix of an EPC URN that fits its key; ignore all else."""
        urn = _URN.match(identifier)
        if urn is None or urn[1] in self._seen:
            return
        try:
            canonical_path(identifier)
        except MalformedError:
            return
        self._seen.add(urn[1])

    def length_of(self, digits: str) -> int | None:
        """Return how many of `digits` are the company prefix, None where it is not known.

        Args:
            digits: the body of a key, beginning with its company prefix.

        Two learnt prefixes that both fit contradict each other: no company's prefix begins with
        another's. Then nothing is known.
        """
        fitting = [
            length
            for length in range(MIN_PREFIX_DIGITS, MAX_PREFIX_DIGITS + 1)
            if len(digits) >= length and digits[:length] in self._seen
        ]
        return fitting[0] if len(fitting) == 1 else None
