"""Everything that custody derives, as it is stored and as the log gives it from its beginning."""

from sqlalchemy import Connection, text

from ledger.core.custody.settings import DEFAULT_SETTINGS, RuleSettings
from ledger.service.integrate_custody import remake_custody
from ledger.store.log_store import SqlIntegration

# When a finding was seen depends on when integration ran; what was found does not.
_DERIVED = {
    "item_states": "*",
    "findings": "item_key, code, severity, finding_class, detail, evidence, backdated",
    "finding_history": "item_key, code, severity, finding_class, detail, evidence, backdated",
    "custody_facts": "*",
    "custody_quantities": "*",
    "stays": "*",
    "places": "path, latitude, longitude",
    "custody_progress": "rules_digest, revised_to, facts_to",
    "custody_waiting": "*",
}


def derived(connection: Connection) -> dict[str, list[str]]:
    """Return the rows of the derived tables, of findings those that are open."""
    return {
        table: sorted(
            repr(tuple(row))
            for row in connection.execute(
                text(
                    f"SELECT {columns} FROM {table}"  # noqa: S608 -- names of our own
                    + (" WHERE closed_index IS NULL" if table == "finding_history" else "")
                )
            )
        )
        for table, columns in _DERIVED.items()
    }


def replayed(
    connection: Connection, rules: RuleSettings = DEFAULT_SETTINGS
) -> dict[str, list[str]]:
    """Return what the integrated log gives when it is read in one step; nothing stays changed."""
    with connection.begin_nested() as savepoint:
        transaction = SqlIntegration(connection)
        remake_custody(transaction, transaction.state().integrated, rules)
        rows = derived(connection)
        savepoint.rollback()
    return rows
