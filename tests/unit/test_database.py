import sqlalchemy as sa

from scheduler_defs import database


def test_upgrade_twice_gives_one_schema(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url)
    database.upgrade(engine)
    database.upgrade(engine)
    with engine.connect() as connection:
        tables = sa.inspect(connection).get_table_names(schema="signalbox")
    engine.dispose()
    assert {"workers", "leases", "alembic_version"} <= set(tables)
