"""The tables, from each version of the file to the next."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import chain

# From each schema to the next; `PRAGMA user_version` says how many were applied.
MIGRATIONS = (
    (
        """
        CREATE TABLE boots (
          number INTEGER PRIMARY KEY,
          id TEXT NOT NULL UNIQUE,
          time REAL NOT NULL,
          watched_since REAL NOT NULL,
          watched_until REAL NOT NULL,
          memory TEXT NOT NULL
        )
        """,
        """
        CREATE TABLE transitions (
          number INTEGER PRIMARY KEY,
          boot TEXT NOT NULL,
          uptime REAL NOT NULL,
          wall REAL NOT NULL,
          kind TEXT NOT NULL,
          subject TEXT NOT NULL,
          was TEXT NOT NULL,
          now TEXT NOT NULL,
          text TEXT NOT NULL
        )
        """,
    ),
)

TABLES = ("boots", "transitions")

MOST_ROWS = 2**53
"""Rows are numbered on and on, and the oldest go. From the highest number of all there is nowhere to go on to."""


class UnreadableError(Exception):
    """The file is none of ours, or not any more."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the newest schema."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        for statement in chain.from_iterable(MIGRATIONS[schema_version(connection) :]):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def schema_version(connection: sqlite3.Connection) -> int:
    """The file's schema. Raises UnreadableError if it is none of ours."""
    version: int
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise UnreadableError(f"schema {version} is of a later version of uplink-exporter")
    if _tables(connection) != _tables_of(MIGRATIONS[:version]):
        raise UnreadableError(f"its tables are not those of schema {version}")
    for table in TABLES if version else ():
        (newest,) = connection.execute(f"SELECT max(number) FROM {table}").fetchone()
        if (newest or 0) > MOST_ROWS:
            raise UnreadableError(f"its {table} are numbered {newest}")
    return version


def _tables_of(migrations: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(":memory:")) as fresh:
        for statement in chain.from_iterable(migrations):
            fresh.execute(statement)
        return _tables(fresh)


def _tables(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    return connection.execute(
        'SELECT s.type, s.name, c.name, c.type, c."notnull", c.pk FROM sqlite_schema s'
        " LEFT JOIN pragma_table_info(s.name) c ORDER BY 1, 2, c.cid"
    ).fetchall()
