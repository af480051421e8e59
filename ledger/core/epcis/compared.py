"""How values of events and of queries are made equal before they are compared.

Index and queries make terms and names with the same functions: whatever way an identifier, a word,
a time or an extension was spelt, one fact has one text.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from typing import Final

from ledger.core.epcis.namespaces import namespaces_of
from ledger.core.epcis.vocabulary import Words
from ledger.core.errors import MalformedError
from ledger.core.events import event_time_ms
from ledger.core.identifiers import canonical_path
from ledger.core.strict_json import JsonValue

Prefixes = Mapping[str, str]

# What the standard context binds.
STANDARD_PREFIXES: Final[Prefixes] = namespaces_of().meanings
# A GIN entry has to fit a third of a page; longer values keep their beginning, to be sorted by it,
# and are told apart by a digest. A cut value is longer than any whole one: none imitates another.
MAX_TERM_BYTES: Final = 256
# A column shares a B-tree entry of 2,704 bytes with a time and an index.
MAX_FIELD_BYTES: Final = 1024
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:.")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
# Beyond it a double is infinite.
_MAX_DIGITS: Final = 300


def kept(text: str, limit: int = MAX_TERM_BYTES) -> str:
    """Return a text as PostgreSQL can store and index it: whole, or its beginning and a digest."""
    raw = text.encode()
    if len(raw) <= limit and "\0" not in text:
        return text
    start = raw[:limit].decode(errors="ignore").replace("\0", "?")
    return f"{start}#{sha256(raw).hexdigest()}"


def field(text: str) -> str:
    """Return the value of a column as it is kept."""
    return kept(text, MAX_FIELD_BYTES)


def term(name: str, value: str) -> str:
    """Return the term of a value under a name."""
    return kept(f"{name}={value}")


def is_uri(text: str) -> bool:
    """Tell whether a text begins as a URI does."""
    return _SCHEME.match(text) is not None


def identity(text: str) -> str:
    """Return the canonical path of an identifier; what breaks its GS1 form stands for itself."""
    try:
        return canonical_path(text)
    except MalformedError:
        return f"uri:{text}"


def word(text: str, words: Words, prefixes: Prefixes) -> str:
    """Return a vocabulary value: the bare word, or a foreign URI with its prefix written out."""
    bare = words.bare(text)
    if bare in words.words:
        return bare
    prefix, colon, local = text.partition(":")
    if colon and prefix in prefixes:
        written_out = prefixes[prefix] + local
        return words.bare(written_out)
    return text


def decimal(value: JsonValue) -> Decimal | None:
    """Return a JSON number, or a text that would be one, as a decimal; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return Decimal(repr(value))
    if isinstance(value, str) and len(value) <= _MAX_DIGITS and _NUMBER.fullmatch(value):
        number = Decimal(value)
        return number if abs(number.adjusted()) <= _MAX_DIGITS else None
    return None


def find_time_ms(value: JsonValue) -> int | None:
    """Return an instant as ms since 1970, None for what is no EPCIS time."""
    return _find_time_ms(value) if isinstance(value, str) and "T" in value else None


# A document repeats few times: those of an event, of its sensors and of its declaration.
@lru_cache(maxsize=256)
def _find_time_ms(text: str) -> int | None:
    try:
        return event_time_ms(text)
    except MalformedError:
        return None


def spellings(value: JsonValue) -> Iterator[str]:
    """Give the texts by which a scalar of an extension is found: its own, its number, its instant.

    A text with leading zeros is no number: lot 007 is not lot 7.
    """
    if isinstance(value, bool):
        yield "true" if value else "false"
        return
    if isinstance(value, str):
        yield value
    number = decimal(value)
    if number is not None:
        shortest = format(number.normalize(), "f")
        if shortest != value:
            yield shortest
    instant = find_time_ms(value)
    if instant is not None:
        yield f"@{instant}"


def qualified(name: str, prefixes: Prefixes) -> str | None:
    """Return `namespace#local` of an extension's name, None when its prefix is not bound.

    Taken are `prefix:local`, `namespace#local` and a whole IRI. JSON-LD joins namespace and local
    name, XML does not: the character between them is no difference.
    """
    if "#" in name:
        namespace, _, local = name.rpartition("#")
    elif "://" in name:
        namespace, _, local = name.rpartition("/")
    elif name.startswith("urn:"):
        namespace, _, local = name.rpartition(":")
    else:
        prefix, colon, local = name.partition(":")
        found = prefixes.get(prefix) if colon else prefixes.get(name)
        if found is None:
            return None
        if not colon:
            # A context may name a whole IRI: {"lot": "https://example.com/voc/lot"}.
            return qualified(found, {})
        namespace = found
    return f"{namespace.rstrip('#/:')}#{local}" if namespace and local else None
