"""The built-in stories: eight of them, each with what it must find and nothing else."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from ledger.core.gs1_keys import check_digit
from ledger.scenario.script import OWN, Scenario, read_scenario

Members = dict[str, Any]

_PREFIX = "9521234"  # GS1's prefix 952 is kept for demonstrations: no real company has it
_START = datetime.fromisoformat("2026-03-02T08:00:00+00:00")
_CONTEXT = [
    "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
    {"cbvmda": "urn:epcglobal:cbv:mda:"},
]
_CITIES = {
    "MAKER": (1, 52.52, 13.40),  # Berlin
    "WHOLESALER": (3, 50.11, 8.68),  # Frankfurt
    "SECOND WHOLESALER": (6, 48.86, 2.35),  # Paris
    "PHARMACY": (4, 48.14, 11.58),  # Munich
    "FAR PHARMACY": (7, 38.72, -9.14),  # Lisbon
}
PACK = f"urn:epc:id:sgtin:{_PREFIX}.010001.P1"
OTHER = f"urn:epc:id:sgtin:{_PREFIX}.010001.P2"
CASE = f"urn:epc:id:sscc:{_PREFIX}.1000000001"
GTIN = "09521234100010"
LOT, EXPIRY = "UB2601", "2028-06-30"


def _gln(number: int) -> str:
    body = f"{_PREFIX}{number:05d}"
    return body + check_digit(body)


def _site(name: str) -> Members:
    number, lat, lon = _CITIES[name]
    code = f"{_PREFIX}.{number:05d}"
    return {
        "gln": _gln(number), "sgln": f"urn:epc:id:sgln:{code}.0", "pgln": f"urn:epc:id:pgln:{code}",
        "lat": lat, "lon": lon,
    }  # fmt: skip


def _submit(hours: float, who: str, kind: str, action: str, step: str, **members: Any) -> Members:  # noqa: ANN401
    """Return a submission of one event at the submitter's own site."""
    site = _site(who)
    event = {
        "type": kind,
        "eventTime": (_START + timedelta(hours=hours)).isoformat(timespec="milliseconds"),
        "eventTimeZoneOffset": "+00:00",
        "action": action,
        "bizStep": step,
        "readPoint": {"id": site["sgln"]},
        **members,
    }
    return {"submitter": site["gln"], "site": who, "event": event}


def _commission(*items: str) -> Members:
    return _submit(
        0, "MAKER", "ObjectEvent", "ADD", "commissioning", disposition="active",
        epcList=[*items], bizLocation={"id": _site("MAKER")["sgln"]},
        ilmd={"cbvmda:lotNumber": LOT, "cbvmda:itemExpirationDate": EXPIRY},
    )  # fmt: skip


def _seen(hours: float, who: str, step: str, *items: str, **members: Any) -> Members:  # noqa: ANN401
    return _submit(hours, who, "ObjectEvent", "OBSERVE", step, epcList=[*items], **members)


def _ship(hours: float, who: str, to: str, *items: str, claim: str | int | None = None) -> Members:
    made = _seen(
        hours, who, "shipping", *items, disposition="in_transit",
        sourceList=[{"type": "owning_party", "source": _site(who)["pgln"]}],
        destinationList=[{"type": "owning_party", "destination": _site(to)["pgln"]}],
        bizTransactionList=[
            {"type": "po", "bizTransaction": f"urn:epc:id:gdti:{_PREFIX}.00001.{to[:1]}{hours:.0f}"}
        ],
    )  # fmt: skip
    return made if claim is None else {**made, "claim": claim}


def _receive(hours: float, who: str, *items: str) -> Members:
    return _seen(hours, who, "receiving", *items, disposition="in_progress")


def _dispense(hours: float, who: str, *items: str) -> Members:
    return _seen(hours, who, "dispensing", *items, disposition="dispensed")


def _packed(hours: float, action: str, *items: str, who: str = "MAKER") -> Members:
    step = "packing" if action == "ADD" else "unpacking"
    return _submit(hours, who, "AggregationEvent", action, step, parentID=CASE, childEPCs=[*items])


def _scenario(
    name: str, title: str, story: Sequence[str], submissions: Sequence[Members],
    must_flag: Sequence[tuple[str, str, int]] = (), quiet: Sequence[str] = (), **members: Any,  # noqa: ANN401
) -> Scenario:  # fmt: skip
    flags = [{"epc": i, "rule": rule, "caused_by_submission": n} for i, rule, n in must_flag]
    return read_scenario(
        {
            "id": name, "name": title, "story": [*story], "@context": _CONTEXT,
            "sites": {city: _site(city) for city in _CITIES},
            "submissions": [*submissions], "must_flag": flags, "must_not_flag": [*quiet],
            **members,
        }
    )  # fmt: skip


def clean_journey() -> Scenario:
    """Everything right: nothing is found."""
    return _scenario(
        "clean-journey", "A clean journey",
        ["Two packs go from their maker in a case to a wholesaler, one of them on to a pharmacy",
         "and a patient. Everybody reports what they do. Nothing is found."],
        [
            _commission(PACK, OTHER), _packed(1, "ADD", PACK, OTHER),
            _ship(4, "MAKER", "WHOLESALER", CASE), _receive(24, "WHOLESALER", CASE),
            _packed(26, "DELETE", PACK, OTHER, who="WHOLESALER"),
            _ship(48, "WHOLESALER", "PHARMACY", PACK), _receive(72, "PHARMACY", PACK),
            _dispense(96, "PHARMACY", PACK),
        ],
        quiet=[PACK, OTHER, CASE],
    )  # fmt: skip


def clone_in_two_cities() -> Scenario:
    """A copied serial is dispensed in Munich and, an hour later, in Lisbon."""
    return _scenario(
        "clone-in-two-cities", "A clone in two cities",
        ["The pack is dispensed in Munich. An hour later a pharmacy in Lisbon, 1,970 km away,",
         "dispenses the same serial: one of the two packs is a copy."],
        [
            _commission(PACK, OTHER), _ship(4, "MAKER", "PHARMACY", PACK),
            _receive(24, "PHARMACY", PACK), _dispense(48, "PHARMACY", PACK),
            _dispense(49, "FAR PHARMACY", PACK),
        ],
        [(PACK, "DOUBLE_DISPENSE", 4), (PACK, "IMPOSSIBLE_TRAVEL", 4)], [OTHER],
    )  # fmt: skip


def double_sale() -> Scenario:
    """One pack sold to two owners, with one token: proven by two signatures."""
    return _scenario(
        "double-sale", "A double sale",
        ["The maker sells one pack twice, and signs both times that it spends the same claim.",
         "The two signatures alone prove it, to anybody, without the ledger."],
        [
            _commission(PACK, OTHER), _ship(4, "MAKER", "WHOLESALER", PACK, claim=OWN),
            _ship(6, "MAKER", "SECOND WHOLESALER", PACK, claim=OWN),
            _receive(30, "WHOLESALER", PACK),
        ],
        [(PACK, "DOUBLE_SPEND", 2), (PACK, "DOUBLE_SHIP", 2)], [OTHER],
    )  # fmt: skip


def lost_case() -> Scenario:
    """A case leaves and arrives nowhere."""
    return _scenario(
        "lost-case", "A lost case",
        ["A case is shipped. Five weeks later nobody has received it."],
        [
            _commission(PACK, OTHER), _packed(1, "ADD", PACK, OTHER),
            _ship(4, "MAKER", "WHOLESALER", CASE),
        ],
        [(CASE, "OVERDUE_RECEIPT", 2)], [PACK, OTHER], as_of_days=35,
    )  # fmt: skip


def wrong_receiver() -> Scenario:
    """Somebody else receives what was addressed to the wholesaler."""
    return _scenario(
        "wrong-receiver", "The wrong receiver",
        ["The maker ships to Frankfurt. A wholesaler in Paris says that it received the pack."],
        [
            _commission(PACK, OTHER), _ship(4, "MAKER", "WHOLESALER", PACK),
            _receive(30, "SECOND WHOLESALER", PACK),
        ],
        [(PACK, "RECEIVE_BY_WRONG_PARTY", 2)], [OTHER],
    )  # fmt: skip


def excursion() -> Scenario:
    """A cold pack warms up on its way."""
    sensors = [
        {
            "sensorMetadata": {"startTime": _at(10), "endTime": _at(16)},
            "sensorReport": [
                {"type": "Temperature", "minValue": 4.8, "maxValue": 14.2, "uom": "CEL"}
            ],
        }
    ]
    return _scenario(
        "excursion", "A temperature excursion",
        ["The product must stay between 2 and 8 degrees Celsius, for an hour at most outside.",
         "On the road its logger reads up to 14.2 degrees over six hours."],
        [
            _commission(PACK, OTHER), _ship(4, "MAKER", "WHOLESALER", PACK),
            _seen(16, "WHOLESALER", "arriving", PACK, sensorElementList=sensors),
            _receive(24, "WHOLESALER", PACK),
        ],
        [(PACK, "TEMPERATURE_EXCURSION", 2)], [OTHER], rules=EXCURSION_RULES,
    )  # fmt: skip


EXCURSION_RULES = f"[temperature.{GTIN}]\nlow = 2.0\nhigh = 8.0\nallowed_minutes = 60\n"


def _at(hours: float) -> str:
    return (_START + timedelta(hours=hours)).isoformat(timespec="milliseconds")


def recall() -> Scenario:
    """A recalled pack is shipped all the same."""
    return _scenario(
        "recall", "A recall",
        ["The maker recalls the pack while the wholesaler has it. The wholesaler ships it on."],
        [
            _commission(PACK, OTHER), _ship(4, "MAKER", "WHOLESALER", PACK),
            _receive(24, "WHOLESALER", PACK),
            _seen(30, "MAKER", "holding", PACK, disposition="recalled"),
            _ship(48, "WHOLESALER", "PHARMACY", PACK),
        ],
        [(PACK, "RECALLED_SHIPPED", 4)], [OTHER],
    )  # fmt: skip


def key_stolen() -> Scenario:
    """A thief signs with the maker's key until it is revoked."""
    revoke = {"submitter": _gln(1), "site": "MAKER", "fact": "revoke_key"}
    renew = {"submitter": _gln(1), "site": "MAKER", "fact": "add_key", "key": "second"}
    after = _ship(56, "MAKER", "WHOLESALER", OTHER, claim=OWN)
    return _scenario(
        "key-stolen", "A stolen key",
        ["The maker sells a pack to Frankfurt. A thief with its key sells it to Paris as well:",
         "the key is shown to have signed both. It is revoked; what the thief signs next is",
         "refused, and the maker goes on with a new key."],
        [
            _commission(PACK, OTHER), _ship(4, "MAKER", "WHOLESALER", PACK, claim=OWN),
            _ship(5, "MAKER", "SECOND WHOLESALER", PACK, claim=OWN),
            revoke, _ship(50, "MAKER", "FAR PHARMACY", OTHER, claim=OWN), renew,
            {**after, "key": "second"}, _receive(80, "WHOLESALER", PACK, OTHER),
        ],
        [(PACK, "DOUBLE_SPEND", 2), (PACK, "DOUBLE_SHIP", 2)], [OTHER],
    )  # fmt: skip


STORIES: dict[str, Callable[[], Scenario]] = {
    "clean-journey": clean_journey,
    "clone-in-two-cities": clone_in_two_cities,
    "double-sale": double_sale,
    "lost-case": lost_case,
    "wrong-receiver": wrong_receiver,
    "excursion": excursion,
    "recall": recall,
    "key-stolen": key_stolen,
}
