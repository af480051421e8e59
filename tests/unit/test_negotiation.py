"""Headers of requests under /epcis, and the table of its paths."""

import pytest

from api.epcis_paths import METHODS, allowed_methods
from api.negotiation import (
    NotAcceptableError,
    error_behaviour,
    is_dry_run,
    verify_accept,
    verify_headers,
    verify_version,
)
from ledger.core.errors import MalformedError
from ledger.service.ports import ErrorBehaviour


@pytest.mark.parametrize(
    "value",
    [
        b"*/*", b"application/json", b"application/*", b"text/html, */*;q=0.1", b"",
        b"application/problem+json", b"APPLICATION/JSON; charset=utf-8", b"application/ld+json",
        b"application/json;q=0.5", b"application/problem+xml",
        b"application/problem+json, application/problem+xml;q=0.5",
    ],
)  # fmt: skip
def test_json_is_taken(value: bytes) -> None:
    verify_accept(value)


@pytest.mark.parametrize(
    "value",
    [
        b"text/html", b"application/xml", b"application/json;q=0", b"application/json; q=0.000",
        b"application/jsonp", b"text/*", b",", b"*",
        b"application/xml, application/problem+xml", b"application/problem+json;q=0",
    ],
)  # fmt: skip
def test_another_answer_cannot_be_given(value: bytes) -> None:
    with pytest.raises(NotAcceptableError):
        verify_accept(value)


@pytest.mark.parametrize("value", [b"2.0.0", b"2.0", b"2", b"1.2", b"1.2.0", b"1.9.9", b" 2.0 "])
def test_versions_between_both_ends_are_taken(value: bytes) -> None:
    verify_version(value)
    verify_headers({b"gs1-epcis-version": value, b"gs1-cbv-version": value, b"other": b"x"})


@pytest.mark.parametrize(
    "value",
    [b"2.0.1", b"2.1", b"3", b"1.1.9", b"0", b"", b"two", b"2.0.0.0", b"-2", b"2.", b"\xff"],
)
def test_other_versions_are_not(value: bytes) -> None:
    for name in (b"gs1-epcis-version", b"gs1-cbv-version"):
        with pytest.raises(NotAcceptableError):
            verify_headers({name: value})


def test_rollback_is_the_default() -> None:
    assert error_behaviour({}) is ErrorBehaviour.ROLLBACK
    name = b"gs1-capture-error-behaviour"
    assert error_behaviour({name: b"rollback"}) is ErrorBehaviour.ROLLBACK
    assert error_behaviour({name: b"proceed"}) is ErrorBehaviour.PROCEED


@pytest.mark.parametrize("value", [b"all", b"Rollback", b"", b"rollback, proceed"])
def test_another_behaviour_is_refused(value: bytes) -> None:
    with pytest.raises(MalformedError, match="GS1-Capture-Error-Behaviour"):
        error_behaviour({b"gs1-capture-error-behaviour": value})


@pytest.mark.parametrize(
    ("query", "wanted"), [(b"dryRun=true", True), (b"dryRun", True), (b"dryRun=false", False)]
)
def test_a_dry_run_is_asked_for(query: bytes, *, wanted: bool) -> None:
    assert is_dry_run(query) is wanted


@pytest.mark.parametrize("query", [b"dryrun=true", b"dryRun=yes", b"dryRun=true&x=1", b"\xff=1"])
def test_another_query_is_refused(query: bytes) -> None:
    with pytest.raises(MalformedError):
        is_dry_run(query)


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/epcis/capture", "OPTIONS, POST, GET, HEAD"),
        ("/epcis/capture/5f", "OPTIONS, GET, HEAD"),
        ("/epcis/nextPageToken/5f", "OPTIONS, DELETE"),
        ("/epcis/capture/a/b", None),
        ("/epcis/captures", None),
        ("/epcis//", None),
        ("/epcis/", "OPTIONS, GET, HEAD"),
    ],
)
def test_the_table_tells_what_a_path_takes(path: str, allow: str | None) -> None:
    assert allowed_methods(path) == allow


@pytest.mark.parametrize("template", METHODS)
def test_every_path_of_the_table_is_found_in_it(template: str) -> None:
    path = template.replace("{", "").replace(":path}", "").replace("}", "")
    assert allowed_methods(path) is not None
