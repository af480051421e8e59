"""Checkpoints: C2SP tlog-checkpoint and signed-note, byte for byte."""

from base64 import b64decode
from hashlib import sha256

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.checkpoint import checkpoint_text, signed_note

ORIGIN = "unbroken.example/log"
ROOT = bytes(range(32))
KEY = Ed25519PrivateKey.from_private_bytes(bytes([4]) * 32)
PUBLIC = KEY.public_key().public_bytes_raw()


def test_the_text_is_origin_size_and_root_each_on_a_line() -> None:
    assert checkpoint_text(ORIGIN, 5, ROOT) == (
        b"unbroken.example/log\n5\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    )
    assert checkpoint_text("é", 0, bytes(32)).startswith("é\n0\n".encode())


@given(st.integers(0, (1 << 64) - 1), st.binary(min_size=32, max_size=32))
def test_a_note_is_the_text_and_one_signature_line(size: int, root: bytes) -> None:
    text = checkpoint_text(ORIGIN, size, root)
    note = signed_note(ORIGIN, text, PUBLIC, KEY.sign(text))
    body, empty, line, end = note.decode().rsplit("\n", 3)
    assert body.encode() + b"\n" == text
    assert (empty, end) == ("", "")
    dash, name, encoded = line.split(" ")
    assert (dash, name) == ("\u2014", ORIGIN)
    raw = b64decode(encoded, validate=True)
    assert raw[:4] == sha256(ORIGIN.encode() + b"\n\x01" + PUBLIC).digest()[:4]
    KEY.public_key().verify(raw[4:], text)
    with pytest.raises(InvalidSignature):
        KEY.public_key().verify(raw[4:], text[:-1])


def test_the_key_id_is_that_of_the_published_example() -> None:
    # The verifier key that C2SP signed-note shows: name, key id, 0x01 || public key.
    name, key_id = "example.com/foo", "530d903a"
    public = b64decode("AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")[1:]
    encoded = signed_note(name, b"", public, bytes(64)).split(b" ")[-1]
    assert b64decode(encoded)[:4].hex() == key_id
