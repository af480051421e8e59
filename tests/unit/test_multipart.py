"""The two-part body: one shape is read, every other one is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.multipart import MAX_PART_HEADERS, boundary_of, split_capture
from ledger.core.errors import MalformedError

B = b"----edge"
SUBMISSION = (
    b'Content-Disposition: form-data; name="submission"; filename="submission.json"\r\n'
    b"Content-Type: application/json\r\n\r\n"
)
DOCUMENT = (
    b'Content-Disposition: form-data; name="document"\r\nContent-Type: application/ld+json\r\n\r\n'
)


def body(*parts: bytes, end: bytes = b"--\r\n") -> bytes:
    return b"".join(b"--" + B + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + B + end


def test_both_parts_are_returned_as_received() -> None:
    read = split_capture(body(SUBMISSION + b"{}", DOCUMENT + b' {"a":\r\n1}\n'), B)
    assert (read.submission, read.document) == (b"{}", b' {"a":\r\n1}\n')
    assert read.media_type == "application/ld+json"


def test_the_document_may_come_first_and_the_last_line_break_may_be_absent() -> None:
    read = split_capture(body(DOCUMENT + b"1", SUBMISSION + b"2", end=b"--"), B)
    assert (read.submission, read.document) == (b"2", b"1")


@given(
    document=st.binary(max_size=200),
    boundary=st.from_regex(r"[0-9A-Za-z'+_]{1,70}", fullmatch=True),
)
def test_any_document_without_the_boundary_survives(document: bytes, boundary: str) -> None:
    edge = boundary.encode()
    whole = body(SUBMISSION + b"{}", DOCUMENT + document).replace(b"--" + B, b"--" + edge)
    if b"\r\n--" + edge in b"\r\n" + document + b"\r\n" or b"--" + B in document:
        return
    assert split_capture(
        whole, boundary_of(f'multipart/form-data; boundary="{boundary}"')
    ).document == (document)


BAD_BODIES = {
    "empty": b"",
    "another boundary": body(SUBMISSION, DOCUMENT).replace(B, b"----edgy"),
    "preamble": b"hello\r\n" + body(SUBMISSION, DOCUMENT),
    "epilogue": body(SUBMISSION, DOCUMENT) + b"more",
    "cut short": body(SUBMISSION, DOCUMENT)[:-12],
    "cut in the last boundary": body(SUBMISSION, DOCUMENT)[:-3],
    "one part": body(SUBMISSION),
    "three parts": body(SUBMISSION, DOCUMENT, DOCUMENT),
    "a hidden third part": body(SUBMISSION, DOCUMENT + b"1\r\n--" + B + b"\r\n" + DOCUMENT + b"2"),
    "the boundary inside the document": body(SUBMISSION, DOCUMENT + b"1\r\n--" + B + b"X"),
    "a part twice": body(SUBMISSION, SUBMISSION),
    "an unknown part": body(SUBMISSION, DOCUMENT.replace(b'"document"', b'"documents"')),
    "no content type": body(
        SUBMISSION, DOCUMENT.replace(b"Content-Type: application/ld+json\r\n", b"")
    ),
    "a submission that is text": body(
        SUBMISSION.replace(b"application/json", b"text/plain"), DOCUMENT
    ),
    "a transfer encoding": body(SUBMISSION, b"Content-Transfer-Encoding: base64\r\n" + DOCUMENT),
    "a field twice": body(SUBMISSION, b"Content-Type: application/json\r\n" + DOCUMENT),
    "bare line feeds": body(SUBMISSION, DOCUMENT).replace(b"\r\n", b"\n"),
    "a folded header": body(SUBMISSION, DOCUMENT.replace(b"; name", b";\r\n name")),
    "a second name": body(SUBMISSION, DOCUMENT.replace(b'"document"', b'"document"; name="x"')),
    "headers without end": body(SUBMISSION, b"Content-Type: " + b"a" * MAX_PART_HEADERS),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_any_other_body_is_refused(name: str) -> None:
    with pytest.raises(MalformedError) as caught:
        split_capture(BAD_BODIES[name], B)
    assert caught.value.field.startswith("body")


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=" + "a" * 71,
        'multipart/form-data; boundary="a "',
        'multipart/form-data; boundary="a\\"b"',
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; charset=utf-8",
    ],
)
def test_a_content_type_names_one_boundary(content_type: str) -> None:
    with pytest.raises(MalformedError) as caught:
        boundary_of(content_type)
    assert caught.value.field == "content-type"


def test_a_boundary_may_be_quoted() -> None:
    assert boundary_of('multipart/form-data; boundary="a b"') == b"a b"
    assert boundary_of("Multipart/Form-Data;boundary=a-b") == b"a-b"
