"""Bad input: each is a problem that names the field, the rule and the value."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from api.app import create_app
from api.epcis_paths import MAX_BODY
from ledger.bootstrap import Node
from ledger.core.eip712 import submission_digest
from ledger.core.entries import entry_leaf_hash
from ledger.core.merkle import root_hash
from ledger.core.signatures import sign
from ledger.core.submission import doc_hash, parse_submission
from tests.integration.partners import (
    Partner,
    commission,
    document,
    new_item,
    post,
    signed,
)

Make = Callable[..., Partner]
DOCUMENT = document(commission("https://id.gs1.org/01/04012345111118/21/bad"))


@pytest.fixture(scope="session")
def careless(partner: Make) -> Partner:
    return partner("Careless")


@pytest.fixture(scope="session")
def part(node: Node, careless: Partner) -> bytes:
    return signed(node, DOCUMENT, careless)


def signed_anew(node: Node, by: Partner, part: bytes, raw: bytes) -> bytes:
    """The part with a signature that holds for other bytes: who may sign is told what is wrong."""
    old = parse_submission(part)
    domain = node.identity.domain()
    digest = submission_digest(
        domain.separator(),
        domain.log_id,
        root_hash([entry_leaf_hash(event.entry) for event in old.events]),
        len(old.events),
        doc_hash(old.doc_salt, raw),
        old.issued_at,
    )
    return edited(part, signature=sign(by.signer.private_key, digest).hex())


def edited(part: bytes, **members: object) -> bytes:
    return json.dumps({**json.loads(part), **members}).encode()


BAD_CAPTURES: dict[str, tuple[Callable[[bytes], tuple[bytes, bytes]], str, str]] = {
    "not JSON": (lambda part: (part, b"{"), "json", "must be JSON"),
    "not UTF-8": (lambda part: (part, b'"\xff"'), "json", "must be UTF-8"),
    "byte order mark": (lambda part: (part, b"\xef\xbb\xbf{}"), "json", "byte order mark"),
    "member twice": (
        lambda part: (part, DOCUMENT.replace(b"{", b'{"type":1,', 1)),
        "json",
        "member twice",
    ),
    "NaN": (lambda part: (part, b'{"a":NaN}'), "json", "finite"),
    "integer past 2^53": (lambda part: (part, b'{"a":9007199254740993}'), "json", "2^53-1"),
    "lone surrogate": (lambda part: (part, b'{"a":"\\ud800"}'), "json", "surrogate"),
    "too deep": (lambda part: (part, b"[" * 65 + b"]" * 65), "json", "deeper"),
    "no document": (lambda part: (part, b"1"), "document", "JSON object"),
    "an empty list": (lambda part: (part, b"[]"), "document", "empty list"),
    "another type": (lambda part: (part, b'{"type":"Invoice"}'), "type", "EPCISDocument"),
    "another version": (
        lambda part: (part, DOCUMENT.replace(b'"2.0"', b'"1.2"')),
        "/schemaVersion",
        "2.x",
    ),
    "no events": (
        lambda part: (part, document()),
        "submission.events",
        "0 events",
    ),
    "an event that is none": (
        lambda part: (part, DOCUMENT.replace(b'"eventList": [', b'"eventList": [1, ')),
        "/epcisBody/eventList/0",
        "object",
    ),
    "XML that is cut short": (
        lambda part: (part, b"<EPCISDocument"),
        "xml",
        "well-formed",
    ),
    "fewer entries than events": (
        lambda part: (part, document(*[commission("urn:x:1")] * 2)),
        "submission.events",
        "2 events",
    ),
    "submission of another shape": (lambda _: (b"[]", DOCUMENT), "submission", "object"),
    "unknown member": (lambda part: (edited(part, extra=1), DOCUMENT), "submission", "extra"),
    "short signature": (
        lambda part: (edited(part, signature="00"), DOCUMENT),
        "submission.signature",
        "65 bytes",
    ),
    "upper-case salt": (
        lambda part: (edited(part, doc_salt="AB" * 16), DOCUMENT),
        "submission.doc_salt",
        "lower-case",
    ),
    "negative time": (
        lambda part: (edited(part, issuedAt=-1), DOCUMENT),
        "submission.issuedAt",
        "1970",
    ),
    "entry that is no base64": (
        lambda part: (edited(part, events=[{"entry": "*", "event_secret": "00" * 32}]), DOCUMENT),
        "submission.events[0].entry",
        "base64",
    ),
    "entry cut short": (
        lambda part: (
            edited(part, events=[{"entry": "VUJFMQ==", "event_secret": "00" * 32}]),
            DOCUMENT,
        ),
        "entry",
        "268 bytes",
    ),
}


@pytest.mark.parametrize("name", BAD_CAPTURES)
def test_a_bad_capture_names_field_rule_and_value(
    api: httpx.Client, node: Node, careless: Partner, part: bytes, name: str
) -> None:
    make, field, rule = BAD_CAPTURES[name]
    sent, raw = make(part)
    if sent is part:
        sent = signed_anew(node, careless, part, raw)
    media = "application/xml" if raw.startswith(b"<") else "application/json"
    answer = post(api, sent, raw, media)
    told = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (
        400,
        "application/problem+json",
    ), told
    assert told["type"] == "epcisException:ValidationException"
    assert told["status"] == 400
    assert told["field"] == field
    assert rule in told["rule"]
    assert field in told["detail"]


BAD_REQUESTS = [
    ("/items/01/04012345111119/21/1", 400, "item", "check digit", "04012345111119"),
    ("/items/01/04012345111119/21/1/proof", 400, "item", "check digit", "04012345111119"),
    ("/items/01/04012345111118/21", 400, "item", "GS1 key", "01/04012345111118/21"),
    ("/items/urn:epc:id:sgtin:4012345.1.1", 400, "item", "13 digits", "4012345.1"),
    ("/items/%FF", 400, "item", "UTF-8", "%FF"),
    ("/items/a%00b", 400, "path", "NUL", "%00"),
    ("/items/x?after=-2", 422, "after", "greater than", "-2"),
    ("/keys/0xAA", 400, "address", "20 bytes", "0xAA"),
    ("/checkpoint/0", 422, "size", "greater than", "0"),
    ("/checkpoint/one", 422, "size", "integer", "one"),
    ("/tile/0/1", 400, "tile", "x001/x234/067", "1"),
    ("/tile/0/x000/001", 400, "tile", "leading", "x000/001"),
    ("/tile/0/000.p/256", 400, "tile", "1 to 255", "000.p/256"),
    ("/tile/00/000", 400, "level", "0 to 63", "00"),
    ("/tile/64/000", 400, "level", "0 to 63", "64"),
    ("/findings?limit=501", 422, "limit", "less than", "501"),
    ("/findings?after=x", 400, "after", "page before", "x"),
    ("/findings?item=urn:epc:id:sgtin:1", 400, "item", "parts", "1"),
]


@pytest.mark.parametrize(("path", "status", "field", "rule", "value"), BAD_REQUESTS)
def test_a_bad_request_names_field_rule_and_value(
    api: httpx.Client, path: str, status: int, field: str, rule: str, value: str
) -> None:
    answer = api.get(path)
    told = answer.json()
    assert (answer.status_code, told["field"]) == (status, field), told
    assert rule in told["rule"]
    assert value in told["value"]
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_signature_by_another_key_is_refused(
    api: httpx.Client, node: Node, partner: Make, part: bytes
) -> None:
    other = json.loads(signed(node, DOCUMENT, partner("Forger")))
    answer = post(api, edited(part, signature=other["signature"]), DOCUMENT)
    assert answer.status_code == 401
    assert answer.json()["type"] == "epcisException:SecurityException"
    assert answer.headers["www-authenticate"]


def test_another_document_than_the_signed_one_is_refused(api: httpx.Client, part: bytes) -> None:
    assert post(api, part, DOCUMENT + b"\n").status_code == 401


def test_a_signer_whom_nobody_registered_is_refused(
    api: httpx.Client, node: Node, partner: Make
) -> None:
    known = partner("Known")
    stranger = Partner(
        signer=type(known.signer)(
            private_key=b"\x07" * 32, party=known.signer.party, party_secret=bytes(32)
        ),
        path=known.path,
        name="Stranger",
    )
    raw = document(commission(new_item()))
    answer = post(api, signed(node, raw, stranger), raw)
    assert answer.status_code == 403
    assert "not an active key" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [("text/csv", 415), ("application/gzip", 415), ("", 415), ("multipart/form-data", 400)],
)
def test_another_media_type_is_not_taken(api: httpx.Client, content_type: str, status: int) -> None:
    answer = api.post("/epcis/capture", content=b"<x/>", headers={"content-type": content_type})
    assert answer.status_code == status
    assert answer.json()["field"] == "content-type"


@pytest.mark.parametrize("media", ["text/csv", "application/xml"])
def test_a_document_part_of_another_media_type_is_not_taken(
    api: httpx.Client, part: bytes, media: str
) -> None:
    answer = post(api, part, DOCUMENT, media)
    assert answer.status_code == 415
    assert answer.json()["type"] == "epcisException:UnsupportedMediaTypeException"
    assert (answer.json()["field"], answer.json()["value"]) == ("document", media)


def test_a_body_that_says_it_is_too_large_is_not_read(api: httpx.Client) -> None:
    head = (
        "POST /epcis/capture HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n"
        f"Content-Length: {MAX_BODY + 1}\r\n\r\n"
    )
    with socket.create_connection((api.base_url.host, api.base_url.port)) as connection:
        connection.sendall(head.encode())
        answer = ""
        while "}" not in answer:
            answer += connection.recv(4096).decode()
    assert answer.startswith("HTTP/1.1 413 ")
    assert "epcisException:CaptureLimitExceededException" in answer


def test_a_body_that_turns_out_too_large_is_cut_off(api: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(MAX_BODY // 2**20 + 1):
            yield b"x" * 2**20

    answer = api.post(
        "/epcis/capture",
        content=chunks(),
        headers={"content-type": "multipart/form-data; boundary=b"},
    )
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/epcis/nothing", "/nothing", "/docs/", "/redoc"])
def test_an_unknown_path_is_a_problem(api: httpx.Client, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "capture_id", ["00" * 16, "0" * 31, "zz" * 16, "AA" * 16, "00" * 17, "0%200"]
)
def test_an_unknown_job_is_not_found(api: httpx.Client, capture_id: str) -> None:
    answer = api.get(f"/epcis/capture/{capture_id}")
    assert answer.status_code == 404
    assert answer.json()["type"] == "epcisException:NoSuchResourceException"


@pytest.mark.parametrize("size", [512 * 1024, MAX_BODY])
def test_a_definition_that_is_too_long_is_told_as_what_it_is(api: httpx.Client, size: int) -> None:
    headers = {"content-type": "application/json"}
    chunks = (b" " * 2**16 for _ in range(size // 2**16 + 1))
    answer = api.post("/epcis/queries", content=chunks, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["type"] == "epcisException:QueryValidationException"
    assert answer.json()["rule"] == "has at most 524288 bytes"


def test_another_method_is_told_which_are_taken(api: httpx.Client) -> None:
    answer = api.delete("/epcis/capture")
    assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, POST, GET, HEAD")
    assert answer.json()["status"] == 405
    assert api.put("/epcis/capture/x").headers["allow"] == "OPTIONS, GET, HEAD"
    assert "POST" in api.put("/epcis/events").headers["allow"]
    refused = api.delete("/log")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8000", 200),
        ("127.8.8.8", 200),
        ("ledger.example", 421),
        ("127.0.0.1.ledger.example", 421),
        ("localhost.ledger.example:8000", 421),
        ("10.0.0.1", 421),
        ("::1", 421),
        ("[127.0.0.1]", 421),
        ("127.0.0.1:x", 421),
        ("", 421),
    ],
)
def test_only_names_of_this_machine_are_answered(api: httpx.Client, host: str, status: int) -> None:
    answer = api.get("/log", headers={"host": host})
    assert answer.status_code == status
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_fault_of_ours_is_told_without_its_inside(node: Node) -> None:
    answers = _ask_broken(node, ZeroDivisionError("secret"))
    assert answers.status_code == 500
    assert "secret" not in answers.text
    assert answers.json()["type"] == "unbroken:internal"
    assert answers.headers["x-content-type-options"] == "nosniff"


def test_a_part_that_is_away_is_told_as_such(node: Node) -> None:
    answer = _ask_broken(node, OperationalError("SELECT secret", {}, Exception("secret")))
    assert answer.status_code == 503
    assert "secret" not in answer.text
    assert int(answer.headers["retry-after"]) > 0


def _ask_broken(node: Node, error: Exception) -> httpx.Response:
    """Ask an application one of whose routes raises error, in this process."""
    app = create_app(node)

    def broken() -> None:
        raise error

    app.add_api_route("/broken", broken)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/broken")

    return asyncio.run(ask())
