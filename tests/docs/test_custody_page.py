"""docs/custody.md has a row for every rule, as the code has it, and its example is taken."""

import re
from pathlib import Path

from ledger.core.custody.findings import HOUR_MS, RULES, Rule, Severity
from ledger.core.custody.settings import RuleSettings, parse_rule_settings
from ledger.core.custody.state import Status

PAGE = (Path(__file__).resolve().parents[2] / "docs/custody.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (\w+) \| (\d+) h \| [^|]+ \| [^|]+ \|$", re.MULTILINE)


def test_every_rule_has_its_row_in_order_and_no_other_has() -> None:
    rows = [(code, severity, kind, int(hours)) for code, severity, kind, hours in ROW.findall(PAGE)]
    assert rows == [
        (rule.value, row.severity.value, row.finding_class.value, row.grace_ms // HOUR_MS)
        for rule, row in RULES.items()
    ]
    assert list(RULES) == list(Rule)


def test_every_status_has_its_row() -> None:
    states = PAGE.partition("## States")[2].partition("| condition |")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", states, re.MULTILINE)) == {one.value for one in Status}


def test_example_of_settings_is_taken_and_says_what_is_in_force() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    settings, standard = parse_rule_settings(example.encode()), RuleSettings()
    for name in ("speed_kmh", "slack_km", "apart_km", "evidence_cap", "findings_cap", "repeat_ms"):
        assert getattr(settings, name) == getattr(standard, name)
    assert settings.rules[Rule.DOUBLE_SHIP].severity is Severity.CRITICAL
    assert not settings.rules[Rule.OVERDUE_RECEIPT].enabled
