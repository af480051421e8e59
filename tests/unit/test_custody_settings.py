"""Settings of custody rules: what they change, and that nothing unknown is taken."""

from dataclasses import replace

import pytest

from ledger.core.custody.findings import DAY_MS, HOUR_MS, RULES, Rule, Severity
from ledger.core.custody.fold import fold
from ledger.core.custody.ground import Ground
from ledger.core.custody.settings import DEFAULT_SETTINGS, RuleSettings, parse_rule_settings
from ledger.core.errors import MalformedError
from ledger.core.identifiers import party_key
from tests.custody_story import HOUR, histories, key, story, told

BORN = "MFG commission a"


def _ground(toml: str, hours: float = 10_000) -> Ground:
    return Ground(as_of_ms=round(hours * HOUR), settings=parse_rule_settings(toml.encode()))


def test_an_empty_file_is_the_table_of_rules() -> None:
    assert parse_rule_settings(b"") == DEFAULT_SETTINGS
    assert set(DEFAULT_SETTINGS.rules) == set(RULES)


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("rules = 1", "rules"),
        ("[rule.DOUBLE_SHIP]", "rule"),
        ("[rules.DOUBLE_SHIPS]", "rules.DOUBLE_SHIPS"),
        ("[rules.DOUBLE_SHIP]\ngrace = 1", "rules.DOUBLE_SHIP"),
        ("[rules.DOUBLE_SHIP]\nenabled = 1", "rules.DOUBLE_SHIP.enabled"),
        ('[rules.DOUBLE_SHIP]\nseverity = "urgent"', "rules.DOUBLE_SHIP.severity"),
        ("[rules.DOUBLE_SHIP]\ngrace_hours = -1", "rules.DOUBLE_SHIP.grace_hours"),
        ("[rules.DOUBLE_SHIP]\ngrace_hours = 100000", "rules.DOUBLE_SHIP.grace_hours"),
        ("[rules.DOUBLE_SHIP]\ngrace_hours = true", "rules.DOUBLE_SHIP.grace_hours"),
        ("[rules.DOUBLE_SHIP.partners]\n0399991999990 = 1", "rules.DOUBLE_SHIP.partners"),
        ("[travel]\nspeed = 1", "travel"),
        ('[travel]\nspeed_kmh = "fast"', "travel.speed_kmh"),
        ("[caps]\nevidence = 1", "caps.evidence"),
        ("[temperature.123]\nlow = 1\nhigh = 2", "temperature.123"),
        ("[temperature.00300011123454]\nlow = 1", "temperature.00300011123454"),
        ("[temperature.00300011123454]\nlow = 3\nhigh = 2", "temperature.00300011123454"),
        ("[temperature.00300011123454]\nlow = 1\nhigh = 2\nmax = 1", "temperature.00300011123454"),
        ("[rules", "rules"),
        ("\udcff", "rules"),
    ],
)
def test_what_is_not_known_is_refused_by_name(toml: str, named: str) -> None:
    with pytest.raises(MalformedError) as refused:
        parse_rule_settings(toml.encode("utf-8", "surrogateescape"))
    assert refused.value.field in (named, "rules file")


def test_a_rule_that_is_off_finds_nothing() -> None:
    lines = (BORN, "MFG ship a > WH1", "MFG ship a > WH2")
    off = _ground("[rules.DOUBLE_SHIP]\nenabled = false\n[rules.OVERDUE_RECEIPT]\nenabled = false")
    assert told(*lines, ground=off).findings == []


def test_severity_is_the_one_that_is_set() -> None:
    lines = (BORN, "MFG ship a > WH1", "MFG ship a > WH2")
    (found,) = told(*lines, ground=_ground('[rules.DOUBLE_SHIP]\nseverity = "low"', 5)).findings
    assert found.severity is Severity.LOW


def test_severity_of_an_item_that_nobody_commissioned_rises_after_the_grace() -> None:
    for hours, severity in ((72, Severity.MEDIUM), (72.1, Severity.HIGH)):
        outcome = told("@0 MFG observe a", ground=_ground("", hours))
        assert [one.severity for one in outcome.findings] == [severity]
        due = {key("a"): 72 * HOUR_MS + 1} if severity is Severity.MEDIUM else {}
        assert outcome.due == due


def test_a_receipt_waits_for_its_shipment_as_long_as_the_slowest_partner_may_take() -> None:
    steps = histories(story("@0 MFG commission a", "@1 WH1 receive a"))
    gln = "0399991999999"
    partner = party_key(f"/417/{gln}")
    renamed = {
        item: [s if s.log_index == 0 else replace(s, party=partner) for s in history]
        for item, history in steps.items()
    }
    rule = "rules.RECEIVE_WITHOUT_SHIP"
    toml = f'[{rule}]\ngrace_hours = 2\n[{rule}.partners]\n"{gln}" = 9'
    for hours, found in ((10, 0), (10.1, 1)):
        outcome = fold(renamed, renamed.keys(), ground=_ground(toml, hours))
        assert len(outcome.findings) == found
        assert bool(outcome.due) == (found == 0)
    assert len(told("@0 MFG commission a", "@1 WH1 receive a", ground=_ground(toml, 4)).findings)


def test_a_shipment_is_overdue_after_thirty_days_and_due_before() -> None:
    lines = ("@0 MFG commission a", "@1 MFG ship a > WH1")
    waiting = told(*lines, ground=_ground("", 30 * 24))
    assert (waiting.findings, waiting.due) == ([], {key("a"): HOUR_MS + 30 * DAY_MS + 1})
    late = told(*lines, ground=_ground("", 31 * 24))
    assert [one.code for one in late.findings] == [Rule.OVERDUE_RECEIPT]
    assert late.due == {}
    assert told(*lines, "@2 WH1 receive a", ground=_ground("", 31 * 24)).findings == []


def test_evidence_beyond_the_cap_keeps_the_first_and_the_last() -> None:
    lines = (BORN, *["MFG commission a"] * 9)
    (found,) = told(*lines, ground=_ground("[caps]\nevidence = 4")).findings
    assert found.evidence == (0, 1, 8, 9)


def test_digest_changes_with_every_setting() -> None:
    files = [
        "", "[rules.DOUBLE_SHIP]\nenabled = false", "[rules.DOUBLE_SHIP]\ngrace_hours = 1",
        '[rules.DOUBLE_SHIP]\nseverity = "low"', "[travel]\nslack_km = 1", "[caps]\nevidence = 9",
        '[rules.DOUBLE_SHIP.partners]\n"0399991999999" = 1',
        "[temperature.00300011123454]\nlow = 1\nhigh = 2",
    ]  # fmt: skip
    assert len({parse_rule_settings(one.encode()).digest() for one in files}) == len(files)
    assert RuleSettings().digest() == DEFAULT_SETTINGS.digest()
