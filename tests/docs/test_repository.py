"""The tree is whole, portable and says nothing about the machine it was made on."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = [*(ROOT / "requirements").glob("*.txt"), ROOT / "hardhat-free-devnet/package-lock.json"]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)

# Written in two halves, so that this file does not find itself.
HOSTS = [
    "pypi" + ".org",
    "python" + "hosted.org",
    "npmjs" + ".org",
    "npmjs" + ".com",
    "crates" + ".io",
]
FOLDERS = "|".join(word[::-1] for word in ("krow", "toor", "emoh", "sresU"))
MACHINE = re.compile(rf"(?<![\w.$}}/-])/(?:{FOLDERS})/[\w.]")


def tracked() -> list[Path]:
    """Every file of the repository, committed or about to be."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=30,
    ).stdout
    paths = (ROOT / name for name in listing.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def texts() -> dict[str, str]:
    contents = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in tracked()}
    return {name: raw.decode() for name, raw in contents.items() if b"\0" not in raw}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_download_host(lock: Path) -> None:
    assert "://" not in lock.read_text()


def test_every_lock_of_the_tree_is_known_here() -> None:
    names = {"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "uv.lock", "poetry.lock"}
    found = {path for path in tracked() if path.name in names}
    found |= {path for path in tracked() if path.parent == ROOT / "requirements"}
    assert found == set(LOCKS)


@pytest.mark.parametrize("lock", LOCKS[:-1], ids=lambda path: path.name)
def test_every_locked_requirement_has_a_hash(lock: Path) -> None:
    joined = re.sub(r"\\\n\s*", "", lock.read_text())
    pins = [line for line in joined.splitlines() if line and not line.lstrip().startswith("#")]
    assert pins
    assert [pin for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == []


def test_every_package_json_keeps_hosts_out_of_its_lock() -> None:
    for package in (path for path in tracked() if path.name == "package.json"):
        assert "omit-lockfile-registry-resolved=true" in (package.parent / ".npmrc").read_text()


@pytest.mark.parametrize("host", HOSTS)
def test_no_file_names_a_package_registry(host: str) -> None:
    assert [name for name, text in texts().items() if host in text] == []


def test_no_file_names_a_folder_of_one_machine() -> None:
    assert [
        f"{name}: {found[0]}" for name, text in texts().items() if (found := MACHINE.search(text))
    ] == []


def test_relative_links_lead_somewhere() -> None:
    broken = [
        f"{name}: {target}"
        for name, text in texts().items()
        if name.endswith(".md")
        for target in LINK.findall(CODE.sub("", text))
        if "://" not in target and not target.startswith("mailto:")
        if not ((ROOT / name).parent / target).exists()
    ]
    assert broken == []


def test_scripts_can_be_run() -> None:
    scripts = [path for path in tracked() if path.parent.name in {"scripts", ".ci"}]
    shell = [path for path in scripts if path.read_bytes().startswith(b"#!")]
    assert {"run", "test", "setup", "lint", "lock"} <= {path.name for path in shell}
    assert [path.name for path in shell if not path.stat().st_mode & 0o111] == []


def test_every_decision_record_ends_with_what_obeys_it() -> None:
    records = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
    assert [path.name[:4] for path in records] == [f"{n:04d}" for n in range(1, len(records) + 1)]
    for record in records:
        parts = re.findall(r"^## (.+)$", record.read_text(), re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences", "Obeyed by"], record.name


def test_every_command_of_the_pages_exists() -> None:
    fences = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
    commands = {
        line.split()[0]
        for name, text in texts().items()
        if name in {"README.md", "CONTRIBUTING.md"}
        for fence in fences.findall(text)
        for line in fence.splitlines()
        if line.strip() and not line.startswith("#")
    }
    commands |= set(re.findall(r"`(scripts/\w+)", (ROOT / "CONTRIBUTING.md").read_text()))
    assert {"scripts/run", "scripts/test", "scripts/lock"} <= commands
    assert [command for command in sorted(commands) if not (ROOT / command).is_file()] == []
