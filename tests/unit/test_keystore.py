"""Keystores open with their password only, and nothing replaces a key."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from eth_account import Account

from ledger import keystore as module
from ledger.core.errors import NotFoundError
from ledger.keystore import KeyEntry, Keystore, KeystoreError, resolve_password, write_private

PASSWORD = b"correct horse battery staple"


@pytest.fixture
def keys(tmp_path: Path) -> Keystore:
    return Keystore(tmp_path / "keys", PASSWORD)


def reopened(keys: Keystore, password: bytes = PASSWORD) -> Keystore:
    """Another process on the same folder: nothing is open yet."""
    return Keystore(keys._directory, password)


def damaged(keys: Keystore, file: str, change: Callable[[dict[str, object]], object]) -> Keystore:
    path = keys._directory / file
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))
    return reopened(keys)


def test_an_evm_key_opens_in_another_process_and_has_its_address(keys: Keystore) -> None:
    address = keys.create_evm("maker")
    private = reopened(keys).private_key("maker")
    assert len(private) == 32
    assert private == keys.private_key("maker")
    assert Account.from_key(private).address.lower() == "0x" + address.hex()
    assert reopened(keys, b"").address_of("maker") == address


def test_an_evm_key_is_a_wallet_file_that_other_programs_open(keys: Keystore) -> None:
    keys.create_evm("maker")
    document = json.loads((keys._directory / "maker.evm.json").read_bytes())
    assert document["version"] == 3
    assert bytes(Account.decrypt(document, PASSWORD.decode())) == keys.private_key("maker")


def test_a_secret_opens_in_another_process(keys: Keystore) -> None:
    value = keys.create_secret("checkpoint", 32)
    assert len(value) == 32
    assert reopened(keys).secret("checkpoint") == value


def test_two_secrets_share_no_byte_string_on_disk(keys: Keystore) -> None:
    assert keys.create_secret("a", 32) != keys.create_secret("b", 32)
    a, b = (json.loads((keys._directory / f"{n}.secret.json").read_bytes()) for n in "ab")
    assert all(a[member] != b[member] for member in ("salt", "nonce", "ciphertext"))


def test_the_list_needs_no_password_and_is_sorted(keys: Keystore) -> None:
    keys.create_secret("maker", 32)
    address = keys.create_evm("maker")
    (keys._directory / ".maker.evm.json.leftover").write_bytes(b"cut short")
    (keys._directory / "notes.txt").write_bytes(b"")
    assert reopened(keys, b"").list() == (
        KeyEntry(name="maker", kind="evm", address=address),
        KeyEntry(name="maker", kind="secret"),
    )


def test_an_absent_folder_lists_nothing_and_is_not_made(keys: Keystore) -> None:
    assert keys.list() == ()
    assert not keys._directory.exists()


def test_files_are_for_their_owner_alone(keys: Keystore) -> None:
    keys.create_evm("maker")
    keys.create_secret("maker", 32)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in keys._directory.iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(keys._directory.stat().st_mode) == 0o700


def test_no_file_holds_its_secret_in_the_clear(keys: Keystore) -> None:
    keys.create_evm("maker")
    keys.create_secret("maker", 32)
    stored = b"".join(path.read_bytes() for path in keys._directory.iterdir()).lower()
    for value in (keys.private_key("maker"), keys.secret("maker")):
        assert value not in stored
        assert value.hex().encode() not in stored


def test_a_key_is_never_replaced(keys: Keystore) -> None:
    address, value = keys.create_evm("maker"), keys.create_secret("maker", 32)
    with pytest.raises(KeystoreError, match="exists already"):
        reopened(keys).create_evm("maker")
    with pytest.raises(KeystoreError, match="exists already"):
        keys.create_secret("maker", 32)
    assert reopened(keys).address_of("maker") == address
    assert keys.secret("maker") == reopened(keys).secret("maker") == value
    assert len(list(keys._directory.iterdir())) == 2


@pytest.mark.parametrize(
    "name", ["", "A", "a b", "../a", "a/b", "a.b", "a\n", "é", "a" * 65], ids=ascii
)
def test_a_name_is_no_path(keys: Keystore, name: str) -> None:
    for act in (keys.create_evm, keys.private_key, keys.secret, keys.address_of):
        with pytest.raises(KeystoreError, match="a name is"):
            act(name)


@pytest.mark.parametrize("nbytes", [-1, 0, 15, 1025])
def test_a_secret_has_a_sensible_size(keys: Keystore, nbytes: int) -> None:
    with pytest.raises(KeystoreError, match="16 to 1024 bytes"):
        keys.create_secret("small", nbytes)


def test_a_wrong_password_opens_nothing(keys: Keystore) -> None:
    keys.create_evm("maker")
    keys.create_secret("maker", 32)
    other = reopened(keys, b"correct horse battery stapl")
    with pytest.raises(KeystoreError, match="wrong password"):
        other.private_key("maker")
    with pytest.raises(KeystoreError, match="wrong password"):
        other.secret("maker")


def test_an_absent_key_is_not_found(keys: Keystore) -> None:
    keys.create_secret("maker", 32)
    for act in (keys.private_key, keys.address_of):
        with pytest.raises(NotFoundError):
            act("maker")
    with pytest.raises(NotFoundError):
        keys.secret("other")


SECRET_DAMAGE: dict[str, Callable[[dict[str, object]], object]] = {
    "salt": lambda d: d.update(salt="00" * 16),
    "nonce": lambda d: d.update(nonce="00" * 12),
    "nonce too short": lambda d: d.update(nonce="00"),
    "ciphertext": lambda d: d.update(ciphertext="00" * 48),
    "ciphertext empty": lambda d: d.update(ciphertext=""),
    "ciphertext no text": lambda d: d.update(ciphertext=7),
    "ciphertext no hexadecimal": lambda d: d.update(ciphertext="zz"),
    "cost lower": lambda d: d.update(n=2),
    "cost beyond the memory": lambda d: d.update(n=2**30),
    "cost no power of two": lambda d: d.update(n=3),
    "format": lambda d: d.update(format="unbroken/secret/v2"),
    "member missing": lambda d: d.pop("salt"),
}


@pytest.mark.parametrize("change", SECRET_DAMAGE.values(), ids=SECRET_DAMAGE.keys())
def test_a_damaged_secret_does_not_open(
    keys: Keystore, change: Callable[[dict[str, object]], object]
) -> None:
    keys.create_secret("maker", 32)
    with pytest.raises(KeystoreError):
        damaged(keys, "maker.secret.json", change).secret("maker")


def test_a_renamed_secret_does_not_open(keys: Keystore) -> None:
    keys.create_secret("maker", 32)
    (keys._directory / "maker.secret.json").rename(keys._directory / "other.secret.json")
    with pytest.raises(KeystoreError, match="wrong password or damaged"):
        reopened(keys).secret("other")


EVM_DAMAGE: dict[str, Callable[[dict[str, object]], object]] = {
    "another address": lambda d: d.update(address="00" * 20),
    "no address": lambda d: d.pop("address"),
    "no crypto": lambda d: d.update(crypto="none"),
    "weak password hardening": lambda d: d["crypto"].update(kdf="pbkdf2"),  # type: ignore[attr-defined]
    "cost beyond the memory": lambda d: d["crypto"]["kdfparams"].update(n=2**30),  # type: ignore[index]
    "repeats without end": lambda d: d["crypto"]["kdfparams"].update(p=2**30),  # type: ignore[index]
    "mac": lambda d: d["crypto"].update(mac="00" * 32),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("change", EVM_DAMAGE.values(), ids=EVM_DAMAGE.keys())
def test_a_damaged_wallet_does_not_open(
    keys: Keystore, change: Callable[[dict[str, object]], object]
) -> None:
    keys.create_evm("maker")
    with pytest.raises(KeystoreError):
        damaged(keys, "maker.evm.json", change).private_key("maker")


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"x" * 20_000, b"\xff"], ids=range(5))
def test_a_file_that_is_no_keystore_is_refused(keys: Keystore, content: bytes) -> None:
    keys.create_secret("other", 32)
    write_private(keys._directory / "maker.evm.json", content)
    for act in (keys.private_key, keys.address_of):
        with pytest.raises(KeystoreError):
            act("maker")


def test_a_file_that_others_may_open_is_refused(keys: Keystore) -> None:
    keys.create_evm("maker")
    (keys._directory / "maker.evm.json").chmod(0o640)
    with pytest.raises(KeystoreError, match="mode to 600"):
        reopened(keys).private_key("maker")


def test_a_foreign_wallet_with_its_own_cost_opens(keys: Keystore) -> None:
    keys.create_secret("other", 32)
    document = Account.encrypt(b"\x01" * 32, PASSWORD, kdf="scrypt", iterations=2**12)
    write_private(keys._directory / "foreign.evm.json", json.dumps(document).encode())
    assert keys.private_key("foreign") == b"\x01" * 32
    assert keys.address_of("foreign").hex() == str(document["address"]).lower().removeprefix("0x")


def test_a_write_that_fails_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"first")
    with pytest.raises(FileExistsError):
        write_private(tmp_path / "taken", b"second")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
    assert (tmp_path / "taken").read_bytes() == b"first"


def test_a_given_password_is_used_and_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    assert resolve_password(b"given", secret_file=file, may_make=True) == b"given"
    assert not file.exists()


def test_a_devnet_makes_its_password_once(tmp_path: Path) -> None:
    file = tmp_path / "state" / "secret"
    made = resolve_password(None, secret_file=file, may_make=True)
    assert len(made) == 64
    assert resolve_password(None, secret_file=file, may_make=True) == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_production_has_no_default_password(tmp_path: Path) -> None:
    with pytest.raises(KeystoreError, match="UNBROKEN_KEYSTORE_PASSWORD is not set"):
        resolve_password(None, secret_file=tmp_path / "secret", may_make=False)
    assert list(tmp_path.iterdir()) == []


def test_the_cost_of_a_guess_is_not_lowered_by_accident() -> None:
    assert module.SCRYPT_N >= 2**15
