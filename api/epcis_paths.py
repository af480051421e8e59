"""The paths under /epcis with their methods, and the headers that every answer there carries.

One table: `OPTIONS` and the `Allow` of a 405 are told from it, whichever module serves a method.
HEAD is not in it, nor has any route it: the guard answers it wherever there is GET.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from typing import Final

from ledger.core.submission import MAX_EVENTS
from ledger.service.query_ports import Resource

PREFIX: Final = "/epcis"
CAPTURE: Final = "/epcis/capture"
CAPTURE_JOB: Final = "/epcis/capture/{captureID}"
EVENTS: Final = "/epcis/events"
SUBSCRIPTIONS: Final = "/epcis/queries/{queryName}/subscriptions"
SUBSCRIPTION: Final = "/epcis/queries/{queryName}/subscriptions/{subscriptionID}"
EVENT: Final = "/epcis/events/{eventID:path}"
# The values that events have: path of one value, under the name of the resource.
RESOURCES: Final[Mapping[Resource, str]] = {
    Resource.EVENT_TYPES: "/epcis/eventTypes/{eventType:path}",
    Resource.EPCS: "/epcis/epcs/{epc:path}",
    Resource.BIZ_STEPS: "/epcis/bizSteps/{bizStep:path}",
    Resource.BIZ_LOCATIONS: "/epcis/bizLocations/{bizLocation:path}",
    Resource.READ_POINTS: "/epcis/readPoints/{readPoint:path}",
    Resource.DISPOSITIONS: "/epcis/dispositions/{disposition:path}",
}
RESOURCE_EVENTS: Final = {resource: f"{path}/events" for resource, path in RESOURCES.items()}
QUERIES: Final = "/epcis/queries"
QUERY: Final = "/epcis/queries/{queryName}"
QUERY_EVENTS: Final = "/epcis/queries/{queryName}/events"
NEXT_PAGE_TOKEN: Final = "/epcis/nextPageToken/{token}"  # noqa: S105 -- a path

# A parameter with `:path` may hold slashes; more special paths come first.
METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    SUBSCRIPTIONS: ("POST", "GET"),
    SUBSCRIPTION: ("GET", "DELETE"),
    PREFIX: ("GET",),
    CAPTURE: ("POST", "GET"),
    CAPTURE_JOB: ("GET",),
    EVENTS: ("POST", "GET"),
    EVENT: ("GET",),
    **{f"{PREFIX}/{resource.value}": ("GET",) for resource in Resource},
    **dict.fromkeys(RESOURCE_EVENTS.values(), ("GET",)),
    **dict.fromkeys(RESOURCES.values(), ("GET",)),
    QUERIES: ("POST", "GET"),
    QUERY_EVENTS: ("GET",),
    QUERY: ("GET", "DELETE"),
    NEXT_PAGE_TOKEN: ("DELETE",),
}

# Documents of 1.2 come as XML; what is served is 2.0 unless its route says otherwise.
VERSION: Final = "2.0.0"
MIN_VERSION: Final = "1.2.0"
EPCIS_HEADERS: Final[Mapping[str, str]] = {
    "GS1-EPCIS-Version": VERSION,
    "GS1-EPCIS-Min": MIN_VERSION,
    "GS1-EPCIS-Max": VERSION,
    "GS1-CBV-Version": VERSION,
    "GS1-CBV-Min": MIN_VERSION,
    "GS1-CBV-Max": VERSION,
    "GS1-Vendor-Version": f"unbroken-{version('unbroken')}",
}
# A day's events of a plant in one document have about 10 MB; the body is held three times over.
MAX_BODY: Final = 32 * 1024 * 1024
LIMITS: Final[Mapping[str, str]] = {
    "GS1-EPCIS-Capture-Limit": str(MAX_EVENTS),
    "GS1-EPCIS-Capture-File-Size-Limit": str(MAX_BODY),
}


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(_pattern(template)), template) for template in METHODS]


def _pattern(template: str) -> str:
    literal = re.split(r"\{\w+(:path)?\}", template)
    # Odd places hold the captured `:path` or None.
    return "".join(
        re.escape(part or "") if i % 2 == 0 else (".+" if part else "[^/]+")
        for i, part in enumerate(literal)
    )


def allowed_methods(path: str) -> str | None:
    """Return the `Allow` of a path under /epcis, None when the table has no such path."""
    known = PREFIX if path == f"{PREFIX}/" else path
    for pattern, template in _patterns():
        if pattern.fullmatch(known):
            return allowed(template)
    return None


def allowed(template: str) -> str:
    """Return the `Allow` of a row of the table."""
    return with_head(("OPTIONS", *METHODS[template]))


def with_head(methods: Sequence[str]) -> str:
    """Return the `Allow` of a route, whose own methods may have GET."""
    return ", ".join((*methods, *(["HEAD"] if "GET" in methods else [])))
