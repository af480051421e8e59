"""The command `unbroken-verify`: exit codes, streams, options."""

import io
import json
import sys
from pathlib import Path

import pytest
import sha3
from unbroken_verifier.__main__ import main

from tests.verifier import fault_maker, maker
from tests.verifier.story import story
from tests.verifier.test_chain_endpoints import Answer, Asked, endpoint, result, saying

LOG, BUNDLE = story()
SOUND = maker.canonical(BUNDLE)
ROOTS = bytes.fromhex(BUNDLE["head"]["root"] + BUNDLE["head"]["map_root"])
RECORD = sha3.keccak_256(ROOTS).digest()


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "bundle"
    path.write_bytes(SOUND)
    return str(path)


def chain(records: dict[str, bytes]) -> Answer:
    """An endpoint that holds these records by block."""

    def answer(handler: Asked) -> None:
        question = json.loads(handler.body)
        value = "0x7a69"
        if question["method"] == "eth_call":
            value = "0x" + records[question["params"][1]].hex()
        saying(result(value))(handler)

    return answer


def test_a_sound_bundle_exits_0_and_names_each_step(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bundle", file]) == 0
    out, err = capsys.readouterr()
    assert not err
    assert [line.split()[1] for line in out.splitlines() if line.startswith("ok")] == [
        "parse",
        "genesis",
        "checkpoint",
        "inclusion",
        "signature",
        "facts",
        "map",
        "entry",
        "commitment",
        "items",
        "scope",
        "complete",
    ]
    assert "not checked: the anchor" in out


def test_json_is_one_document(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "--json", file]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is True
    assert all(step["ok"] for step in answer["steps"])
    assert set(answer) == {"ok", "steps", "not_checked"}


def test_options_may_stand_behind_and_a_double_dash_ends_them(
    file: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["bundle", file, "--json"]) == 0
    folder = Path(file).parent
    (folder / "--json").write_bytes(SOUND)
    monkeypatch.chdir(folder)
    capsys.readouterr()
    assert main(["bundle", "--", "--json"]) == 0
    assert capsys.readouterr().out.startswith("ok")


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SOUND)))
    assert main(["bundle", "-"]) == 0


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_bad_bundle_exits_1_and_names_the_step(
    file: str, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(file).write_bytes(SOUND.replace(LOG.entries[-1].hex().encode(), b"00"))
    assert main(["bundle", file, *options]) == 1
    out, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert "inclusion" in err
    if options:
        answer = json.loads(out)
        assert answer["ok"] is False
        assert answer["steps"][-1]["step"] == "inclusion"


@pytest.mark.parametrize("argv", [["bundle"], ["evidence"], ["bundle", "-", "--policy"]])
def test_an_absent_file_exits_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    absent = str(tmp_path / "none")
    assert main([*argv, absent]) == 2
    told = f"unbroken-verify: {absent}: No such file or directory\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["bundle"],
        ["bundle", "a", "b"],
        ["bundle", "a", "--rpc", "file:///x"],
        ["bundle", "a", "--unknown"],
        ["bundle", "a", "--js"],
        ["probes"],
        ["paint"],
    ],
)
def test_wrong_usage_exits_2_in_one_line(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


POLICIES = {
    "not json": b"{",
    "unknown member": b'{"log":1}',
    "0x twice": b'{"contract":"0x0x5fbdb2315678afecb367f032d93f642f64180a"}',
    "upper case": b'{"contract":"5FBDB2315678afecb367f032d93f642f64180aa3"}',
    "chain id as text": b'{"chain_id":"1"}',
    "unknown block": b'{"block":"pending"}',
    "twice": b'{"chain_id":1,"chain_id":1}',
    "no object": b"[]",
    "too long": b" " * 70_000 + b"{}",
}


@pytest.mark.parametrize("name", POLICIES)
def test_a_malformed_policy_exits_2(name: str, file: str, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.write_bytes(POLICIES[name])
    assert main(["bundle", file, "--policy", str(policy)]) == 2


def test_a_policy_is_compared(file: str, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.write_text(json.dumps({"log_id": LOG.log_id.hex(), "chain_id": 31337}, indent=1))
    assert main(["bundle", "--policy", str(policy), file]) == 0
    policy.write_text(json.dumps({"log_id": "00" * 32}))
    assert main(["bundle", "--policy", str(policy), file]) == 1


@pytest.mark.parametrize(
    ("final", "latest", "code"),
    [(RECORD, RECORD, 0), (maker.Z, RECORD, 4), (maker.Z, maker.Z, 1), (bytes([1]) * 32, b"", 1)],
)
def test_the_anchor_decides_between_0_4_and_1(
    final: bytes, latest: bytes, code: int, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with endpoint(chain({"finalized": final, "latest": latest})) as url:
        assert main(["bundle", file, "--rpc", url, "--json"]) == code
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is (code == 0)
    assert answer["steps"][-1]["step"] == "anchor"


def test_an_endpoint_that_talks_nonsense_exits_3(file: str) -> None:
    with endpoint(saying(b"hello")) as url:
        assert main(["bundle", file, "--rpc", url]) == 3


EVIDENCE = maker.canonical(fault_maker.sold_twice())
PROVEN = "signed two handoffs of item /01/04012345111118/21/1 to owners"


@pytest.mark.parametrize("command", ["bundle", "evidence"])
def test_evidence_is_checked_offline_and_told_in_one_sentence(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "evidence"
    file.write_bytes(EVIDENCE)
    assert main([command, str(file)]) == 0
    out, err = capsys.readouterr()
    assert not err
    assert PROVEN in out
    assert main([command, "--json", str(file)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {"ok", "steps", "not_checked"}
    assert answer["ok"] is True
    assert PROVEN in answer["steps"][-1]["detail"]


def test_evidence_that_convicts_nobody_exits_1_and_names_the_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "evidence"
    handoff = fault_maker.sold_twice()["handoffs"][0]
    file.write_bytes(maker.canonical(fault_maker.double_spend(handoff, handoff)))
    assert main(["evidence", "--json", str(file)]) == 1
    out, err = capsys.readouterr()
    assert "conflict" in err
    assert json.loads(out)["ok"] is False


def test_the_command_for_evidence_takes_nothing_else(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evidence", file]) == 1
    assert "unbroken/evidence/v1" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["evidence", file, "--rpc", "http://localhost"])
    assert caught.value.code == 2


def test_a_policy_holds_for_evidence_too(tmp_path: Path) -> None:
    file, policy = tmp_path / "evidence", tmp_path / "policy"
    file.write_bytes(EVIDENCE)
    policy.write_text(json.dumps({"chain_id": 31337, "contract": maker.CONTRACT.hex()}))
    assert main(["evidence", str(file), "--policy", str(policy)]) == 0
    policy.write_text(json.dumps({"chain_id": 1}))
    assert main(["evidence", str(file), "--policy", str(policy)]) == 1


def test_absence_and_disclosure_are_told_by_content(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = {"/type", "/action", "/bizStep", "/eventTime", "/destinationList/0"}
    for proof, last in [
        (LOG.absence("/01/04012345111118/21/never"), "absence"),
        (LOG.disclosure(LOG.events[2], set(), shown), "items"),
    ]:
        (tmp_path / "proof").write_bytes(maker.canonical(proof))
        assert main(["bundle", "--json", str(tmp_path / "proof")]) == 0
        assert json.loads(capsys.readouterr().out)["steps"][-1]["step"] == last


def test_probes_exit_1_when_one_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = {"size1": 1, "size2": 2, "root1": "", "root2": "", "proof": []}
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text(json.dumps({**case, "wantErr": True}))
    bad.write_text(json.dumps({**case, "wantErr": False}))
    assert main(["probes", str(good), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"passed": 1, "failed": []}
    assert main(["probes", "--json", str(good), str(bad)]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["passed"] == 1
    assert answer["failed"][0]["file"] == str(bad)
    assert main(["probes", str(tmp_path / "none")]) == 3


def test_terminal_escapes_of_a_bundle_are_not_printed(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SOUND.replace(b'"item":"/01', b'"item":"\\u001b[2J/01', 1)
    Path(file).write_bytes(text)
    assert main(["bundle", file]) == 1
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
