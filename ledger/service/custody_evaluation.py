"""Evaluates items from what a store reads: the same for integration and for an audit."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger.core.custody.findings import Finding
from ledger.core.custody.fold import fold
from ledger.core.custody.ground import Ground, Place
from ledger.core.custody.packers import shipped_by_others
from ledger.core.custody.quantities import class_findings, party_sums
from ledger.core.custody.settings import RuleSettings
from ledger.core.custody.state import ItemState
from ledger.core.custody.stays import stays
from ledger.core.custody.steps import Step
from ledger.service.custody_places import place_paths
from ledger.service.custody_ports import StayRow

Histories = Mapping[bytes, Sequence[Step]]


class CustodyReader(Protocol):
    """Reads what an evaluation is made from."""

    def histories(self, keys: Iterable[bytes], end: int) -> dict[bytes, list[Step]]:
        """Return all steps below end of items and, recursively, of containers that held them."""
        ...

    def parties_inside(self, containers: Collection[bytes], end: int) -> dict[bytes, set[bytes]]:
        """Return, by container, who issued, got or gave what entries below end packed into it."""
        ...

    def class_histories(self, keys: Collection[bytes], end: int) -> dict[bytes, list[Step]]:
        """Return all steps below end of classes, each with the quantity that it states of its."""
        ...

    def unjudged(self, keys: Collection[bytes]) -> set[bytes]:
        """Return the keys that custody rules do not judge: classes, assets and foreign names."""
        ...

    def places(self, paths: Iterable[str]) -> dict[str, tuple[float, float]]:
        """Return latitude and longitude of the places among paths that have them."""
        ...

    def products(self, keys: Collection[bytes]) -> dict[bytes, str]:
        """Return the GTIN-14 of the items among keys that have one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What the log says of items; `due` is later than the time that they were evaluated at."""

    histories: Histories
    states: dict[bytes, ItemState]
    due: dict[bytes, int]
    findings: list[Finding]
    stays: list[StayRow]


def evaluate(
    reader: CustodyReader, keys: Collection[bytes], end: int, as_of_ms: int, rules: RuleSettings
) -> Evaluated:
    """Evaluate items by the entries below end, as of a clock entry."""
    histories = reader.histories(keys, end)
    ground = _ground(reader, histories, keys, end, as_of_ms, rules)
    outcome = fold(histories, keys, frozenset(), ground)
    # Names of those alone that a rule speaks of are looked up: there are few.
    spoken_of = outcome.due.keys() | {one.item for one in outcome.findings}
    unjudged = reader.unjudged(spoken_of) if spoken_of else set()
    return Evaluated(
        histories=histories,
        states=outcome.states,
        due={
            key: at for key, at in outcome.due.items() if at > as_of_ms and key not in unjudged
        },
        findings=[one for one in outcome.findings if one.item not in unjudged],
        stays=[
            StayRow(
                one.child, one.from_index, one.parent, one.from_ms, one.to_index, one.to_ms,
                one.is_followed,
            )
            for one in stays(histories, keys)
        ],
    )  # fmt: skip


def evaluate_class(
    reader: CustodyReader, key: bytes, end: int, as_of_ms: int, rules: RuleSettings
) -> tuple[Histories, list[Finding]]:
    """Return the steps of a class below end, and the findings of its balance."""
    history = reader.class_histories([key], end)
    ground = Ground(as_of_ms=as_of_ms, settings=rules)
    return history, class_findings(key, party_sums(key, history.get(key, [])), ground)


def _ground(
    reader: CustodyReader, histories: Histories, keys: Collection[bytes], end: int,
    as_of_ms: int, rules: RuleSettings,
) -> Ground:  # fmt: skip
    said = {
        id(step.facts): step.facts for steps in histories.values() for step in steps if step.facts
    }
    places = reader.places(
        {path for facts in said.values() if facts.place for path in place_paths(facts.place)}
    )
    is_warm = rules.temperatures and any(facts.readings for facts in said.values())
    boxes = shipped_by_others(histories)
    return Ground(
        as_of_ms=as_of_ms,
        settings=rules,
        contents=reader.parties_inside(boxes, end) if boxes else {},
        places={path: Place(*at) for path, at in places.items()},
        products=reader.products(keys) if is_warm else {},
    )
