"""Build contracts/artifacts from contracts/src with npm's solc, or check that they are current.

The compiler is the solc-js of hardhat-free-devnet, driven by py-solc-x through contracts/solc.sh;
its settings are those of contracts/foundry.toml, so that forge tests the bytecode that is shipped.
"""

import argparse
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import solcx
from solcx.wrapper import get_solc_version

CONTRACTS = Path(__file__).resolve().parent.parent / "contracts"
SHIPPED = ("UnbrokenAnchor", "UnbrokenEvidence")


def standard_input(folder: Path) -> dict[str, Any]:
    """Return solc's standard JSON input for the sources in folder/src.

    Args:
        folder: The contracts folder; its foundry.toml gives the settings.
    """
    profile = tomllib.loads((folder / "foundry.toml").read_text())["profile"]["default"]
    sources = sorted((folder / "src").glob("*.sol"))
    return {
        "language": "Solidity",
        "sources": {f"src/{path.name}": {"content": path.read_text()} for path in sources},
        "settings": {
            "evmVersion": profile["evm_version"],
            "metadata": {"bytecodeHash": profile["bytecode_hash"]},
            "optimizer": {"enabled": profile["optimizer"], "runs": profile["optimizer_runs"]},
            "outputSelection": {
                "*": {"*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]}
            },
            "viaIR": profile["via_ir"],
        },
    }


def build(folder: Path) -> dict[str, bytes]:
    """Compile and return the artefact files by name, as the exact bytes to write.

    Args:
        folder: The contracts folder.
    """
    wrapper = folder / "solc.sh"
    request = standard_input(folder)
    answer = solcx.compile_standard(request, solc_binary=wrapper)
    version = str(get_solc_version(wrapper, with_commit_hash=True))
    del request["settings"]["outputSelection"]
    artifacts = {}
    for name in SHIPPED:
        output = answer["contracts"][f"src/{name}.sol"][name]
        artifact = {
            "abi": output["abi"],
            "bytecode": "0x" + output["evm"]["bytecode"]["object"],
            "compiler": {"name": "solc", "version": version},
            "deployedBytecode": "0x" + output["evm"]["deployedBytecode"]["object"],
            "settings": request["settings"],
        }
        options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
        artifacts[f"{name}.json"] = orjson.dumps(artifact, option=options)
    return artifacts


def main(argv: Sequence[str] | None = None) -> int:
    """Write the artefacts, or with --check compare them; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if any byte differs")
    check = parser.parse_args(argv).check
    target = CONTRACTS / "artifacts"
    stale = []
    for name, content in build(CONTRACTS).items():
        path = target / name
        if path.is_file() and path.read_bytes() == content:
            continue
        stale.append(name)
        if not check:
            target.mkdir(exist_ok=True)
            path.write_bytes(content)
    for name in stale:
        print(f"{name}: {'differs from its sources' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
