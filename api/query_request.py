"""What a query request asks for: filters in its URL, format and spelling in its headers."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

from api.asgi import Scope
from api.epcis_paths import MIN_VERSION, VERSION
from api.negotiation import NotAcceptableError, version_parts, wanted_types
from ledger.core.epcis.compared import STANDARD_PREFIXES, Prefixes
from ledger.core.epcis.document import Format
from ledger.core.epcis.epc_format import EpcFormat
from ledger.core.epcis.given import QueryParameterError
from ledger.core.epcis.query import parse_extensions, split_query_string
from ledger.core.epcis.write_xml_event import CbvFormat
from ledger.core.errors import LedgerError, MalformedError
from ledger.service.query import DEFAULT_PER_PAGE

# RFC 9110 section 4.1: what every server should take; longer queries are posted and named.
MAX_URI: Final = 8_000
# The longest token: the longest identifier as the key, and what surrounds it, in base64.
MAX_TOKEN: Final = 4_000
PER_PAGE, TOKEN = "perPage", "nextPageToken"
_JSON, _LD_JSON, _XML = "application/json", "application/ld+json", "application/xml"
_TAKEN: Final = {
    "*/*": _JSON, "application/*": _JSON, _JSON: _JSON, _LD_JSON: _LD_JSON,
    _XML: _XML, "text/xml": "text/xml", "text/*": "text/xml",
}  # fmt: skip
_FIRST_OF_JSON: Final = (2, 0, 0)


class UriTooLongError(LedgerError):
    """A URI is longer than this server takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks for.

    Attributes:
        media_type: Of the answer.
        format: Of the answer.
        epc_format: How GS1 keys are spelt in it.
        cbv_format: How vocabulary is spelt in it, in XML.
        prefixes: Of extensions: the standard's, and those that the request binds.
        parameters: Those of the query, decoded.
        per_page: Most events or values of the answer.
        token: Of the page that is asked for.
        target: Path and query without the token.
    """

    media_type: str
    format: Format
    epc_format: EpcFormat
    cbv_format: CbvFormat
    prefixes: Prefixes
    parameters: dict[str, list[str]]
    per_page: int
    token: str | None
    target: str

    def verify_no_parameters(self) -> None:
        """Refuse parameters of a query where there is none.

        Raises:
            QueryParameterError: There are some.
        """
        for name in self.parameters:
            raise QueryParameterError(name, "is no parameter of this resource", name)


def asked(scope: Scope, *, has_xml: bool = False) -> Asked:
    """Return what a request asks for.

    Args:
        scope: Of the request.
        has_xml: Whether the answer can be had as XML too, as events can.

    Raises:
        UriTooLongError: Its URI has more than MAX_URI bytes.
        NotAcceptableError: A header asks for what cannot be had.
        MalformedError: A header or a parameter of the page has no such value.
    """
    path, query = raw_path(scope), scope["query_string"]
    if len(path) + len(query) > MAX_URI:
        raise UriTooLongError(
            f"a URI has at most {MAX_URI} bytes here; post long queries to /epcis/queries"
        )
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    media_type, kind = _negotiated(
        headers.get(b"accept", ""),
        headers.get(b"gs1-epcis-max", VERSION),
        has_xml,
    )
    for standard in (b"gs1-epcis", b"gs1-cbv"):
        least = headers.get(standard + b"-min", MIN_VERSION)
        _verify_versions(least, headers.get(standard + b"-max", VERSION))
    parameters = split_query_string(query.decode("latin-1"))
    per_page, token = parameters.pop(PER_PAGE, None), parameters.pop(TOKEN, None)
    return Asked(
        media_type=media_type,
        format=kind,
        epc_format=_epc_format(headers.get(b"gs1-epc-format")),
        cbv_format=_cbv_format(headers.get(b"gs1-cbv-xml-format", "No_Preference")),
        prefixes=_prefixes(headers.get(b"gs1-extensions")),
        parameters=parameters,
        per_page=DEFAULT_PER_PAGE if per_page is None else _per_page(per_page),
        token=None if token is None else _token(token),
        target=_target(path, query.decode("latin-1")),
    )


def raw_path(scope: Scope) -> str:
    """Return the path of a request as it was sent, escapes and all."""
    raw: bytes = scope["raw_path"]
    return raw.decode("latin-1").partition("?")[0]


def path_value(raw: str) -> str:
    """Return a value that stands in a path: percent-encoded, or a URI with its own escapes.

    Raises:
        MalformedError: It is no UTF-8.
    """
    if "://" in raw:
        return raw
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise MalformedError("path", "is UTF-8", raw) from None


@lru_cache(maxsize=256)
def _verify_versions(least: str, most: str) -> None:
    lowest, highest = version_parts(least), version_parts(most)
    if (
        not lowest
        or lowest > version_parts(VERSION)
        or not highest
        or highest < version_parts(MIN_VERSION)
    ):
        raise NotAcceptableError(f"versions {MIN_VERSION} to {VERSION} are served")


@lru_cache(maxsize=256)
def _negotiated(accept: str, most: str, has_xml: bool) -> tuple[str, Format]:
    highest = version_parts(most) or _FIRST_OF_JSON
    for media_type in wanted_types(accept):
        found = _TAKEN.get(media_type)
        if found is None:
            continue
        if "xml" in found:
            if not has_xml:
                continue
            return found, Format.XML_20 if highest >= _FIRST_OF_JSON else Format.XML_12
        if highest >= _FIRST_OF_JSON:
            return found, Format.JSON
    xml = ", or XML of 2.0 or 1.2" if has_xml else f" of {VERSION}"
    raise NotAcceptableError(f"this resource is JSON{xml}, not {accept[:120]}")


def _epc_format(value: str | None) -> EpcFormat:
    if value is None:
        return EpcFormat.ALWAYS_GS1_DIGITAL_LINK
    try:
        wanted = EpcFormat(value.strip())
    except ValueError:
        rule = f"is one of {', '.join(EpcFormat)}"
        raise MalformedError("GS1-EPC-Format", rule, value) from None
    return EpcFormat.ALWAYS_GS1_DIGITAL_LINK if wanted is EpcFormat.NO_PREFERENCE else wanted


def _cbv_format(value: str) -> CbvFormat:
    try:
        return CbvFormat(value.strip())
    except ValueError:
        rule = f"is one of {', '.join(CbvFormat)}"
        raise MalformedError("GS1-CBV-XML-Format", rule, value) from None


def _prefixes(header: str | None) -> Prefixes:
    return STANDARD_PREFIXES if header is None else parse_extensions(header)


def _per_page(values: list[str]) -> int:
    if len(values) != 1 or not re.fullmatch(r"[1-9][0-9]{0,8}", values[0], re.ASCII):
        raise QueryParameterError(PER_PAGE, "is one whole number from 1 on", ",".join(values))
    return int(values[0])


def _token(values: list[str]) -> str:
    if len(values) != 1 or not 0 < len(values[0]) <= MAX_TOKEN:
        raise QueryParameterError(TOKEN, "is one token of this server", ",".join(values))
    return values[0]


def _target(path: str, query: str) -> str:
    kept = [part for part in query.split("&") if part and not part.startswith(f"{TOKEN}=")]
    return f"{path}?{'&'.join(kept)}"
