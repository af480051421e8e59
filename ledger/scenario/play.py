"""Plays a scenario: every submission signed, accepted, sequenced and integrated, as in a real log.

Deterministic: keys and secrets follow from names, and the sequencer's clock from the event times.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import text

from ledger.core.commitment import item_names
from ledger.core.custody.findings import Finding
from ledger.core.custody.settings import RuleSettings, parse_rule_settings
from ledger.core.entries import Address, FactEntry, Kind, Op, Z
from ledger.core.epcis.document import STANDARD_CONTEXT
from ledger.core.errors import LedgerError, MalformedError
from ledger.core.events import Event, operation
from ledger.core.facts import claim_key, key_added, key_revoked, party_added
from ledger.core.identifiers import canonical_path, party_key, party_path
from ledger.core.signatures import address_of
from ledger.core.submission import Signer, build_submission, format_submission
from ledger.core.tokens import hold_token
from ledger.scenario.script import OWN, Act, Scenario
from ledger.scenario.stage import Stage, Theatre
from ledger.service.accept import Acceptor
from ledger.service.look_up import MAX_PAGE
from ledger.store.read_store import SqlReadStore

HOUR_MS = 3_600_000
# A sequencer reads its clock after the events happened.
LAG_MS = 1_000
_CALENDAR = "9521234000006"  # a party nobody is: its fact makes the last clock entry
_RESULT = text("""
    SELECT r.verdict, r.log_index, r.code, r.reason FROM capture_results r
    JOIN submissions s ON s.id = r.submission_id WHERE s.digest = :digest
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What became of one submission; `summary` is for people."""

    number: int
    time_ms: int | None
    who: str
    summary: str
    verdict: str
    log_index: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An open finding; evidence are numbers of submissions, `log_indexes` those of the log."""

    finding: Finding
    item: str
    evidence: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a scenario came to; `broken` says which of its expectations do not hold."""

    scenario: Scenario
    acts: tuple[Played, ...]
    findings: tuple[Found, ...]
    broken: tuple[str, ...] = ()


def play(theatre: Theatre, scenario: Scenario) -> Outcome:
    """Play a scenario on a stage of its own.

    Raises:
        MalformedError: Its rules or an identifier in it cannot be read.
    """
    rules = parse_rule_settings(scenario.rules.encode()) if scenario.rules else RuleSettings()
    times = [act.time_ms for act in scenario.acts if act.time_ms is not None]
    start_ms = max(min(times, default=0) - HOUR_MS, 0)
    with theatre.stage(rules, start_ms) as stage:
        return _Play(stage, scenario, start_ms).run()


@dataclass(slots=True)
class _Play:
    stage: Stage
    scenario: Scenario
    clock_ms: int
    indexes: list[int | None] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)

    def run(self) -> Outcome:
        self._register()
        acts = tuple(self._act(i, act) for i, act in enumerate(self.scenario.acts))
        self._until_as_of()
        found = self._findings()
        return Outcome(
            scenario=self.scenario, acts=acts, findings=found, broken=_broken(self.scenario, found)
        )

    def _register(self) -> None:
        """Register every party of the scenario with its first key."""
        facts: list[FactEntry] = []
        submitters = (act.submitter for act in self.scenario.acts)
        for gln in dict.fromkeys([*(one.gln for one in self.scenario.sites.values()), *submitters]):
            path = _path(gln)
            registrar = self.stage.identity.registrar
            name = self._who(gln)
            facts += [party_added(self.clock_ms, registrar, path, name), self._key(gln, "")]
        self.stage.registrar.submit(facts, at_ms=self.clock_ms)
        self.stage.turn(self.clock_ms)

    def _key(self, gln: str, key: str) -> FactEntry:
        signer, identity = _signer(gln, key), self.stage.identity
        address = Address(address_of(signer.private_key))
        proof = claim_key(signer.private_key, identity, signer.party, address)
        return key_added(self.clock_ms, identity.registrar, signer.party, address, proof)

    def _act(self, number: int, act: Act) -> Played:
        # Later each time: a document that is sent again is signed again, and is no other event.
        self.clock_ms = max(self.clock_ms + 1, (act.time_ms or 0) + LAG_MS)
        try:
            verdict, index, reason = (
                self._event(act, act.event) if act.event is not None else self._fact(act)
            )
        except LedgerError as error:
            verdict, index, reason = "rejected", None, str(error)
        self.indexes.append(index)
        return Played(
            number=number, time_ms=act.time_ms, who=self._who(act.submitter),
            summary=_summary(act), verdict=verdict, log_index=index, reason=reason,
        )  # fmt: skip

    def _event(self, act: Act, event: Event) -> tuple[str, int | None, str]:
        document = orjson.dumps(self._document(event))
        signer = _signer(act.submitter, act.key)
        domain = self.stage.identity.domain()
        submission = build_submission(
            document, signer, domain, issued_at=self.clock_ms, spends=self._spends(act),
            lenient=True,
        )  # fmt: skip
        acceptor = Acceptor(
            identity=self.stage.identity, directory=self.stage.log.directory(),
            vault=self.stage.vault, log_id=domain.log_id, separator=domain.separator(),
        )  # fmt: skip
        accepted = acceptor.accept(
            format_submission(submission), document, "application/ld+json", at_ms=self.clock_ms
        )
        self.stage.log.add_submission(accepted)
        self.stage.turn(self.clock_ms)
        with self.stage.engine.connect() as connection:
            row = connection.execute(_RESULT, {"digest": accepted.digest}).one()
        return row.verdict, row.log_index, row.reason or ""

    def _document(self, event: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "@context": self.scenario.context or [STANDARD_CONTEXT],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-01-01T00:00:00Z",
            "epcisHeader": {"epcisMasterData": {"vocabularyList": [self._places()]}},
            "epcisBody": {"eventList": [event]},
        }

    def _places(self) -> dict[str, Any]:
        """Return coordinates as master data."""
        return {
            "type": "urn:epcglobal:epcis:vtype:BusinessLocation",
            "vocabularyElementList": [
                {
                    "id": site.sgln,
                    "attributes": [
                        {"id": "cbvmda:latitude", "attribute": str(site.lat)},
                        {"id": "cbvmda:longitude", "attribute": str(site.lon)},
                    ],
                }
                for site in self.scenario.sites.values()
                if site.lat is not None and site.lon is not None
            ],
        }

    def _spends(self, act: Act) -> dict[int, dict[int, bytes]]:
        """Return the tokens of a shipping that makes claims."""
        if act.claim is None or act.event is None:
            return {}
        origin = Z if act.claim == OWN else self._leaf(int(act.claim))
        return {0: {i: hold_token(name.item_key, origin)
                    for i, name in enumerate(item_names(act.event)) if name.role <= 2}}  # noqa: PLR2004  # fmt: skip

    def _leaf(self, number: int) -> bytes:
        index = self.indexes[number] if 0 <= number < len(self.indexes) else None
        if index is None:
            raise MalformedError("claim", "is the number of an earlier logged submission", number)
        with self.stage.engine.connect() as connection:
            return bytes(
                connection.execute(
                    text("SELECT leaf_hash FROM log_entries WHERE log_index = :i"), {"i": index}
                ).scalar_one()
            )

    def _fact(self, act: Act) -> tuple[str, int | None, str]:
        registrar, signer = self.stage.identity.registrar, _signer(act.submitter, act.key)
        address = Address(address_of(signer.private_key))
        if act.fact == "add_key":
            fact = self._key(act.submitter, act.key)
        elif act.fact == "revoke_key":
            fact = key_revoked(self.clock_ms, registrar, signer.party, address, "compromised")
        else:
            fact = FactEntry(
                kind=Kind.PARTY, time_ms=self.clock_ms, signer=registrar, party=signer.party,
                payload={"fact": act.fact},
            )  # fmt: skip
        self.stage.registrar.submit([fact], at_ms=self.clock_ms)
        before = self.stage.log.state().sequenced
        self.stage.turn(self.clock_ms)
        return "accepted", before + 1, ""

    def _until_as_of(self) -> None:
        """Let the clock run to the moment that is asked about."""
        as_of = max(self.scenario.as_of_ms(), self.clock_ms)
        registrar = self.stage.identity.registrar
        fact = party_added(as_of, registrar, _path(_CALENDAR), "Calendar")
        self.stage.registrar.submit([fact], at_ms=as_of)
        self.stage.turn(as_of)

    def _findings(self) -> tuple[Found, ...]:
        number_of = {index: i for i, index in reversed(list(enumerate(self.indexes)))}
        store, found, after = SqlReadStore(self.stage.engine), list[Found](), (b"", "")
        while page := store.findings(code=None, item=None, after=after, limit=MAX_PAGE):
            after = (page[-1].finding.item, page[-1].finding.code)
            found += [
                Found(
                    finding=one.finding,
                    item=one.path,
                    evidence=tuple(number_of[i] for i in one.finding.evidence if i in number_of),
                )
                for one in page
            ]
        return tuple(sorted(found, key=lambda one: (one.evidence[-1:], one.item, one.finding.code)))

    def _who(self, gln: str) -> str:
        return next((one.name for one in self.scenario.sites.values() if one.gln == gln), gln)


def _path(gln: str) -> str:
    return party_path(f"https://id.gs1.org/417/{gln}")


def _signer(gln: str, key: str) -> Signer:
    def secret(what: str) -> bytes:
        return hashlib.sha256(f"scenario/{what}/{gln}/{key}".encode()).digest()

    party_secret = hashlib.sha256(f"scenario/secret/{gln}".encode()).digest()
    return Signer(private_key=secret("key"), party=party_key(_path(gln)), party_secret=party_secret)


def _summary(act: Act) -> str:
    if act.event is None:
        return f"{act.fact} {act.key}".strip()
    try:
        op = operation(act.event, Z).op
        names = item_names(act.event)
    except MalformedError as error:
        return str(error)
    first = names[0].path if names else ""
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{op.name if op is not Op.OTHER else act.event.get('type')} {first}{more}"


def _broken(scenario: Scenario, found: tuple[Found, ...]) -> tuple[str, ...]:
    """Return what a scenario expects and did not get."""
    if not scenario.expects:
        return ()
    broken = []
    for wanted in scenario.must_flag:
        path = canonical_path(wanted.item)
        if not any(
            one.item == path and one.finding.code == wanted.rule
            and wanted.caused_by in one.evidence
            for one in found
        ):  # fmt: skip
            broken.append(f"{wanted.rule} on {path} by submission {wanted.caused_by} is missing")
    quiet = {canonical_path(item) for item in scenario.must_not_flag}
    broken += [
        f"{one.finding.code} on {one.item} should not be there"
        for one in found
        if one.item in quiet or not scenario.must_flag
    ]
    return tuple(broken)
