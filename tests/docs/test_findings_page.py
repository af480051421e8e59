"""docs/findings.md has a row for every code, as the code has it, and no other."""

import re
from pathlib import Path

from ledger.core.epcis.codes import CODES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/findings.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
LAYERS = {
    "Bytes": "bytes", "Format": "format", "Model": "model", "Semantic rules": "semantic",
    "Data quality": "quality",
}  # fmt: skip


def test_every_code_has_its_row_and_no_other_has() -> None:
    sections = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
    rows = {
        code: (LAYERS[title], severity, rule)
        for title, text in sections.items()
        for code, severity, rule, _, _ in ROW.findall(text)
    }
    assert rows == {
        code: (row.layer.value, row.severity.value, row.rule) for code, row in CODES.items()
    }


def test_no_reader_of_a_document_has_a_code_of_its_own() -> None:
    folder = ROOT / "ledger/core/epcis"
    files = [*folder.glob("read*.py"), *folder.glob("xml_*.py"), folder / "finding_list.py"]
    used = {
        code
        for file in files
        for code in re.findall(r'(?:\.add\(|code=)\s*"([A-Z_]+)"', file.read_text())
    }
    assert used
    assert used <= set(CODES)
