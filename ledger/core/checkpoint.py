"""C2SP tlog-checkpoint and signed-note text (docs/spec/log.md); the signing itself is a port's."""

import base64
import hashlib

_ED25519_NOTE = b"\x01"


def checkpoint_text(origin: str, size: int, root: bytes) -> bytes:
    """Return the bytes that are signed: origin, size, root, each on a line."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n".encode()


def signed_note(origin: str, text: bytes, public_key: bytes, signature: bytes) -> bytes:
    """Return the note: text, a blank line, one Ed25519 signature line."""
    name = origin.encode()
    key_id = hashlib.sha256(name + b"\n" + _ED25519_NOTE + public_key).digest()[:4]
    line = base64.b64encode(key_id + signature)
    return text + b"\n" + "— ".encode() + name + b" " + line + b"\n"
