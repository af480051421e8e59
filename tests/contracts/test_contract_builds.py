"""What is committed is what the sources give, and forge's own tests hold."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from ledger.chain.devnet import FOLDER

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "contracts"


def _run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.timeout(300)
def test_artefacts_are_rebuilt_byte_for_byte() -> None:
    _run(sys.executable, "scripts/build_contracts.py", "--check")


@pytest.mark.timeout(600)
def test_forge_tests_hold() -> None:
    _run("scripts/forge", "test")


def test_solidity_is_formatted() -> None:
    _run("scripts/forge", "fmt", "--check")


def test_failing_forge_is_noticed() -> None:
    with pytest.raises(AssertionError):
        _run("scripts/forge", "build", "no-such-folder")


@pytest.mark.timeout(300)
def test_forge_builds_the_bytecode_that_is_shipped() -> None:
    _run("scripts/forge", "build", "src")
    for name in ("UnbrokenAnchor", "UnbrokenEvidence"):
        built = orjson.loads((CONTRACTS / f"out/{name}.sol/{name}.json").read_bytes())
        shipped = orjson.loads((CONTRACTS / f"artifacts/{name}.json").read_bytes())
        assert built["bytecode"]["object"] == shipped["bytecode"]
        assert built["deployedBytecode"]["object"] == shipped["deployedBytecode"]


@pytest.mark.chain
@pytest.mark.timeout(300)
def test_gas_is_that_of_the_snapshot() -> None:
    _run(sys.executable, "-m", "benchmarks.gas", "--check")


def test_gas_of_a_billion_leaves_is_within_its_limits() -> None:
    snapshot = orjson.loads((CONTRACTS / "gas.json").read_bytes())
    billion = snapshot["anchor"]["2^30"]
    assert snapshot["pairs"] == 100
    assert billion["mean"] <= 100_000
    assert max(billion["max"], billion["longest"]["gas"]) <= 116_000


def test_npm_lock_holds_every_platform_of_the_pinned_tools() -> None:
    pins = orjson.loads((FOLDER / "package.json").read_bytes())["devDependencies"]
    packages = orjson.loads((FOLDER / "package-lock.json").read_bytes())["packages"]
    for tool in ("@foundry-rs/anvil", "@foundry-rs/forge"):
        assert pins[tool][0].isdigit()
        for name, version in packages[f"node_modules/{tool}"]["optionalDependencies"].items():
            assert packages[f"node_modules/{name}"]["version"] == version == pins[tool]
