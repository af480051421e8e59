"""Who may sign when: the facts of a log, replayed (formats section 6).

A key is valid for an entry if and only if the last fact about it, and the last one about its party,
with a smaller log index leave it active. Facts are signed by the registrar, whom the last registrar
entry with a smaller index names, or else the genesis entry.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.core.entries import Address, FactEntry, Kind
from ledger.core.errors import NotPermittedError
from ledger.core.facts import LogIdentity, erased_index, fact_bytes, verify_fact

# The open end of a span: past every log index.
FOREVER = sys.maxsize

Spans = Mapping[bytes, tuple[tuple[int, int], ...]]
"""By signer20 || party32, which are bytes 16 to 67 of an entry: spans (start, end) of log indexes,
both excluded, in which that key may sign for that party."""

Registrars = tuple[tuple[int, Address], ...]
"""Each registrar with the index behind which it signs facts, in order; -1 of the genesis one."""


def registrar_at(registrars: Registrars, index: int) -> Address:
    """Return who signs the fact at a log index."""
    return next(address for since, address in reversed(registrars) if since < index)


@dataclass(slots=True)
class Rights:
    """Parties and keys as the facts so far leave them, and when each key could sign.

    `erased` has the index of its tombstone by that of an erased event; whether an event stands at
    the latter is for those to check who have the entries.
    """

    identity: LogIdentity
    parties: dict[bytes, bool] = field(default_factory=dict)
    paths: dict[bytes, tuple[str, str]] = field(default_factory=dict)
    keys: dict[Address, tuple[bytes, bool]] = field(default_factory=dict)
    erased: dict[int, int] = field(default_factory=dict)
    _registrars: list[tuple[int, Address]] = field(default_factory=list)
    _spans: dict[bytes, list[tuple[int, int]]] = field(default_factory=dict)

    def apply(self, index: int, fact: FactEntry) -> None:
        """Take one fact, in order of index.

        Raises:
            LedgerError: The sequencer would have refused the fact.
        """
        registrar = self.registrars()[-1][1]
        verify_fact(fact, self.identity, self.identity.domain().separator(), registrar)
        touched: list[Address] = []
        if fact.kind == Kind.REGISTRAR:
            self._registrars.append((index, Address(fact_bytes(fact.payload, "registrar", 20))))
        elif fact.kind == Kind.TOMBSTONE:
            self._erase(index, erased_index(fact))
        elif fact.kind == Kind.PARTY:
            self._apply_party(fact)
            touched = [key for key, (party, _) in self.keys.items() if party == fact.party]
        else:
            touched = [self._apply_key(fact)]
        for address in touched:
            self._turn(index, address)

    def spans(self) -> Spans:
        """Return when each key could sign."""
        return {name: tuple(spans) for name, spans in self._spans.items()}

    def registrars(self) -> Registrars:
        """Return who signed facts from where on."""
        return ((-1, self.identity.registrar), *self._registrars)

    def _erase(self, index: int, erased: int) -> None:
        if erased >= index or erased in self.erased:
            raise NotPermittedError("a tombstone names an earlier event, and one that none named")
        self.erased[erased] = index

    def _apply_party(self, fact: FactEntry) -> None:
        what = fact.payload["fact"]
        if (fact.party in self.parties) == (what == "add"):
            raise NotPermittedError("a party is added once, and before it is suspended")
        self.parties[fact.party] = what != "suspend"
        if what == "add":
            self.paths[fact.party] = (str(fact.payload["path"]), str(fact.payload["name"]))

    def _apply_key(self, fact: FactEntry) -> Address:
        address = Address(fact_bytes(fact.payload, "address", 20))
        owner = self.keys.get(address)
        if fact.party not in self.parties:
            raise NotPermittedError("the party of a key is added first")
        if owner is None and fact.payload["fact"] != "add":
            raise NotPermittedError("a key is added before it is revoked")
        if owner is not None and owner[0] != fact.party:
            raise NotPermittedError("an address belongs to one party for ever")
        self.keys[address] = (fact.party, fact.payload["fact"] == "add")
        return address

    def _turn(self, index: int, address: Address) -> None:
        """Open or close the span of a key when its right changed at index."""
        party, active = self.keys[address]
        spans = self._spans.setdefault(address + party, [])
        is_open = bool(spans) and spans[-1][1] == FOREVER
        may = active and self.parties[party]
        if may and not is_open:
            spans.append((index, FOREVER))
        elif is_open and not may:
            spans[-1] = (spans[-1][0], index)
