"""What the README shows is what the program prints."""

from pathlib import Path

from ledger.demo import acts

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


def test_readme_shows_as_many_demonstrations_as_are_played() -> None:
    shown = README.partition("output:begin")[2].partition("output:end")[0]
    lines = [line.removeprefix("ok  ") for line in shown.splitlines() if line.startswith("ok  ")]
    assert len(lines) == len(acts.ACTS)
    source = Path(acts.__file__).read_text()
    assert [line for line in lines if line not in source] == []


def test_readme_names_the_two_commands() -> None:
    assert "scripts/run --once" in README
    assert "scripts/test" in README
