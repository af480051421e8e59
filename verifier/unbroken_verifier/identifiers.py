"""docs/spec/identifiers.md: one canonical path per object, and the keys made from paths."""

import re
from dataclasses import dataclass
from hashlib import sha256

from unbroken_verifier.errors import RefusedError

MAX_IDENTIFIER_BYTES = 2048
CPV_OR_LOT = re.compile(r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}")
URN = re.compile(r"urn:epc:(id|class|idpat):([^:]*)(?::(.*))?", re.IGNORECASE | re.ASCII)
LINK = re.compile(r"https?://([^/?#]+)([^?#]*)", re.IGNORECASE | re.ASCII)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
GTIN_LENGTHS = {8, 12, 13, 14}
# Keys whose check digit must be right; any other with a wrong one names itself.
ALWAYS_RIGHT = {"01", "00", "414", "417"}
WRONG = "wrong check digit"  # no path begins so

# Pieces of the table: D, c and x of the page.
C = r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]"
X = r"[#\-/0-9A-Z]"

SHORT_NAMES = {
    "gtin": "01",
    "ser": "21",
    "lot": "10",
    "cpv": "22",
    "sscc": "00",
    "gln": "414",
    "glnx": "254",
    "party": "417",
    "grai": "8003",
    "giai": "8004",
    "gsrn": "8018",
    "gsrnp": "8017",
    "gdti": "253",
    "gcn": "255",
    "cpid": "8010",
    "cpsn": "8011",
    "itip": "8006",
    "gsin": "402",
    "ginc": "401",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One primary key of the table, as a Digital Link spells it.

    Attributes:
        value: form of the key's value (after GTINs were padded).
        checked: how many leading characters end in a check digit; 0 for none.
        qualifiers: name and form of what may follow and belongs to the identity.
        ignored: qualifiers that may follow and are no part of the identity.
    """

    value: str
    checked: int = 0
    qualifiers: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()


GTIN_QUALIFIERS = (("21", C + "{1,20}"), ("235", C + "{1,28}"), ("10", C + "{1,20}"))
ROWS = {
    "01": Row(value="[0-9]{14}", checked=14, qualifiers=GTIN_QUALIFIERS, ignored=("22",)),
    "00": Row(value="[0-9]{18}", checked=18),
    "414": Row(value="[0-9]{13}", checked=13, qualifiers=(("254", C + "{1,20}"),)),
    "417": Row(value="[0-9]{13}", checked=13),
    "8003": Row(value="0[0-9]{13}" + C + "{0,16}", checked=14),
    "8004": Row(value=C + "{1,30}"),
    "8018": Row(value="[0-9]{18}", checked=18),
    "8017": Row(value="[0-9]{18}", checked=18),
    "253": Row(value="[0-9]{13}" + C + "{0,17}", checked=13),
    "255": Row(value="[0-9]{13,25}", checked=13),
    "8010": Row(value=X + "{1,30}", qualifiers=(("8011", "[0-9]{1,12}"),)),
    "8006": Row(
        value="[0-9]{18}", checked=14, qualifiers=(("21", C + "{1,20}"),), ignored=("22", "10")
    ),
    "402": Row(value="[0-9]{17}", checked=17),
    "401": Row(value=C + "{1,30}"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """One EPC URN scheme of the table.

    Attributes:
        form: the parts behind the scheme, percent-encoded: p company prefix, i companion.
        total: digits of prefix and companion together; 0 where they are joined to a reference.
        path: the path, with named groups of `form` and G for the checked number.
        indicator: the first digit of the companion stands before the prefix.
    """

    form: str
    total: int
    path: str
    indicator: bool = False


CP = r"(?P<p>[0-9]{6,12})"
PAIR = CP + r"\.(?P<i>[0-9]*)"
JOINED = CP + r"\.(?P<r>.+)"
GTIN_CLASS = Scheme(form=PAIR + r"\.\*", total=13, path="/01/{G}", indicator=True)


def _with_rest(total: int, path: str, *, indicator: bool = False, lead: str = "") -> Scheme:
    return Scheme(form=PAIR + lead + r"\.(?P<s>.*)", total=total, path=path, indicator=indicator)


ITIP_PARTS = r"\.(?P<n>[0-9]{2})\.(?P<t>[0-9]{2})"
SCHEMES = {
    ("id", "sgtin"): _with_rest(13, "/01/{G}/21/{s}", indicator=True),
    ("class", "lgtin"): _with_rest(13, "/01/{G}/10/{s}", indicator=True),
    ("idpat", "sgtin"): GTIN_CLASS,
    ("id", "upui"): _with_rest(13, "/01/{G}/235/{s}", indicator=True),
    ("id", "sscc"): Scheme(form=PAIR, total=17, path="/00/{G}", indicator=True),
    ("id", "sgln"): _with_rest(12, "/414/{G}/254/{s}"),
    ("id", "pgln"): Scheme(form=PAIR, total=12, path="/417/{G}"),
    ("id", "grai"): _with_rest(12, "/8003/0{G}{s}"),
    ("idpat", "grai"): Scheme(form=PAIR + r"\.\*", total=12, path="/8003/0{G}"),
    ("id", "giai"): Scheme(form=JOINED, total=0, path="/8004/{p}{r}"),
    ("id", "gsrn"): Scheme(form=PAIR, total=17, path="/8018/{G}"),
    ("id", "gsrnp"): Scheme(form=PAIR, total=17, path="/8017/{G}"),
    ("id", "gdti"): _with_rest(12, "/253/{G}{s}"),
    ("idpat", "gdti"): Scheme(form=PAIR + r"\.\*", total=12, path="/253/{G}"),
    ("id", "sgcn"): _with_rest(12, "/255/{G}{s}"),
    ("idpat", "sgcn"): Scheme(form=PAIR + r"\.\*", total=12, path="/255/{G}"),
    ("id", "cpi"): Scheme(
        form=CP + r"\.(?P<r>[^.]+)\.(?P<s>[0-9]{1,12})", total=0, path="/8010/{p}{r}/8011/{s}"
    ),
    ("idpat", "cpi"): Scheme(form=CP + r"\.(?P<r>[^.]+)\.\*", total=0, path="/8010/{p}{r}"),
    ("id", "itip"): _with_rest(13, "/8006/{G}{n}{t}/21/{s}", indicator=True, lead=ITIP_PARTS),
    ("idpat", "itip"): Scheme(
        form=PAIR + ITIP_PARTS + r"\.\*", total=13, path="/8006/{G}{n}{t}", indicator=True
    ),
    ("id", "gsin"): Scheme(form=PAIR, total=16, path="/402/{G}"),
    ("id", "ginc"): Scheme(form=JOINED, total=0, path="/401/{p}{r}"),
}
KEY_NAMES = frozenset(name for _, name in SCHEMES)


def item_key(path: str) -> bytes:
    """Key of an item's canonical path, 32 bytes."""
    return sha256(b"unbroken/item/v1\x00" + path.encode()).digest()


def key_key(address: bytes) -> bytes:
    """Name of a signing key in the item map."""
    return sha256(b"unbroken/key/v1\x00" + address).digest()


def party_key(path: str) -> bytes:
    """Key of a party's canonical path, 32 bytes."""
    return sha256(b"unbroken/party/v1\x00" + path.encode()).digest()


def party_path(identifier: str) -> str:
    """Path of a party: a GLN names it, whether as PGLN or SGLN (section Parties).

    Raises:
        RefusedError: the identifier is malformed.
    """
    path = canonical_path(identifier)
    return f"/417/{path[5:18]}" if path.startswith("/414/") else path


def canonical_path(identifier: str) -> str:
    """The one path of what an identifier names.

    Raises:
        RefusedError: the identifier is malformed by the page.
    """
    try:
        size = len(identifier.encode())
    except UnicodeEncodeError as error:
        raise RefusedError("an identifier is not Unicode text") from error
    if not 1 <= size <= MAX_IDENTIFIER_BYTES or CONTROL.search(identifier):
        raise RefusedError("an identifier is empty, too long or has control characters")
    path: str | None = None
    if urn := URN.fullmatch(identifier):
        path = _from_urn(urn[1].lower(), urn[2].lower(), urn[3] or "")
    elif link := LINK.match(identifier):
        path = _from_link(link[1], link[2])
    return "uri:" + identifier if path in (None, WRONG) else path


def verify_party_path(path: str) -> None:
    """The path is one that `party_path` can yield.

    Raises:
        RefusedError: it is spelt in another way, or is no path at all.
    """
    identifier = "https://id.gs1.org" + path if path.startswith("/") else path.removeprefix("uri:")
    if party_path(identifier) != path:
        raise RefusedError("a party path is not canonical")


def verify_item_path(path: str) -> None:
    """The path is one that an item can have: what an identifier yields.

    Attack: the log holds nothing under another spelling of a path, whatever became of the item; so
    too under `hibc:`, `iccbba:` and `ifa:`, which no identifier yields yet.

    Raises:
        RefusedError: it is spelt in another way, or is no path at all.
    """
    identifier = "https://id.gs1.org" + path if path.startswith("/") else path.removeprefix("uri:")
    if canonical_path(identifier) != path:
        raise RefusedError("item is not a canonical path")


def _from_urn(kind: str, name: str, rest: str) -> str | None:
    if name not in KEY_NAMES:
        return None
    scheme = SCHEMES.get((kind, name))
    match = re.fullmatch(scheme.form, rest) if scheme else None
    if scheme is None or match is None:
        raise RefusedError(f"an EPC URN does not fit its scheme {kind}:{name}")
    parts = {key: _decoded(value or "") for key, value in match.groupdict().items()}
    if scheme.total:
        digits = parts["p"] + parts["i"]
        if len(digits) != scheme.total:
            raise RefusedError(f"an EPC URN has {len(digits)} digits, not {scheme.total}")
        if scheme.indicator:
            digits = parts["i"][0] + parts["p"] + parts["i"][1:]
        parts["G"] = digits + check_digit(digits)
    return _through_row(scheme, parts)


def _through_row(scheme: Scheme, parts: dict[str, str]) -> str:
    """Builds the path and lets the Digital Link row judge sets and lengths."""
    _, key, *names = scheme.path.split("/")
    segments = [key, *(name.format_map(parts) for name in names)]
    if any(name == "{s}" and not parts["s"] for name in names):
        raise RefusedError("an EPC URN has an empty serial, lot or extension")
    # A serial glued to its type must not be empty: without it the path would be the class.
    if scheme.path.endswith("}{s}") and not parts["s"]:
        raise RefusedError("an EPC URN has an empty serial")
    path = _read_key(segments)
    if path is None:
        raise RefusedError("an EPC URN does not fit the character sets or lengths of its key")
    return path


def _from_link(authority: str, raw_path: str) -> str | None:
    """Path of a Digital Link: the leftmost segment from which the rest reads as a key."""
    segments: list[str | None] = []
    for segment in raw_path.split("/")[1:]:
        try:
            segments.append(_decoded(segment))
        except RefusedError:
            segments.append(None)
    for start in range(len(segments)):
        tail = [segment for segment in segments[start:] if segment is not None]
        if len(tail) == len(segments) - start and (path := _read_key(tail)) is not None:
            return path
    host = authority.rpartition("@")[2].partition(":")[0].lower()
    if host == "id.gs1.org":
        raise RefusedError("a Digital Link of id.gs1.org names no key of the table")
    return None


def _read_key(segments: list[str]) -> str | None:
    """Canonical path of decoded segments key/value/…; None when they have not that shape.

    WRONG for the shape of another key than GTIN, SSCC or GLN with a wrong check digit.

    Raises:
        RefusedError: the shape, but a wrong check digit of a GTIN, SSCC or GLN.
    """
    if len(segments) < 2 or len(segments) % 2:  # noqa: PLR2004  pairs
        return None
    names = [SHORT_NAMES.get(name, name) for name in segments[::2]]
    values = segments[1::2]
    key, value = names[0], values[0]
    row = ROWS.get(key)
    if row is None:
        return None
    if key == "01" and value.isascii() and value.isdigit() and len(value) in GTIN_LENGTHS:
        value = value.rjust(14, "0")
    if not re.fullmatch(row.value, value):
        return None
    identity = _read_qualifiers(row, names[1:], values[1:])
    if identity is None:
        return None
    if row.checked and check_digit(value[: row.checked - 1]) != value[row.checked - 1]:
        if key in ALWAYS_RIGHT:
            raise RefusedError("an identifier has a wrong check digit")
        return WRONG
    return "".join(f"/{name}/{_encoded(part)}" for name, part in [(key, value), *identity])


def _read_qualifiers(row: Row, names: list[str], values: list[str]) -> list[tuple[str, str]] | None:
    """The qualifiers that belong to the identity; None when the row does not allow them."""
    given = dict(zip(names, values, strict=True))
    if len(given) != len(names):
        return None
    forms = dict(row.qualifiers)
    for name, value in given.items():
        form = forms.get(name) or (CPV_OR_LOT.pattern if name in row.ignored else None)
        if form is None or not re.fullmatch(form, value):
            return None
    if "21" in given and "235" in given:
        return None
    serial = next((name for name in ("21", "235") if name in given), None)
    if serial:  # a lot beside a serial is no part of the identity
        return [(serial, given[serial])]
    if "10" in row.ignored and "10" in given:  # a lot alone makes no ITIP class
        return None
    kept = [(name, given[name]) for name, _ in row.qualifiers if name in given]
    return [pair for pair in kept if pair != ("254", "0")]


def check_digit(digits: str) -> str:
    """GS1 check digit: weights 3, 1, 3, … from the right."""
    total = sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(digits[::-1]))
    return str(-total % 10)


def _decoded(segment: str) -> str:
    """Percent-decodes once.

    Raises:
        RefusedError: a bad escape, or bytes that are not UTF-8.
    """
    if "%" not in segment:
        return segment
    if re.search(r"%(?![0-9A-Fa-f]{2})", segment):
        raise RefusedError("an identifier has a bad percent-escape")
    raw = re.sub(
        rb"%([0-9A-Fa-f]{2})", lambda match: bytes.fromhex(match[1].decode()), segment.encode()
    )
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise RefusedError("an identifier's percent-escapes are not UTF-8") from error


def _encoded(value: str) -> str:
    return "".join(chr(b) if b in UNRESERVED else f"%{b:02X}" for b in value.encode())
