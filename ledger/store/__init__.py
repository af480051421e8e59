"""PostgreSQL: tables, migrations, bulk writes."""
