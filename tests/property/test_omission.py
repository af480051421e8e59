"""A maker who leaves something out of an honest bundle of any history is refused, or told on."""

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from unbroken_verifier.errors import StepError
from unbroken_verifier.identifiers import canonical_path, item_key
from unbroken_verifier.operation import Op
from unbroken_verifier.policy import Policy
from unbroken_verifier.report import Report
from unbroken_verifier.steps import verify_bundle
from unbroken_verifier.tree import leaf_hash

from ledger.core.jcs import canonical_json
from ledger.core.strict_json import parse_json
from tests.fakes.memory_log import MemoryLog
from tests.property.test_cross import (
    BOXES,
    BUYER,
    MAKER,
    OTHER,
    PACKS,
    SIGNER,
    Event,
    document_of,
    histories,
    things_of,
)


def logged(told: list[tuple[int, Event]]) -> MemoryLog:
    log = MemoryLog()
    for signer, gln in ((SIGNER, MAKER), (OTHER, BUYER)):
        log.register(signer, gln)
    for number, (who, event) in enumerate(told):
        log.submit(document_of([{**event, "ex:n": number}]), (SIGNER, OTHER)[who])
    log.publish()
    return log


def drawn(told: list[tuple[int, Event]], data: st.DataObject) -> Any:  # noqa: ANN401
    """The honest bundle of one thing of the history."""
    things = sorted({thing for _, event in told for thing in things_of(event)})
    return parse_json(logged(told).prove(data.draw(st.sampled_from(things))))


def without_idle_signers(bundle: Any) -> None:  # noqa: ANN401
    """Drop the chains and facts of parties that sign none of the events that are left."""
    parties = {bytes.fromhex(event["entry"])[36:68].hex() for event in bundle["events"]}
    for signer in (SIGNER, OTHER):
        party = signer.party.hex()
        if party in parties:
            continue
        facts = [one for one in bundle["facts"] if one["entry"][72:136] == party]
        gone = {one["index"] for one in facts}
        bundle["facts"] = [one for one in bundle["facts"] if one["index"] not in gone]
        bundle["chains"] = [one for one in bundle["chains"] if not gone & {*one["indexes"]}]


def refused(bundle: Any) -> str | None:  # noqa: ANN401
    """The step that refuses, if one does."""
    try:
        verify_bundle(canonical_json(bundle), policy=Policy())
    except StepError as error:
        return error.step
    return None


@settings(max_examples=100, deadline=None)
@given(histories(), st.data())
def test_an_entry_of_the_history_can_be_neither_dropped_nor_put_outside(
    told: list[tuple[int, Event]], data: st.DataObject
) -> None:
    bundle = drawn(told, data)
    assume(len(bundle["events"]) > 1)
    event = bundle["events"].pop(data.draw(st.integers(0, len(bundle["events"]) - 1)))
    without_idle_signers(bundle)
    assert refused(bundle) == "map"
    sketch = {"index": event["index"], "entry": event["entry"]}
    outside = sorted([*bundle.get("outside", []), sketch], key=lambda one: one["index"])
    assert refused({**bundle, "outside": outside}) in {"map", "scope", "items"}


@settings(max_examples=60, deadline=None)
@given(histories(), st.data())
def test_an_entry_that_is_blinded_is_told_or_refused(
    told: list[tuple[int, Event]], data: st.DataObject
) -> None:
    bundle = drawn(told, data)
    assume(len(bundle["events"]) > 1)
    event = bundle["events"].pop(data.draw(st.integers(0, len(bundle["events"]) - 1)))
    without_idle_signers(bundle)
    leaf = leaf_hash(bytes.fromhex(event["entry"])).hex()
    bundle["blinded"] = [{"index": event["index"], "leaf_hash": leaf}]
    report = Report()
    try:
        verify_bundle(canonical_json(bundle), policy=Policy(), report=report)
    except StepError:
        return
    assert any(f"index {event['index']}" in line for line in report.not_checked)


BOX: Event = {"type": "AggregationEvent", "parentID": BOXES[0]}
JOURNEY: list[Event] = [
    {**BOX, "action": "ADD", "childEPCs": [PACKS[0]]},
    {"type": "ObjectEvent", "action": "OBSERVE", "bizStep": "shipping", "epcList": [BOXES[0]]},
    {**BOX, "action": "DELETE"},
]


def at_time(second: int, event: Event) -> Event:
    return {**event, "eventTime": f"2026-01-01T00:00:{second:02}Z"}


def shown_in(bundle: Any, other: Any, index: int) -> Any:  # noqa: ANN401
    """An entry of another bundle, with the rows that name things of this one."""
    known = {bundle["item"], *bundle["containers"]}
    (event,) = (one for one in other["events"] if one["index"] == index)
    items = [one for one in event["items"] if one["item"] in known]
    rows = [
        row
        for row in event["rows"]
        if not row["pointer"].startswith("/epcList/")
        or canonical_path(parse_json(row["value"].encode())) in known  # type: ignore[arg-type]
    ]
    return {**event, "items": items, "rows": rows}


@settings(max_examples=100, deadline=None)
@given(histories(), st.data())
def test_what_happened_outside_the_stay_cannot_be_passed_off_as_the_items(
    told: list[tuple[int, Event]], data: st.DataObject
) -> None:
    times = data.draw(st.lists(st.integers(0, 30), min_size=3, max_size=3))
    journey = [at_time(time, event) for time, event in zip(times, JOURNEY, strict=True)]
    log = logged([*told, *((n % 2, event) for n, event in enumerate(journey))])
    bundle: Any = parse_json(log.prove(PACKS[0]))
    signers = {chain["key"] for chain in bundle["chains"]}
    sketches = [
        one
        for one in bundle.get("outside", [])
        if int(one["entry"][10:12], 16) not in {Op.PACK, Op.UNPACK}
        and one["entry"][72:136] in signers
    ]
    assume(sketches)
    index = data.draw(st.sampled_from(sketches))["index"]
    paths = {item_key(path).hex(): path for path in bundle["containers"]}
    container = next(
        paths[chain["key"]]
        for chain in bundle["chains"]
        if chain["key"] in paths and index in chain["indexes"]
    )
    event = shown_in(bundle, parse_json(log.prove(container)), index)
    bundle["outside"] = [one for one in bundle["outside"] if one["index"] != index]
    if not bundle["outside"]:
        del bundle["outside"]
    bundle["events"] = sorted([*bundle["events"], event], key=lambda one: one["index"])
    # Another maker leaves rows of this bundle's things out where they lie outside of its own.
    named = {item_key(one["item"]).hex() for one in event["items"]}
    chains = {chain["key"] for chain in bundle["chains"] if index in chain["indexes"]}
    assert refused(bundle) == ("scope" if named == chains else "map")
