"""The application identifiers of GS1 (General Specifications, section 3), as one table.

A row reads: AI or range; format; what it needs; what it excludes. A format is a list of components
`KIND length :rule`, with N digits, X the 82-character set, Y the 39-character set, Z base64url;
`..` before the length means "up to", `?` behind the component "may be absent". Needs are `&` of
alternatives `|`, each one AI or several joined by `+`; `n` stands for any digit.
"""

import re
from dataclasses import dataclass
from typing import Final

from ledger.core.barcodes.ai_rules import RULES
from ledger.core.barcodes.refusal import BarcodeError
from ledger.core.errors import InvariantError

_PATTERNS: Final = {
    "N": "[0-9]",
    "X": r"""[!"%&'()*+,\-./0-9:;<=>?A-Z_a-z]""",
    "Y": r"[#\-/0-9A-Z]",
    "Z": "[A-Za-z0-9_=-]",
}
_COMPONENT = re.compile(r"([NXYZ])(\.\.)?([0-9]+)(?::([a-z0-9]+))?(\?)?")
_INSTEAD: Final = {
    "N": "digits",
    "X": "characters of set 82",
    "Y": "characters of set 39",
    "Z": "base64url",
}
# Section 7.8.5.2: AIs that begin so have a length that every reader knows; all others end at FNC1.
_PREDEFINED: Final = frozenset({
    "00", "01", "02", "03", "04", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20",
    "31", "32", "33", "34", "35", "36", "41",
})  # fmt: skip
# A GTIN-8 in fourteen digits; what is shorter still was cut, not stripped.
_MAX_STRIPPED_ZEROS: Final = 6
MIN_AI_DIGITS, MAX_AI_DIGITS = 2, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One piece of a value."""

    kind: str
    shortest: int
    longest: int
    rule: str
    optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationIdentifier:
    """One row of the table."""

    ai: str
    components: tuple[Component, ...]
    needs: tuple[tuple[tuple[str, ...], ...], ...]
    """All of these: of each, one of the alternatives, each of them all of its AIs."""
    excludes: tuple[str, ...]
    longest: int
    """Longest value."""
    predefined: bool
    """No FNC1 has to follow the value."""

    @property
    def shortest(self) -> int:
        """Shortest value."""
        return sum(0 if one.optional else one.shortest for one in self.components)

    def verify(self, value: str) -> None:
        """Return if the value fits.

        Raises:
            BarcodeError: length, character set or contents are against the row.
        """
        field = f"({self.ai})"
        if not value:
            raise BarcodeError("EMPTY_VALUE", "must have a value", field=field)
        if len(value) > self.longest:
            rule = f"must have at most {self.longest} characters"
            raise BarcodeError("VALUE_TOO_LONG", rule, value, field)
        at = 0
        for one in self.components:
            piece = value[at : at + one.longest]
            if not piece and one.optional:
                break
            _verify_component(one, piece, field, value)
            at += len(piece)


def _verify_component(one: Component, piece: str, field: str, value: str) -> None:
    allowed = _ALLOWED[one.kind].match(piece)
    if allowed is None or allowed.end() < len(piece):
        wrong = piece[allowed.end() if allowed else 0]
        rule = f"must be {_INSTEAD[one.kind]}, not {wrong!r}"
        raise BarcodeError("INVALID_CHARACTER", rule, value, field)
    if len(piece) < one.shortest:
        stripped = one.longest - len(piece) <= _MAX_STRIPPED_ZEROS
        if stripped and one.rule == "check" and RULES["check"][0](piece.rjust(one.longest, "0")):
            rule = f"must have {one.longest} digits; with zeros before it the check digit is right"
            raise BarcodeError("LEADING_ZERO_STRIPPED", rule, value, field)
        rule = f"ends too early, must have {one.shortest} more characters than {len(piece)}"
        if one.shortest == one.longest:
            rule = f"ends too early: {len(piece)} of {one.longest} characters"
        raise BarcodeError("VALUE_TOO_SHORT", rule, value, field)
    if one.rule:
        holds, code = RULES[one.rule]
        if not holds(piece):
            raise BarcodeError(code, _RULE_WORDS[code], piece, field)


_ALLOWED: Final = {kind: re.compile(f"{pattern}*") for kind, pattern in _PATTERNS.items()}
_RULE_WORDS: Final = {
    "INVALID_CHECK_DIGIT": "check digit must be right",
    "INVALID_DATE": "must be a date or time that exists",
    "INVALID_VALUE": "must be one of the values that section 3 allows",
}

_ITEM, _ITEM_OR_CONTENT = "01|8006", "01|02"
_GOODS = "01|02|8006|8026"
_MEASURED = "30|31nn|32nn|35nn|36nn"
_DATED = "01|02|03|8006|8026"
_SIGNED = "00|01+21|253|255|8003|8004|8006+21|8010+8011|8017|8018"
_NO_COUNTRY = "426"
_MEASURES = (
    "3100-3105 3110-3115 3120-3125 3130-3135 3140-3145 3150-3155 3160-3165 3200-3205 3210-3215"
    " 3220-3225 3230-3235 3240-3245 3250-3255 3260-3265 3270-3275 3280-3285 3290-3295 3500-3505"
    " 3510-3515 3520-3525 3560-3565 3570-3575 3600-3605 3610-3615 3640-3645 3650-3655 3660-3665"
)
_LOGISTIC_MEASURES = (
    "3300-3305 3310-3315 3320-3325 3330-3335 3340-3345 3350-3355 3360-3365 3400-3405 3410-3415"
    " 3420-3425 3430-3435 3440-3445 3450-3455 3460-3465 3470-3475 3480-3485 3490-3495 3530-3535"
    " 3540-3545 3550-3555 3620-3625 3630-3635 3670-3675 3680-3685 3690-3695"
)

_TABLE: Final = (
    ("00", "N18:check", "", ""),
    ("01", "N14:check", "", "255 37"),
    ("02", "N14:check", "37", "01 03"),
    ("03", "N14:check", "", "01 02 37"),
    ("10", "X..20", _DATED, ""),
    ("11 13 15 16", "N6:date0", _DATED, ""),
    ("12", "N6:date0", "8020", ""),
    ("17", "N6:date0", "01|02|03|255|8006|8026", ""),
    ("20", "N2", _GOODS, ""),
    ("21", "X..20", "01|03|8006", "235"),
    ("22", "X..20", "01", ""),
    ("235", "X..28", "01", ""),
    ("240 241", "X..30", _GOODS, ""),
    ("242", "N..6", _GOODS, ""),
    ("243", "X..20", "01", ""),
    ("250", "X..30", f"{_ITEM}&21", ""),
    ("251", "X..30", _ITEM, ""),
    ("253", "N13:check X..17?", "", ""),
    ("254", "X..20", "414", ""),
    ("255", "N13:check N..12?", "", "01 02 415 8006 8020 8026"),
    ("30", "N..8", _ITEM_OR_CONTENT, ""),
    (_MEASURES, "N6", _ITEM_OR_CONTENT, "SAME"),
    (_LOGISTIC_MEASURES, "N6", "00|01", "SAME"),
    ("3370-3375", "N6", "01", "SAME"),
    ("37", "N..8", "00&02|8026", ""),
    ("3900-3909", "N..15", "255|8020", "SAME 391n 394n 8111"),
    ("3910-3919", "N3 N..15", "8020", "SAME"),
    ("3920-3929", "N..15", f"01&{_MEASURED}", "SAME 393n"),
    ("3930-3939", "N3 N..15", _MEASURED, "SAME"),
    ("3940-3943", "N4", "255", "SAME 8111"),
    ("3950-3955", "N6", _MEASURED, "392n 393n SAME 8005"),
    ("400", "X..30", "", ""),
    ("401", "X..30", "", ""),
    ("402", "N17:check", "", ""),
    ("403", "X..30", "00", ""),
    ("410-414 416 417", "N13:check", "", ""),
    ("415", "N13:check", "8020", ""),
    ("420", "X..20", "", "421"),
    ("421", "N3 X..9", "", "4307"),
    ("422", "N3", _GOODS, _NO_COUNTRY),
    ("423 425", "N3 N3? N3? N3? N3?", _ITEM_OR_CONTENT, _NO_COUNTRY),
    ("424", "N3", _ITEM_OR_CONTENT, _NO_COUNTRY),
    ("426", "N3", _ITEM_OR_CONTENT, ""),
    ("427", "X..3", f"{_ITEM_OR_CONTENT}&422", ""),
    ("4300 4301 4310 4311 4320", "X..35:percent", "00", ""),
    ("4302 4304-4306 4312 4314-4316", "X..70:percent", "00", ""),
    ("4303", "X..70:percent", "4302", ""),
    ("4313", "X..70:percent", "4312", ""),
    ("4307 4317", "X2:country2", "00", ""),
    ("4308 4319", "X..30", "00", ""),
    ("4309", "N10:latitude N10:longitude", "00", ""),
    ("4318", "X..20", "00", ""),
    ("4321-4323", "N1:flag", "00", ""),
    ("4324 4325", "N6:date0 N4:time", "00", ""),
    ("4326", "N6:date", "00", ""),
    ("4330", "N6 X1:minus?", "00", "4331"),
    ("4331", "N6 X1:minus?", "00", "4330"),
    ("4332", "N6 X1:minus?", "00", "4333"),
    ("4333", "N6 X1:minus?", "00", "4332"),
    ("7001", "N13", _GOODS, ""),
    ("7002", "X..30", _ITEM_OR_CONTENT, ""),
    ("7003", "N6:date N4:time", _ITEM_OR_CONTENT, ""),
    ("7004", "N..4", "01+10", ""),
    ("7005", "X..12", _ITEM_OR_CONTENT, ""),
    ("7006", "N6:date", _ITEM_OR_CONTENT, ""),
    ("7007", "N6:date N6:date?", _ITEM_OR_CONTENT, ""),
    ("7008", "X..3", _ITEM_OR_CONTENT, ""),
    ("7009", "X..10", _ITEM_OR_CONTENT, ""),
    ("7010", "X..2", _ITEM_OR_CONTENT, ""),
    ("7011", "N6:date N4:time?", _ITEM_OR_CONTENT, ""),
    ("7020", "X..20", f"{_ITEM}&416", ""),
    ("7021", "X..20", _ITEM, ""),
    ("7022", "X..20", "7021", ""),
    ("7023", "X..30", "", ""),
    ("7030-7039", "N3 X..27", _ITEM_OR_CONTENT, ""),
    ("7040", "N1 X1 X1 X1:importer", "", ""),
    ("7041", "X..4", "00", ""),
    ("710-717", "X..20", "01", ""),
    ("7230-7239", "X2 X..28", "01|8004", ""),
    ("7240", "X..20", _ITEM, ""),
    ("7241", "N2:media", "8017|8018", ""),
    ("7242", "X..25", "8017|8018", ""),
    ("7250", "N8:date", "8018", "7251"),
    ("7251", "N8:date N4:time", "8018", "7250"),
    ("7252", "N1:sex", "8018", ""),
    ("7253 7254", "X..40:percent", "8017|8018", "7256 7259"),
    ("7255", "X..10", "8017|8018", "7256 7259"),
    ("7256", "X..90:percent", "8017|8018", ""),
    ("7257", "X..70:percent", "8018", ""),
    ("7258", "X3:sequence", "8018+7259", ""),
    ("7259", "X..40:percent", "8018", "7256"),
    ("8001", "N4:nonzero N5:nonzero N3:nonzero N1:winding N1", "01", ""),
    ("8002", "X..20", "", ""),
    ("8003", "N1:zero N13:check X..16?", "", ""),
    ("8004", "X..30", "", ""),
    ("8005", "N6", _ITEM_OR_CONTENT, ""),
    ("8006", "N14:check N4:pieces", "", "01 37"),
    ("8007", "X..34:iban", "415", ""),
    ("8008", "N6:date N2:hour N2:minute? N2:minute?", _ITEM_OR_CONTENT, ""),
    ("8009", "X..50", "00|01", ""),
    ("8010", "Y..30", "", ""),
    ("8011", "N..12:nozero", "8010", ""),
    ("8012", "X..20", _ITEM, ""),
    ("8013", "X..25:pair", "", ""),
    ("8014", "X..25:pair", "01", ""),
    ("8017", "N18:check", "", "8018"),
    ("8018", "N18:check", "", "8017"),
    ("8019", "N..10", "8017|8018", ""),
    ("8020", "X..25", "415", ""),
    ("8026", "N14:check N4:pieces", "37", "02 8006"),
    ("8030", "Z..90", _SIGNED, ""),
    ("8040", "N15", "01+21", ""),
    ("8041", "N15", "01+21+8040", ""),
    ("8042", "N32", "01+21+8040", ""),
    ("8043", "N18 N..2?", "01+21+8040", ""),
    ("8110 8112", "X..70", "", ""),
    ("8111", "N4", "255", ""),
    ("8200", "X..70", "01", ""),
    ("90", "X..30", "", ""),
    ("91-99", "X..90", "", ""),
)  # fmt: skip


def _component(text: str) -> Component:
    fitting = _COMPONENT.fullmatch(text)
    if fitting is None:
        raise InvariantError(f"the table of application identifiers says {text!r}")
    kind, up_to, length, rule, optional = fitting.groups()
    return Component(
        kind=kind,
        shortest=1 if up_to else int(length),
        longest=int(length),
        rule=rule or "",
        optional=optional is not None,
    )


def _spread(names: str) -> list[str]:
    """Return the AIs of `410-414 416`."""
    spread = []
    for name in names.split():
        first, _, last = name.partition("-")
        spread += [str(ai).zfill(len(first)) for ai in range(int(first), int(last or first) + 1)]
    return spread


def _rows() -> dict[str, ApplicationIdentifier]:
    rows = {}
    for names, form, needs, excludes in _TABLE:
        components = tuple(_component(text) for text in form.split())
        alternatives = tuple(
            tuple(tuple(one.split("+")) for one in need.split("|"))
            for need in needs.split("&")
            if need
        )
        for ai in _spread(names):
            rows[ai] = ApplicationIdentifier(
                ai=ai,
                components=components,
                needs=alternatives,
                excludes=tuple(excludes.replace("SAME", f"{ai[:3]}n").split()),
                longest=sum(one.longest for one in components),
                predefined=ai[:2] in _PREDEFINED,
            )
    return rows


ROWS: Final = _rows()


def find_ai(text: str, at: int = 0) -> ApplicationIdentifier | None:
    """Return the AI that begins at a place of an element string; no AI begins with another."""
    for length in range(MIN_AI_DIGITS, MAX_AI_DIGITS + 1):
        row = ROWS.get(text[at : at + length])
        if row is not None:
            return row
    return None


def is_named(pattern: str, ais: frozenset[str], *, but: str) -> bool:
    """Ask whether one of `ais` other than `but` fits a pattern such as `31nn`."""
    if "n" not in pattern:
        return pattern in ais and pattern != but
    stem = pattern.rstrip("n")
    return any(one.startswith(stem) and len(one) == len(pattern) for one in ais if one != but)
