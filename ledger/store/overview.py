"""Numbers for an operator, from PostgreSQL."""

from dataclasses import dataclass

from sqlalchemy import Engine, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How much the ledger holds."""

    submissions: int
    events: int
    items: int
    parties: int
    findings: int


_TOTALS = """
    SELECT (SELECT count(*) FROM submissions), (SELECT count(*) FROM events),
           (SELECT count(*) FROM items), (SELECT count(*) FROM parties),
           (SELECT count(*) FROM findings)
"""


def read_totals(engine: Engine) -> Totals:
    """Count what the ledger holds; cost: a scan of each table's smallest index."""
    with engine.connect() as connection:
        counts = connection.execute(text(_TOTALS)).one()
    return Totals(**dict(zip(Totals.__slots__, counts, strict=True)))
