import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from ledger.chain.devnet import LOOPBACK, _free_port
from ledger.demo.acts import ACTS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def test_every_demonstration_holds(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "UNBROKEN_HOME": str(tmp_path / "home"),
        "UNBROKEN_HOST": LOOPBACK,
        "UNBROKEN_PORT": str(_free_port()),
    }
    program = Path(sys.executable).with_name("unbroken")
    done = subprocess.run(
        [program, "demo", "--once", "--json"],
        env=environment,
        capture_output=True,
        check=False,
        timeout=170,
    )
    rows = orjson.loads(done.stdout)
    assert [row for row in rows if not row["held"]] == [], done.stderr.decode()
    assert len(rows) == len(ACTS)
    assert done.returncode == 0
