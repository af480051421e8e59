"""What a request under /epcis asks for in its headers, and what of it this server has.

Plain functions over header bytes, for the hot route; each is answered from a cache, since clients
send one value with every request.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import Depends, Header

from api.epcis_paths import MIN_VERSION, VERSION
from ledger.core.errors import LedgerError, MalformedError
from ledger.service.ports import ErrorBehaviour

JSON: Final = "application/json"
# What the event of a 201 may be called is JSON too.
_JSON_RANGES: Final = frozenset(["*/*", "application/*", JSON, "application/ld+json"])
# They ask how a problem is told, not how anything else is.
_PROBLEMS: Final = frozenset(["application/problem+json", "application/problem+xml"])
_VERSION = re.compile(r"(\d{1,3})(?:\.(\d{1,3}))?(?:\.(\d{1,3}))?", re.ASCII)
# RFC 9110 section 12.4.2: a weight of zero says "not this one".
_QUALITY = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)
_BEHAVIOURS: Final = {one.value: one for one in ErrorBehaviour}


class NotAcceptableError(LedgerError):
    """The answer that is asked for cannot be given."""


@lru_cache(maxsize=64)
def verify_accept(value: bytes) -> None:
    """Raise unless an Accept header takes JSON.

    Raises:
        NotAcceptableError: It does not.
    """
    if _JSON_RANGES.isdisjoint(wanted_types(value.decode("latin-1"))):
        raise NotAcceptableError(f"this resource is {JSON}, not {value.decode('latin-1')[:120]}")


def wanted_types(accept: str) -> list[str]:
    """Return the media ranges of an Accept header, the best first; anything where it has none.

    A client that names the media types of problems alone takes any answer.
    """
    weighed = []
    for part in accept.lower().split(",") if accept.strip() else ["*/*"]:
        media_type, *options = (one.strip() for one in part.split(";"))
        weights = [match[1] for one in options if (match := _QUALITY.fullmatch(one))]
        weight = float(weights[0]) if weights else 1.0
        if weight:
            weighed.append((-weight, media_type))
    ordered = [media_type for _, media_type in sorted(weighed, key=lambda one: one[0])]
    if ordered and _PROBLEMS.issuperset(ordered):
        return ["*/*"]
    return [one for one in ordered if one not in _PROBLEMS]


@lru_cache(maxsize=64)
def verify_version(value: bytes) -> None:
    """Raise unless GS1-EPCIS-Version or GS1-CBV-Version is a version that is taken.

    Raises:
        NotAcceptableError: It is none, or lies outside of the announced minimum and maximum.
    """
    text = value.decode("latin-1").strip()
    if not version_parts(MIN_VERSION) <= version_parts(text) <= version_parts(VERSION):
        raise NotAcceptableError(f"versions {MIN_VERSION} to {VERSION} are taken, not {text[:40]}")


def version_parts(version: str) -> tuple[int, ...]:
    """Return the three numbers of a version, () for a text that is none."""
    match = _VERSION.fullmatch(version)
    return tuple(int(part or 0) for part in match.groups()) if match else ()


_VERIFIED: Mapping[bytes, Callable[[bytes], None]] = {
    b"accept": verify_accept,
    b"gs1-epcis-version": verify_version,
    b"gs1-cbv-version": verify_version,
}


def verify_headers(headers: Mapping[bytes, bytes]) -> None:
    """Raise unless everything that the headers ask for can be had.

    Raises:
        NotAcceptableError: Something cannot.
    """
    for name in _VERIFIED.keys() & headers.keys():
        _VERIFIED[name](headers[name])


_Hidden = Header(include_in_schema=False)


def versions_are_taken(
    gs1_epcis_version: Annotated[str, _Hidden] = VERSION,
    gs1_cbv_version: Annotated[str, _Hidden] = VERSION,
) -> None:
    """Verify the versions that a request asks for; a dependency.

    Raises:
        NotAcceptableError: One is not taken.
    """
    for version in (gs1_epcis_version, gs1_cbv_version):
        verify_version(version.encode("latin-1", "replace"))


def json_is_asked(
    _versions: Annotated[None, Depends(versions_are_taken)],
    accept: Annotated[str, _Hidden] = "*/*",
) -> None:
    """Verify the headers of a route that answers JSON; a dependency.

    Raises:
        NotAcceptableError: Something that they ask for cannot be had.
    """
    verify_accept(accept.encode("latin-1", "replace"))


def error_behaviour(headers: Mapping[bytes, bytes]) -> ErrorBehaviour:
    """Return what GS1-Capture-Error-Behaviour asks for; rollback where it is absent.

    Raises:
        MalformedError: It is another word.
    """
    value = headers.get(b"gs1-capture-error-behaviour")
    if value is None:
        return ErrorBehaviour.ROLLBACK
    word = value.decode("latin-1").strip()
    if word not in _BEHAVIOURS:
        raise MalformedError("GS1-Capture-Error-Behaviour", "is rollback or proceed", word)
    return _BEHAVIOURS[word]


def is_dry_run(query: bytes) -> bool:
    """Tell whether a query string asks for a dry run.

    Raises:
        MalformedError: It has another parameter, or another value.
    """
    wanted = False
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name != "dryRun":
            raise MalformedError("query", "has no other parameter than dryRun", name)
        if value not in {"", "true", "false"}:
            raise MalformedError("dryRun", "is true or false", value)
        wanted = value != "false"
    return wanted
