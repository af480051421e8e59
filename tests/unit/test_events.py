"""What an event means: the table "Operation" of docs/spec/event.md, row by row."""

import itertools
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.entries import Op, Z
from ledger.core.errors import MalformedError
from ledger.core.events import Event, event_time_ms, operation
from ledger.core.identifiers import party_key
from ledger.core.strict_json import JsonValue

PAGE = Path(__file__).parents[2] / "docs" / "spec" / "event.md"
WHEN = "2026-01-01T00:00:00Z"
SELF = bytes([1]) * 32
STEP_SPELLINGS = (
    "",
    "urn:epcglobal:cbv:bizstep:",
    "https://ref.gs1.org/cbv/BizStep-",
    "https://ns.gs1.org/voc/Bizstep-",
)
PLACE_SPELLINGS = ("", "urn:epcglobal:cbv:sdt:", "https://ref.gs1.org/cbv/SDT-")
OBJECT, AGGREGATION, TRANSACTION = "ObjectEvent", "AggregationEvent", "TransactionEvent"
Case = tuple[int, Op, int, Event]


def of(kind: str, action: str | None = None, step: str | None = None, **more: JsonValue) -> Event:
    event: Event = {"type": kind, "eventTime": WHEN, **more}
    if action is not None:
        event["action"] = action
    if step is not None:
        event["bizStep"] = step
    return event


CASES: list[Case] = [
    (1, Op.VOID, 1, of(OBJECT, "ADD", errorDeclaration={"declarationTime": WHEN})),
    (1, Op.VOID, 1, of("TransformationEvent", errorDeclaration=None)),
    (1, Op.VOID, 1, of(AGGREGATION, "DELETE", errorDeclaration={})),
    (1, Op.VOID, 1, of(OBJECT, "OBSERVE", "void_shipping", errorDeclaration={})),
    (2, Op.VOID, 0, of(OBJECT, "OBSERVE", "void_shipping")),
    (2, Op.VOID, 0, of(AGGREGATION, "DELETE", "void_shipping")),
    (2, Op.VOID, 0, of("TransformationEvent", None, "void_shipping")),
    (3, Op.TRANSFORM, 0, of("TransformationEvent")),
    (3, Op.TRANSFORM, 0, of("TransformationEvent", "DELETE", "shipping")),
    (4, Op.OTHER, 0, of("AssociationEvent", "ADD", "shipping")),
    (4, Op.OTHER, 0, of("QuantityEvent", "ADD")),
    (5, Op.PACK, 0, of(AGGREGATION, "ADD", "shipping")),
    (5, Op.PACK, 0, of(AGGREGATION, "ADD")),
    (6, Op.UNPACK, 0, of(AGGREGATION, "DELETE", childEPCs=["x"])),
    (6, Op.UNPACK, 0, of(AGGREGATION, "DELETE", childQuantityList=[{"epcClass": "x"}])),
    (6, Op.UNPACK, 0, of(AGGREGATION, "DELETE", childEPCs=[], childQuantityList=[{}])),
    (6, Op.UNPACK, 2, of(AGGREGATION, "DELETE")),
    (6, Op.UNPACK, 2, of(AGGREGATION, "DELETE", childEPCs=[], childQuantityList=[])),
    (7, Op.COMMISSION, 0, of(OBJECT, "ADD", "shipping")),
    (7, Op.COMMISSION, 0, of(OBJECT, "ADD")),
    (8, Op.DISPENSE, 0, of(OBJECT, "DELETE", "dispensing")),
    (8, Op.DISPENSE, 0, of(OBJECT, "DELETE", "retail_selling")),
    (9, Op.DESTROY, 0, of(OBJECT, "DELETE", "destroying")),
    (10, Op.DECOMMISSION, 0, of(OBJECT, "DELETE", "shipping")),
    (10, Op.DECOMMISSION, 0, of(OBJECT, "DELETE", "decommissioning")),
    (10, Op.DECOMMISSION, 0, of(OBJECT, "DELETE")),
    *(
        (row, op, 0, of(kind, action, step))
        for row, op, steps in (
            (11, Op.HANDOFF, ("shipping", "consigning")),
            (12, Op.RECEIVE, ("receiving", "accepting")),
            (13, Op.DISPENSE, ("dispensing", "retail_selling")),
            (14, Op.DESTROY, ("destroying",)),
            (15, Op.DECOMMISSION, ("decommissioning",)),
            (16, Op.OBSERVE, ("storing", "Shipping", "shipping ", "departing")),
        )
        for step in steps
        for kind, action in (
            (OBJECT, "OBSERVE"),
            (AGGREGATION, "OBSERVE"),
            (TRANSACTION, "ADD"),
            (TRANSACTION, "OBSERVE"),
            (TRANSACTION, "DELETE"),
        )
    ),
    (16, Op.OBSERVE, 0, of(OBJECT, "OBSERVE")),
]


def spelt(event: Event) -> list[Event]:
    """The event with its bizStep in every spelling; a word that is none stays itself."""
    step = event.get("bizStep")
    if not isinstance(step, str):
        return [event]
    return [{**event, "bizStep": prefix + step} for prefix in STEP_SPELLINGS]


@pytest.mark.parametrize("case", CASES, ids=[f"row {case[0]}-{n}" for n, case in enumerate(CASES)])
def test_the_first_row_that_fits_decides(case: Case) -> None:
    _, op, flags, event = case
    for one in spelt(event):
        said = operation(one, SELF)
        assert (said.op, said.flags) == (op, flags), one


def test_every_row_of_the_page_is_tried() -> None:
    rows = re.findall(r"^\| ([0-9]+) \| .* \| ([A-Z]+)[^|]* \|$", PAGE.read_text(), re.MULTILINE)
    table = {int(row): op for row, op in rows if op != op.lower()}
    assert {row: op.name for row, op, _, _ in CASES} == table
    assert list(table) == list(range(1, 17))


@pytest.mark.parametrize("step", [7, None, ["shipping"], {}, True], ids=repr)
def test_a_step_that_is_no_text_is_none(step: JsonValue) -> None:
    assert operation({**of(OBJECT, "OBSERVE"), "bizStep": step}, SELF).op == Op.OBSERVE


@pytest.mark.parametrize("prefix", ["urn:epcglobal:cbv:sdt:", "https://ref.gs1.org/cbv/SDT-", "x:"])
def test_a_step_of_another_vocabulary_is_no_step(prefix: str) -> None:
    assert operation(of(OBJECT, "OBSERVE", prefix + "shipping"), SELF).op == Op.OBSERVE


GOOD_TIMES = {
    "the epoch": ("1970-01-01T00:00:00Z", 0),
    "the epoch elsewhere": ("1970-01-01T05:30:00+05:30", 0),
    "the epoch the day before": ("1969-12-31T22:00:00-02:00", 0),
    "tenths": ("1970-01-01T00:00:00.1Z", 100),
    "hundredths": ("1970-01-01T00:00:00.12Z", 120),
    "further digits cut off": ("1970-01-01T00:00:00.123999999Z", 123),
    "a fraction of zero": ("1970-01-01T00:00:00.0000Z", 0),
    "leap day": ("2024-02-29T12:00:00Z", 1_709_208_000_000),
    "leap day of a century": ("2000-02-29T00:00:00Z", 951_782_400_000),
    "minus zero": ("2026-01-01T00:00:00-00:00", 1_767_225_600_000),
    "as far east as it goes": ("2026-01-01T14:00:00+14:00", 1_767_225_600_000),
    "as far west as it goes": ("2025-12-31T10:00:00-14:00", 1_767_225_600_000),
    "odd minutes": ("2026-01-01T13:59:00+13:59", 1_767_225_600_000),
    "the last second": ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
}

BAD_TIMES: dict[str, JsonValue] = {
    "the year 10000 in UTC": "9999-12-31T23:59:59-14:00",
    "nothing": None,
    "a number": 1_767_225_600,
    "empty": "",
    "no zone": "2026-01-01T00:00:00",
    "no seconds": "2026-01-01T00:00Z",
    "date only": "2026-01-01",
    "a space": "2026-01-01 00:00:00Z",
    "small t": "2026-01-01t00:00:00Z",
    "small z": "2026-01-01T00:00:00z",
    "space before": " 2026-01-01T00:00:00Z",
    "line feed behind": "2026-01-01T00:00:00Z\n",
    "no fraction behind the point": "2026-01-01T00:00:00.Z",
    "a comma": "2026-01-01T00:00:00,5Z",
    "basic form": "20260101T000000Z",
    "a week": "2026-W01-1T00:00:00Z",
    "five digits of year": "12026-01-01T00:00:00Z",
    "a sign": "+2026-01-01T00:00:00Z",
    "30 February": "2026-02-30T00:00:00Z",
    "29 February of no leap year": "2100-02-29T00:00:00Z",
    "month 13": "2026-13-01T00:00:00Z",
    "month 0": "2026-00-01T00:00:00Z",
    "day 0": "2026-01-00T00:00:00Z",
    "year 0": "0000-01-01T00:00:00Z",
    "hour 24": "2026-01-01T24:00:00Z",
    "minute 60": "2026-01-01T00:60:00Z",
    "a leap second": "2016-12-31T23:59:60Z",
    "zone beyond 14 hours": "2026-01-01T00:00:00+14:01",
    "zone of 15 hours": "2026-01-01T00:00:00-15:00",
    "zone with 60 minutes": "2026-01-01T00:00:00+01:60",
    "zone without colon": "2026-01-01T00:00:00+0100",
    "zone with seconds": "2026-01-01T00:00:00+01:00:00",
    "zone of hours only": "2026-01-01T00:00:00+01",
    "a zone's name": "2026-01-01T00:00:00UTC",
    "two zones": "2026-01-01T00:00:00Z+01:00",
    "a minus that is no hyphen": "2026-01-01T00:00:00\u221201:00",
    "full-width digits": "\uff12026-01-01T00:00:00Z",
    "before 1970": "1969-12-31T23:59:59.999Z",
    "before 1970 by its zone": "1970-01-01T00:00:00+00:01",
}


@pytest.mark.parametrize(("text", "milliseconds"), GOOD_TIMES.values(), ids=GOOD_TIMES)
def test_a_time_is_milliseconds_since_1970(text: str, milliseconds: int) -> None:
    assert event_time_ms(text) == milliseconds


@pytest.mark.parametrize("text", BAD_TIMES.values(), ids=BAD_TIMES)
def test_a_time_of_another_form_is_refused(text: JsonValue) -> None:
    with pytest.raises(MalformedError) as refused:
        operation({**of(OBJECT, "ADD"), "eventTime": text}, SELF)
    assert refused.value.field == "eventTime"


@given(
    st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(9998, 12, 31)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
)
def test_any_time_is_that_of_the_calendar(local: datetime, offset: int) -> None:
    aware = local.replace(tzinfo=timezone(timedelta(minutes=offset)))
    exact = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert event_time_ms(aware.isoformat()) == exact


ONE, TWO = "urn:epc:id:pgln:4012345.00000", "https://id.gs1.org/417/0614141000005"
ONE_KEY, TWO_KEY = party_key("/417/4012345000009"), party_key("/417/0614141000005")
OWNER, HOLDER = "owning_party", "possessing_party"


def to(*named: tuple[str, str]) -> Event:
    places: list[JsonValue] = [{"type": kind, "destination": party} for kind, party in named]
    return of(OBJECT, "OBSERVE", "shipping", destinationList=places)


RECIPIENTS: dict[str, tuple[Event, bytes, bytes, bytes]] = {
    "none": (of(OBJECT, "OBSERVE"), SELF, Z, Z),
    "an empty list": (to(), SELF, Z, Z),
    "an owner": (to((OWNER, ONE)), SELF, ONE_KEY, Z),
    "a holder": (to((HOLDER, TWO)), SELF, Z, TWO_KEY),
    "both": (to((OWNER, ONE), (HOLDER, TWO)), SELF, ONE_KEY, TWO_KEY),
    "a place": (to(("location", ONE)), SELF, Z, Z),
    "several owners": (to((OWNER, ONE), (OWNER, TWO)), SELF, Z, Z),
    "one owner in two spellings": (
        to((OWNER, ONE), (OWNER, "https://id.gs1.org/417/4012345000009")), SELF, ONE_KEY, Z,
    ),
    "a party as PGLN and as SGLN": (
        to((OWNER, ONE), (OWNER, "urn:epc:id:sgln:4012345.00000.7")), SELF, ONE_KEY, Z,
    ),
    "itself": (to((OWNER, ONE), (HOLDER, TWO)), ONE_KEY, Z, TWO_KEY),
    "itself and another": (to((OWNER, ONE), (OWNER, TWO)), ONE_KEY, Z, Z),
    "no GS1 party": (to((OWNER, "did:web:a")), SELF, party_key("uri:did:web:a"), Z),
    "a type that is no text": (
        of(OBJECT, "OBSERVE", destinationList=[{"type": 7, "destination": ONE}]), SELF, Z, Z,
    ),
    "sources do not receive": (
        of(OBJECT, "OBSERVE", sourceList=[{"type": OWNER, "source": ONE}]), SELF, Z, Z,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("event", "me", "owner", "holder"), RECIPIENTS.values(), ids=RECIPIENTS)
def test_the_recipient_is_the_one_other_party_named(
    event: Event, me: bytes, owner: bytes, holder: bytes
) -> None:
    said = operation(event, me)
    assert (said.to_owner, said.to_possessor) == (owner, holder)


@pytest.mark.parametrize(
    ("one", "other"), list(itertools.product(PLACE_SPELLINGS, repeat=2)), ids=range(9)
)
def test_a_party_role_is_compared_as_a_bare_word(one: str, other: str) -> None:
    said = operation(to((one + OWNER, ONE), (other + HOLDER, TWO)), SELF)
    assert (said.to_owner, said.to_possessor) == (ONE_KEY, TWO_KEY)
    twice = operation(to((one + OWNER, ONE), (other + OWNER, TWO)), SELF)
    assert twice.to_owner == Z


def test_a_party_role_of_another_vocabulary_is_none() -> None:
    assert operation(to(("urn:epcglobal:cbv:bizstep:owning_party", ONE)), SELF).to_owner == Z


MISSHAPEN: dict[str, JsonValue] = {
    "an object": {"type": OWNER, "destination": ONE},
    "null": None,
    "texts": [ONE],
    "no destination": [{"type": OWNER}],
    "a destination that is no text": [{"type": "location", "destination": 1}],
    "a malformed party": [{"type": OWNER, "destination": "urn:epc:id:pgln:1"}],
}


@pytest.mark.parametrize("places", MISSHAPEN.values(), ids=MISSHAPEN)
def test_destinations_of_another_shape_are_refused(places: JsonValue) -> None:
    with pytest.raises(MalformedError):
        operation(of(OBJECT, "OBSERVE", destinationList=places), SELF)
