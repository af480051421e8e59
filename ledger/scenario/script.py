"""Scenario files: who submits which event in which order, and what must be found.

The format is that of the public clone scenarios, JSON: `id`, `name`, `sites` (name: gln, sgln,
pgln, lat, lon), `submissions`, `must_flag`, `must_not_flag`, `note`, `@context`. Ours are further
members, each optional: of the file `rules` (TOML of the custody rules) and `as_of_days`; of a
submission `key` (the name of a second key of its party), `claim` (which token its shipping
spends: "own", or the number of the submission that handed the items over before) and, instead of an
event, `fact` (`add_key`, `revoke_key`, `suspend` or `resume`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from ledger.core.custody.findings import Rule
from ledger.core.errors import LimitError, MalformedError
from ledger.core.events import Event, event_time_ms
from ledger.core.identifiers import gln_path
from ledger.core.strict_json import JsonValue, parse_json

DAY_MS = 86_400_000
# What custody shall look like is asked a week after the last event: grace times have ended.
AS_OF_DAYS = 7
# A story is read by people; a million submissions are a load test.
MAX_SUBMISSIONS = 10_000
_FACTS = ("add_key", "revoke_key", "suspend", "resume")
OWN = "own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place and its party; coordinates in degrees."""

    name: str
    gln: str
    sgln: str
    pgln: str
    lat: float | None = None
    lon: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One submission: an event, or a fact of the registrar about its party."""

    submitter: str
    event: Event | None = None
    fact: str | None = None
    key: str = ""
    claim: str | int | None = None
    time_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MustFlag:
    """A finding that must be open in the end, with an entry of that submission as evidence."""

    item: str
    rule: str
    caused_by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A story and what must come of it; `expects` tells whether the file says so."""

    id: str
    name: str
    note: str
    context: JsonValue
    sites: Mapping[str, Site]
    acts: tuple[Act, ...]
    must_flag: tuple[MustFlag, ...] = ()
    must_not_flag: tuple[str, ...] = ()
    expects: bool = False
    rules: str = ""
    as_of_days: int = AS_OF_DAYS
    story: tuple[str, ...] = field(default=())

    def as_of_ms(self) -> int:
        """Return when custody is judged: some days after the last event."""
        times = [act.time_ms for act in self.acts if act.time_ms is not None]
        return max(times, default=0) + self.as_of_days * DAY_MS


def parse_scenario(raw: bytes) -> Scenario:
    """Read a scenario file.

    Raises:
        MalformedError: A member is missing or of another form; names it.
        LimitError: There are too many submissions.
    """
    value = parse_json(raw)
    if not isinstance(value, dict):
        raise MalformedError("scenario", "is an object")
    return read_scenario(value)


def read_scenario(value: Mapping[str, Any]) -> Scenario:
    """Read a scenario from its JSON; raises as parse_scenario."""
    submissions = _member(value, "submissions", list)
    if len(submissions) > MAX_SUBMISSIONS:
        raise LimitError("submissions", f"at most {MAX_SUBMISSIONS}", len(submissions))
    sites = _member(value, "sites", dict, {})
    flagged, count = _member(value, "must_flag", list, []), len(submissions)
    return Scenario(
        id=_member(value, "id", str),
        name=_member(value, "name", str, ""),
        note=_member(value, "note", str, ""),
        context=value.get("@context", []),
        sites={name: _site(name, one) for name, one in sites.items()},
        acts=tuple(_act(f"submissions[{i}]", one) for i, one in enumerate(submissions)),
        must_flag=tuple(_must_flag(f"must_flag[{i}]", one, count) for i, one in enumerate(flagged)),
        must_not_flag=tuple(_member(value, "must_not_flag", list, [])),
        expects="must_flag" in value,
        rules=_member(value, "rules", str, ""),
        as_of_days=_member(value, "as_of_days", int, AS_OF_DAYS),
        story=tuple(_member(value, "story", list, [])),
    )


def _site(name: str, value: object) -> Site:
    place = f"sites.{name}"
    one = _object(place, value)
    return Site(
        name=name,
        gln=_gln(one, "gln", place),
        sgln=_member(one, "sgln", str, place=place),
        pgln=_member(one, "pgln", str, place=place),
        lat=_degrees(one.get("lat"), f"{place}.lat", 90),
        lon=_degrees(one.get("lon"), f"{place}.lon", 180),
    )


def _degrees(value: object, field_name: str, most: int) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > most:
        raise MalformedError(field_name, f"is a number from -{most} to {most}", value)
    return float(value)


def _act(place: str, value: object) -> Act:
    one = _object(place, value)
    fact, event = one.get("fact"), one.get("event")
    if fact is not None and fact not in _FACTS:
        raise MalformedError(f"{place}.fact", f"is one of {', '.join(_FACTS)}", fact)
    if (fact is None) == (event is None):
        raise MalformedError(place, "has an event, or a fact")
    claim = one.get("claim")
    if claim is not None and claim != OWN and (isinstance(claim, bool) or type(claim) is not int):
        raise MalformedError(f"{place}.claim", "is `own` or the number of a submission", claim)
    return Act(
        submitter=_gln(one, "submitter", place),
        event=None if event is None else cast("Event", _object(f"{place}.event", event)),
        fact=cast("str | None", fact),
        key=_member(one, "key", str, "", place=place),
        claim=claim,
        time_ms=_time(f"{place}.event", event),
    )


def _time(place: str, event: object) -> int | None:
    if not isinstance(event, dict):
        return None
    try:
        return event_time_ms(event.get("eventTime"))
    except MalformedError as error:
        raise MalformedError(f"{place}.eventTime", error.rule, event.get("eventTime")) from error


def _gln(members: Mapping[str, Any], name: str, place: str) -> str:
    gln: str = _member(members, name, str, place=place)
    try:
        gln_path(gln)
    except MalformedError as error:
        raise MalformedError(f"{place}.{name}", f"is a GLN: {error.rule}", gln) from error
    return gln


def _must_flag(place: str, value: object, submissions: int) -> MustFlag:
    one = _object(place, value)
    rule = _member(one, "rule", str, place=place)
    if rule not in set(Rule):
        raise MalformedError(f"{place}.rule", "is a rule of docs/custody.md", rule)
    caused_by = _member(one, "caused_by_submission", int, place=place)
    if not 0 <= caused_by < submissions:
        field_name, last = f"{place}.caused_by_submission", submissions - 1
        raise MalformedError(field_name, f"is the number of a submission, 0 to {last}", caused_by)
    return MustFlag(
        item=_member(one, "epc", str, place=place),
        rule=rule,
        caused_by=caused_by,
    )


def _object(place: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedError(place, "is an object", value)
    return value


def _member(
    members: Mapping[str, Any],
    name: str,
    kind: type,
    default: Any = None,  # noqa: ANN401 -- of that kind, or none
    place: str = "",
) -> Any:  # noqa: ANN401 -- of the kind that was asked for
    field_name = f"{place}.{name}" if place else name
    value = members.get(name, default)
    if value is None or not isinstance(value, kind) or isinstance(value, bool):
        rule = "is missing" if value is None else f"is {kind.__name__}"
        raise MalformedError(field_name, rule, value)
    return value
