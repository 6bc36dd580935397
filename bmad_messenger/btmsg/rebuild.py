"""Brings a table of an old database to its present form, with every row, and what other programs added to it."""

from __future__ import annotations

import re
import sqlite3
from typing import Final

from bmad_messenger.btmsg.migrations import UnfitError
from bmad_messenger.btmsg.schema import BACKFILL, SHARED, Table

_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|[(),]|[^'"`\[(),/-]+|.""", re.S
)
_QUOTED: Final = re.compile(r"""^["`\[](.*)["`\]]$""", re.S)
_CONSTRAINT: Final = re.compile(r"(?i)(constraint|primary|unique|check|foreign)\b")
_RULE: Final = re.compile(r"(?i)\b(check|collate|conflict|generated|deferrable)\b")
"""What a definition may say beside what SQLite tells of it, to refuse or to change what is written today."""


def complete(connection: sqlite3.Connection, name: str) -> None:
    """Give the shared table `name` its present form, inside the caller's transaction.

    Foreign keys must be off and `legacy_alter_table` on: then a reference or view that names the table stays as it is.

    Raises:
        UnfitError: where it is no table, or has several rows of one key.
    """
    table, kind = SHARED[name], _kind(connection, name)
    if kind not in ("", "table"):
        raise UnfitError(f"{name} is a {kind}, not a table")
    if not kind:
        connection.execute(table.create(name))
    elif missing := _missing(connection, name):
        if all(_can_be_added(table.columns[column]) for column in missing) and _fits(connection, name):
            for column in missing:
                connection.execute(f"ALTER TABLE {name} ADD COLUMN {column} {table.columns[column]}")
        else:
            _rebuild(connection, name)
    elif not _fits(connection, name):
        _rebuild(connection, name)


def _kind(connection: sqlite3.Connection, name: str) -> str:
    """What is called so: `table` or `view`; empty where nothing is."""
    query = "SELECT type FROM sqlite_master WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE"
    row = connection.execute(query, (name,)).fetchone()
    return str(row["type"]) if row else ""


def _missing(connection: sqlite3.Connection, name: str) -> list[str]:
    existing = _columns(connection, name)
    return [column for column in SHARED[name].columns if column not in existing]


def _can_be_added(definition: str) -> bool:
    """Whether SQLite adds such a column to a table that has rows: it may be empty, or its default is a constant."""
    return "DEFAULT (" not in definition and ("NOT NULL" not in definition or "DEFAULT" in definition)


def _fits(connection: sqlite3.Connection, name: str) -> bool:
    """Whether the columns there are have the present types, defaults and references, and no rules of their own."""
    model = sqlite3.connect(":memory:")
    try:
        model.row_factory = sqlite3.Row
        model.execute(SHARED[name].create(name))
        wanted, found = _columns(model, name), _columns(connection, name)
        return (
            all(found[column] == wanted[column] for column in wanted if column in found)
            and _references(model, name) == {one for one in _references(connection, name) if one[0] in wanted}
            and not _unique_sets(connection, name, set(wanted)) - _unique_sets(model, name, set(wanted))
            and not any(_RULE.search(_unquoted(one)) for one in _own_definitions(connection, name, SHARED[name]))
            and _has_rowid(connection, name)
            and _is_numbered(connection, name) == _is_numbered(model, name)
        )
    finally:
        model.close()


def _columns(connection: sqlite3.Connection, name: str) -> dict[str, tuple[object, ...]]:
    """Type, NOT NULL, default and place in the key of each column; the key's own columns are never empty anyhow."""
    rows = connection.execute("SELECT * FROM pragma_table_info(?)", (name,))
    return {
        str(row["name"]).lower(): (
            str(row["type"]).upper(),
            row["notnull"] or row["pk"] > 0,
            row["dflt_value"],
            row["pk"],
        )
        for row in rows
    }


def _references(connection: sqlite3.Connection, name: str) -> set[tuple[str, str, str]]:
    rows = connection.execute('SELECT "from", "table", on_delete FROM pragma_foreign_key_list(?)', (name,))
    return {(str(row["from"]).lower(), str(row["table"]).lower(), str(row["on_delete"])) for row in rows}


def _unique_sets(connection: sqlite3.Connection, name: str, known: set[str]) -> set[tuple[str, ...]]:
    """The sets of known columns that the table's definition declares unique."""
    names = [
        str(row["name"])
        for row in connection.execute("SELECT name, origin FROM pragma_index_list(?)", (name,))
        if row["origin"] == "u"
    ]
    sets = {
        tuple(str(row["name"]).lower() for row in connection.execute("SELECT name FROM pragma_index_info(?)", (index,)))
        for index in names
    }
    return {one for one in sets if known.issuperset(one)}


def _rebuild(connection: sqlite3.Connection, name: str) -> None:
    """Copy the table into one of the present form and give it its name; SQLite can't change a column in place."""
    table, new = SHARED[name], f"btmsg_new_{name}"
    kept = connection.execute(
        "SELECT sql FROM sqlite_master WHERE tbl_name = ? COLLATE NOCASE AND type IN ('index', 'trigger') "
        "AND sql IS NOT NULL",
        (name,),
    ).fetchall()
    sequence = _sequence(connection, name)
    connection.execute(table.create(new, _foreign_definitions(connection, name, table)))
    target, source = _copied(connection, name, new, table)
    try:
        connection.execute(f"INSERT INTO {new} ({target}) SELECT {source} FROM {name} AS old")
    except sqlite3.IntegrityError as error:
        raise UnfitError(f"the table {name} has {_twins(connection, name, new) or error}") from error
    connection.execute(f"DROP TABLE {name}")
    connection.execute(f"ALTER TABLE {new} RENAME TO {name}")
    for row in kept:
        connection.execute(row["sql"])
    if sequence is not None:  # a number once given is not given again, even when its row was deleted
        connection.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (sequence, name))


def _twins(connection: sqlite3.Connection, name: str, new: str) -> str:
    """The first rows of one key, which an old table may have let be; empty where there are none."""
    key = [column for column, facts in _columns(connection, new).items() if facts[3]]
    columns = ", ".join(key)
    row = connection.execute(
        f"SELECT count(*) AS rows, {columns} FROM {name} GROUP BY {columns} HAVING count(*) > 1 LIMIT 1"
    ).fetchone()
    return f"{row['rows']} rows with the {columns} {', '.join(repr(row[column]) for column in key)}" if row else ""


def _sequence(connection: sqlite3.Connection, name: str) -> int | None:
    if not _columns(connection, "sqlite_sequence") or "AUTOINCREMENT" not in SHARED[name].columns.get("id", ""):
        return None
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ? COLLATE NOCASE", (name,)).fetchone()
    return row and int(row["seq"])


def _copied(connection: sqlite3.Connection, name: str, new: str, table: Table) -> tuple[str, str]:
    """The columns to fill and the expressions to fill them with, `rowid` among them: it is the order of insertion."""
    found = _columns(connection, name)
    pairs = {column: _value(name, column, table, column in found) for column in table.columns}
    for row in connection.execute("SELECT name, hidden FROM pragma_table_xinfo(?)", (new,)):
        if str(row["name"]).lower() not in pairs and not row["hidden"]:
            pairs[_quote(row["name"])] = f"old.{_quote(row['name'])}"
    if _has_rowid(connection, name):
        pairs = {"rowid": "old.rowid"} | pairs
    return ", ".join(pairs), ", ".join(pairs.values())


def _value(name: str, column: str, table: Table, exists: bool) -> str:
    definition = table.columns[column]
    default = definition.partition("DEFAULT ")[2]
    if not exists and default:
        return BACKFILL.get((name, column), default)
    if "NOT NULL" not in definition:
        if default and not default.startswith("("):  # a row without a flag gets it; one without a time stays without
            return f"coalesce(old.{column}, {default})"
        return f"old.{column}" if exists else "NULL"
    candidates = [f"old.{column}"] if exists else []
    candidates += [BACKFILL[name, column]] if (name, column) in BACKFILL else []
    return f"coalesce({', '.join((*candidates, _blank(definition)))}, {_blank(definition)})"


def _blank(definition: str) -> str:
    return "0" if definition.startswith("INTEGER") else "''"


def _has_rowid(connection: sqlite3.Connection, name: str) -> bool:
    """Whether rows have a number, which is the order of insertion."""
    query = "SELECT wr FROM pragma_table_list(?) WHERE schema = 'main'"
    return not connection.execute(query, (name,)).fetchone()["wr"]


def _is_numbered(connection: sqlite3.Connection, name: str) -> bool:
    """Whether a number once given is not given again."""
    return "AUTOINCREMENT" in _unquoted(_sql(connection, name)).upper()


def _own_definitions(connection: sqlite3.Connection, name: str, table: Table) -> list[str]:
    """The definitions of the columns that are shared, and the constraints that are on no others."""
    foreign = _foreign_definitions(connection, name, table)
    return [one for one in _definitions(_sql(connection, name)) if one not in foreign]


def _foreign_definitions(connection: sqlite3.Connection, name: str, table: Table) -> tuple[str, ...]:
    """The columns that other programs added, and the constraints on them, as they wrote them."""
    columns: dict[str, str] = {}
    constraints = []
    for definition in _definitions(_sql(connection, name)):
        column = _first_name(definition)
        if _CONSTRAINT.match(definition):
            constraints.append(definition)
        elif column.lower() not in table.columns:
            columns[column] = definition
    on_theirs = [one for one in constraints if any(re.search(rf"\b{re.escape(column)}\b", one) for column in columns)]
    return (*columns.values(), *on_theirs)


def _sql(connection: sqlite3.Connection, name: str) -> str:
    query = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE"
    return str(connection.execute(query, (name,)).fetchone()["sql"])


def _definitions(sql: str) -> list[str]:
    """The column definitions and table constraints of a CREATE TABLE statement, without comments."""
    depth = 0
    parts: list[str] = [""]
    for token in _TOKEN.findall(sql):
        if token.startswith(("--", "/*")):
            continue
        depth -= token == ")"
        if token == "," and depth == 1:
            parts.append("")
        elif depth:
            parts[-1] += token
        elif token == ")":
            break
        depth += token == "("
    return [part.strip() for part in parts]


def _first_name(definition: str) -> str:
    token = _TOKEN.findall(definition)[0]
    quoted = _QUOTED.match(token)
    return quoted[1] if quoted else token.split()[0]


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _unquoted(definition: str) -> str:
    """The definition without the texts and names that stand in quotes."""
    return " ".join(token for token in _TOKEN.findall(definition) if token[0] not in "'\"`[")
