r"""Private keys and secrets at rest: one encrypted file each, readable by its owner alone.

`<name>.evm.json` is Web3 Secret Storage version 3 (scrypt, AES-128-CTR), as other wallets read it.

`<name>.secret.json` holds any other secret: the Ed25519 checkpoint key, a party's 32 bytes, the
storage key. One JSON object, bytes in lower-case hexadecimal:

    {"format": "unbroken/secret/v1", "name": …, "n": …, "r": 8, "p": 1,
     "salt": 16 bytes, "nonce": 12 bytes, "ciphertext": the secret and a 16-byte tag}

    key        = scrypt(password, salt, n, r, p), 32 bytes
    ciphertext = AES-256-GCM(key, nonce, secret, associated data "unbroken/secret/v1\0" || name)

The name is authenticated, so a file that was renamed does not open. A key and a secret may share
a name. Files are written once and never replaced: a new key gets a new name.
"""

import contextlib
import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eth_account import Account

from ledger.core.errors import LedgerError, NotFoundError

SCRYPT_N = 2**15
"""Cost of one guess at the password: 32 MiB and about 0.12 s on one core. OWASP's least is this
with p = 3; a server opens some ten keys at start, and a machine made its password."""

MAX_SCRYPT_N = 2**20
"""A file may ask for 1 GiB at most: a foreign wallet's 2^18 opens, a planted 2^30 does not."""

MAX_FILE_BYTES = 16_384
"""A keystore is below 1 kB; a planted file must not fill the memory."""

MAX_SECRET_BYTES = 1_024
"""Keys and seeds are 32 or 64 bytes: this is no store for documents."""

_FORMAT = "unbroken/secret/v1"
_SCRYPT_R = 8
_SCRYPT_P = 1
_NAME = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
_FILE = re.compile(r"([a-z0-9-]{1,64})\.(evm|secret)\.json", re.ASCII)

Kind = Literal["evm", "secret"]


class KeystoreError(LedgerError):
    """A keystore cannot be made, read or opened: names the key, never what is in it."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class KeyEntry:
    """One file of a keystore; `address` (20 bytes) only of an EVM key."""

    name: str
    kind: Kind
    address: bytes | None = None


class Keystore:
    """The keystore files of one folder and the password that opens all of them.

    An opened key stays in memory, so that each costs its scrypt once per process.
    """

    def __init__(self, directory: Path, password: bytes) -> None:
        """Read nothing yet; the folder is made, mode 700, with the first key."""
        self._directory = directory
        self._password = password
        self._opened: dict[tuple[Kind, str], bytes] = {}

    def create_evm(self, name: str) -> bytes:
        """Make a secp256k1 key and return its address, 20 bytes.

        Raises:
            KeystoreError: The name is malformed or taken.
        """
        key = Account.create()
        password = self._password  # bytes are taken as they are
        document = Account.encrypt(
            key.key,
            password,  # type: ignore[arg-type]
            kdf="scrypt",
            iterations=SCRYPT_N,
        )
        document["address"] = key.address.removeprefix("0x").lower()
        self._write("evm", name, document, bytes(key.key))
        return bytes.fromhex(document["address"])

    def private_key(self, name: str) -> bytes:
        """Return the 32 bytes of an EVM key.

        Raises:
            NotFoundError: There is no such key.
            KeystoreError: The password is wrong, or the file is damaged or open to others.
        """
        return self._open("evm", name, self._decrypt_evm)

    def address_of(self, name: str) -> bytes:
        """Return an EVM key's address, 20 bytes, without the password.

        It is what the file claims; `private_key` checks that claim.

        Raises:
            NotFoundError: There is no such key.
            KeystoreError: The file is damaged or open to others.
        """
        return _address(name, self._read("evm", name))

    def create_secret(self, name: str, nbytes: int) -> bytes:
        """Make `nbytes` random bytes, keep them encrypted, and return them.

        Raises:
            KeystoreError: The name is malformed or taken, or the size is not 16 to 1,024.
        """
        if not 16 <= nbytes <= MAX_SECRET_BYTES:  # noqa: PLR2004 - 128 bits, the least worth keeping
            raise KeystoreError(f"secret {name}: 16 to {MAX_SECRET_BYTES} bytes, got {nbytes}")
        return self._write_secret(name, secrets.token_bytes(nbytes))

    def copy_secret(self, name: str, to: str) -> None:
        """Keep a secret under a second name: a party's, when its signing key is rotated.

        Raises:
            NotFoundError: There is no such secret.
            KeystoreError: It does not open, or the new name is malformed or taken.
        """
        self._write_secret(to, self.secret(name))

    def _write_secret(self, name: str, value: bytes) -> bytes:
        salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
        key = _derive(self._password, salt, SCRYPT_N)
        document = {
            "format": _FORMAT,
            "name": name,
            "n": SCRYPT_N,
            "r": _SCRYPT_R,
            "p": _SCRYPT_P,
            "salt": salt.hex(),
            "nonce": nonce.hex(),
            "ciphertext": AESGCM(key).encrypt(nonce, value, _associated(name)).hex(),
        }
        self._write("secret", name, document, value)
        return value

    def secret(self, name: str) -> bytes:
        """Return the bytes that `create_secret` made.

        Raises:
            NotFoundError: There is no such secret.
            KeystoreError: The password is wrong, or the file is damaged, renamed or open to others.
        """
        return self._open("secret", name, self._decrypt_secret)

    def list(self) -> tuple[KeyEntry, ...]:
        """Return every entry by name, without the password.

        Raises:
            KeystoreError: A file is damaged or open to others.
        """
        found = (_FILE.fullmatch(path.name) for path in self._directory.glob("*.json"))
        return tuple(sorted(self._entry(match[1], match[2]) for match in found if match))

    def _entry(self, name: str, kind: str) -> KeyEntry:
        if kind == "evm":
            return KeyEntry(name=name, kind="evm", address=self.address_of(name))
        return KeyEntry(name=name, kind="secret")

    def _open(
        self, kind: Kind, name: str, decrypt: Callable[[str, dict[str, object]], bytes]
    ) -> bytes:
        if (kind, name) not in self._opened:
            document = self._read(kind, name)
            try:
                value = decrypt(name, document)
            except (InvalidTag, KeyError, TypeError, ValueError) as error:
                raise KeystoreError(f"key {name}: wrong password or damaged file") from error
            self._opened[kind, name] = value
        return self._opened[kind, name]

    def _decrypt_evm(self, name: str, document: dict[str, object]) -> bytes:
        crypto = document["crypto"]
        if not isinstance(crypto, dict):
            raise KeystoreError(f"key {name}: no crypto member")
        if crypto["kdf"] != "scrypt":
            raise KeystoreError(f"key {name}: its password is not hardened by scrypt")
        cost = crypto["kdfparams"]
        _check_cost(name, cost["n"] * cost["r"] * cost["p"] // (_SCRYPT_R * _SCRYPT_P))
        value = bytes(Account.decrypt(document, self._password))  # type: ignore[arg-type]
        derived = Account.from_key(value).address.removeprefix("0x").lower()
        if bytes.fromhex(derived) != _address(name, document):
            raise KeystoreError(f"key {name}: the file claims another address than its key has")
        return value

    def _decrypt_secret(self, name: str, document: dict[str, object]) -> bytes:
        if (document["format"], document["r"], document["p"]) != (_FORMAT, _SCRYPT_R, _SCRYPT_P):
            raise KeystoreError(f"secret {name}: not {_FORMAT}")
        salt, nonce, sealed = (_bytes(document, key) for key in ("salt", "nonce", "ciphertext"))
        key = _derive(self._password, salt, _check_cost(name, document["n"]))
        return AESGCM(key).decrypt(nonce, sealed, _associated(name))

    def _path(self, kind: Kind, name: str) -> Path:
        # Attack: a name that is a path would read or write outside the folder.
        if not _NAME.fullmatch(name):
            raise KeystoreError(f"key {name[:70]!r}: a name is 1 to 64 of a-z, 0-9 and -")
        return self._directory / f"{name}.{kind}.json"

    def _read(self, kind: Kind, name: str) -> dict[str, object]:
        path = self._path(kind, name)
        try:
            document = json.loads(read_private(path, limit=MAX_FILE_BYTES))
        except FileNotFoundError:
            raise NotFoundError(f"no {kind} key is named {name}") from None
        except ValueError as error:
            raise KeystoreError(f"key {name}: damaged file") from error
        if not isinstance(document, dict):
            raise KeystoreError(f"key {name}: damaged file")
        return document

    def _write(self, kind: Kind, name: str, document: Mapping[str, object], value: bytes) -> None:
        path = self._path(kind, name)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            write_private(path, json.dumps(document, indent=1).encode() + b"\n")
        except FileExistsError:
            raise KeystoreError(f"key {name}: exists already; keys are never replaced") from None
        self._opened[kind, name] = value


def resolve_password(given: bytes | None, *, secret_file: Path, may_make: bool) -> bytes:
    """Return the keystore password: the given one, else the devnet's own, made on first use.

    Raises:
        KeystoreError: None is given and none may be made, or the file is open to others.
    """
    if given is not None:
        return given
    if not may_make:
        raise KeystoreError("UNBROKEN_KEYSTORE_PASSWORD is not set; only a devnet makes its own")
    if not secret_file.exists():
        secret_file.parent.mkdir(parents=True, exist_ok=True)
        # Another process may be first: then the password is the one on disk.
        with contextlib.suppress(FileExistsError):
            write_private(secret_file, secrets.token_hex(32).encode() + b"\n")
    return read_private(secret_file, limit=MAX_SECRET_BYTES).strip()


def write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 600 that is whole or absent, whenever the machine stops.

    It is linked into place rather than renamed, because a rename would replace a key of that name.

    Raises:
        FileExistsError: There is such a file.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.link(temporary, path)
    finally:
        temporary.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_private(path: Path, *, limit: int) -> bytes:
    """Read at most `limit` bytes of a file that nobody but its owner may open.

    Raises:
        FileNotFoundError: There is no such file.
        KeystoreError: Others may open it, or it is longer.
    """
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise KeystoreError(f"{path.name}: others may open it; set its mode to 600")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise KeystoreError(f"{path.name}: longer than {limit} bytes")
    return content


def _address(name: str, document: Mapping[str, object]) -> bytes:
    text = document.get("address")
    # Other wallets write the prefix and mixed case.
    if not isinstance(text, str) or not re.fullmatch(r"(0x)?[0-9a-fA-F]{40}", text, re.ASCII):
        raise KeystoreError(f"key {name}: the file names no address")
    return bytes.fromhex(text.removeprefix("0x"))


def _bytes(document: Mapping[str, object], member: str) -> bytes:
    text = document[member]
    if not isinstance(text, str):
        raise TypeError(member)
    return bytes.fromhex(text)


def _check_cost(name: str, n: object) -> int:
    if not isinstance(n, int) or not 0 < n <= MAX_SCRYPT_N:
        raise KeystoreError(f"key {name}: a scrypt cost outside 1 to {MAX_SCRYPT_N}")
    return n


def _derive(password: bytes, salt: bytes, n: int) -> bytes:
    memory = 128 * _SCRYPT_R * (n + 2 * _SCRYPT_P)  # RFC 7914: what OpenSSL must be allowed
    return hashlib.scrypt(
        password, salt=salt, n=n, r=_SCRYPT_R, p=_SCRYPT_P, maxmem=2 * memory, dklen=32
    )


def _associated(name: str) -> bytes:
    return _FORMAT.encode() + b"\0" + name.encode()
