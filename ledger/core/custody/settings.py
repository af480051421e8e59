"""Settings of the custody rules: severities, grace times, limits; read from a TOML file.

What is not set is as in the table of rules. A name that is not known is refused: a misspelt rule
would stay silent for ever.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ledger.core.custody.findings import DAY_MS, HOUR_MS, RULES, Rule, RuleRow, Severity
from ledger.core.errors import MalformedError
from ledger.core.identifiers import party_key, party_path

# A grace beyond a year is a rule switched off; `enabled = false` says so openly.
MAX_GRACE_MS: Final = 366 * DAY_MS
MAX_PARTNERS: Final = 10_000
MAX_PRODUCTS: Final = 100_000
_ABSOLUTE_ZERO: Final = -273.15
_GTIN_LENGTH: Final = 14
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSetting:
    """How one rule is used; `partners` = grace by party key, the longest of those concerned."""

    enabled: bool = True
    severity: Severity
    grace_ms: int
    partners: Mapping[bytes, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemperatureLimit:
    """What a product bears, degrees Celsius, and how long it may be outside of it."""

    low: float
    high: float
    allowed_ms: int = 0


def _default(row: RuleRow) -> RuleSetting:
    return RuleSetting(severity=row.severity, grace_ms=row.grace_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSettings:
    """Everything that can be set about custody rules.

    `speed_kmh` and `slack_km` bound honest travel: an airliner, and places that stand for whole
    sites. `apart_km`: nearer than this, two places count as one site. `repeat_ms`: a repeat at
    one place within it is procedural. `evidence_cap`: log indexes kept per finding, the first
    and the last ones; `findings_cap`: open findings of one rule that one entry may cause.
    """

    rules: Mapping[Rule, RuleSetting] = field(
        default_factory=lambda: {rule: _default(row) for rule, row in RULES.items()}
    )
    speed_kmh: float = 900.0
    slack_km: float = 200.0
    apart_km: float = 1.0
    repeat_ms: int = DAY_MS
    evidence_cap: int = 50
    findings_cap: int = 1_000
    temperatures: Mapping[str, TemperatureLimit] = field(default_factory=dict)

    def grace(self, rule: Rule, *parties: bytes) -> int:
        """Return the longest grace of rule that one of parties has, else the rule's own."""
        setting = self.rules[rule]
        own = [setting.partners[one] for one in parties if one in setting.partners]
        return max(own) if own else setting.grace_ms

    def digest(self) -> bytes:
        """Return 32 bytes that change whenever a setting does."""
        rules = sorted(
            (
                rule.value,
                one.enabled,
                one.severity.value,
                one.grace_ms,
                sorted(one.partners.items()),
            )
            for rule, one in self.rules.items()
        )
        products = sorted(
            (gtin, one.low, one.high, one.allowed_ms) for gtin, one in self.temperatures.items()
        )
        numbers = (
            self.speed_kmh, self.slack_km, self.apart_km, self.repeat_ms, self.evidence_cap,
            self.findings_cap,
        )  # fmt: skip
        return hashlib.sha256(repr((rules, products, numbers)).encode()).digest()


DEFAULT_SETTINGS: Final = RuleSettings()

_Table = dict[str, object]


def parse_rule_settings(toml: bytes) -> RuleSettings:
    """Read the file of rule settings (docs/custody.md).

    Raises:
        MalformedError: No TOML, or a table, rule, field or value that is not known.
    """
    try:
        tables = tomllib.loads(toml.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MalformedError("rules", "is a TOML file", str(error)) from None
    _verify_names("rules file", tables, {"rules", "travel", "caps", "temperature"})
    rules = {rule: _default(row) for rule, row in RULES.items()}
    for name, fields in _table("rules", tables.get("rules", {})).items():
        if name not in Rule.__members__:
            raise MalformedError(f"rules.{name}", "is a rule of docs/custody.md", name)
        rules[Rule(name)] = _rule(
            f"rules.{name}", _table(f"rules.{name}", fields), RULES[Rule(name)]
        )
    travel = _table("travel", tables.get("travel", {}))
    _verify_names("travel", travel, {"speed_kmh", "slack_km", "apart_km"})
    caps = _table("caps", tables.get("caps", {}))
    _verify_names("caps", caps, {"evidence", "findings", "repeat_hours"})
    return RuleSettings(
        rules=rules,
        speed_kmh=_number("travel.speed_kmh", travel.get("speed_kmh", 900.0), 1, 100_000),
        slack_km=_number("travel.slack_km", travel.get("slack_km", 200.0), 0, 40_000),
        apart_km=_number("travel.apart_km", travel.get("apart_km", 1.0), 0, 40_000),
        repeat_ms=_ms("caps.repeat_hours", caps.get("repeat_hours", 24), HOUR_MS),
        evidence_cap=int(_number("caps.evidence", caps.get("evidence", 50), 2, 10_000)),
        findings_cap=int(_number("caps.findings", caps.get("findings", 1_000), 1, 1_000_000)),
        temperatures=_temperatures(_table("temperature", tables.get("temperature", {}))),
    )


def _rule(where: str, fields: _Table, row: RuleRow) -> RuleSetting:
    _verify_names(where, fields, {"enabled", "severity", "grace_hours", "partners"})
    enabled = fields.get("enabled", True)
    if not isinstance(enabled, bool):
        raise MalformedError(f"{where}.enabled", "is true or false", enabled)
    severity = fields.get("severity", row.severity.value)
    if severity not in list(Severity):
        raise MalformedError(f"{where}.severity", f"is one of {', '.join(Severity)}", severity)
    grace = fields.get("grace_hours", row.grace_ms / HOUR_MS)
    partners = _table(f"{where}.partners", fields.get("partners", {}))
    if len(partners) > MAX_PARTNERS:
        raise MalformedError(f"{where}.partners", f"at most {MAX_PARTNERS}", len(partners))
    return RuleSetting(
        enabled=enabled,
        severity=Severity(str(severity)),
        grace_ms=_ms(f"{where}.grace_hours", grace, HOUR_MS),
        partners={
            _party(f"{where}.partners", name): _ms(f"{where}.partners.{name}", hours, HOUR_MS)
            for name, hours in partners.items()
        },
    )


def _party(where: str, name: str) -> bytes:
    """Return the key of a party given as GLN or as any identifier of a party."""
    try:
        return party_key(party_path(f"https://id.gs1.org/417/{name}" if name.isdigit() else name))
    except MalformedError as error:
        raise MalformedError(where, "names parties by GLN or identifier", name) from error


def _temperatures(products: _Table) -> dict[str, TemperatureLimit]:
    if len(products) > MAX_PRODUCTS:
        raise MalformedError("temperature", f"at most {MAX_PRODUCTS} products", len(products))
    found = {}
    for gtin, given in products.items():
        where = f"temperature.{gtin}"
        if not (gtin.isdecimal() and gtin.isascii() and len(gtin) == _GTIN_LENGTH):
            raise MalformedError(where, "names a product by 14 digits", gtin)
        fields = _table(where, given)
        _verify_names(where, fields, {"low", "high", "allowed_minutes"})
        if not {"low", "high"} <= fields.keys():
            raise MalformedError(where, "has low and high, degrees Celsius")
        low = _number(f"{where}.low", fields["low"], _ABSOLUTE_ZERO, 10_000)
        high = _number(f"{where}.high", fields["high"], _ABSOLUTE_ZERO, 10_000)
        if low > high:
            raise MalformedError(where, "low is not above high", low)
        allowed = _ms(f"{where}.allowed_minutes", fields.get("allowed_minutes", 0), _MINUTE_MS)
        found[gtin] = TemperatureLimit(low=low, high=high, allowed_ms=allowed)
    return found


def _table(where: str, value: object) -> _Table:
    if not isinstance(value, dict):
        raise MalformedError(where, "is a table", value)
    return value


def _verify_names(where: str, table: _Table, known: set[str]) -> None:
    for name in table:
        if name not in known:
            raise MalformedError(where, f"has {', '.join(sorted(known))} and nothing else", name)


def _number(where: str, value: object, low: float, high: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise MalformedError(where, f"is a number from {low} to {high}", value)
    return float(value)


def _ms(where: str, value: object, unit: int) -> int:
    return round(_number(where, value, 0, MAX_GRACE_MS / unit) * unit)
