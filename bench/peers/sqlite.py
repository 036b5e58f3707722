"""Writes the conversations of an archive to a new file by Python's sqlite3, which is SQLite in C: the same rows by one prepared
statement, then the same indexes, and all of it on the disk. Prints the nanoseconds that it took without reading them.

usage: sqlite.py ARCHIVE FILE with|without (raw)
"""
import os
import sqlite3
import sys
import time

source, target, raw = sys.argv[1:]
archive = sqlite3.connect(source)
columns = [
    f"{name} {'' if kind == 'ANY' else kind}{' PRIMARY KEY' if key else ''}"
    for _, name, kind, _, _, key, hidden in archive.execute("PRAGMA table_xinfo(conversations)")
    if (raw == "with" or not hidden)
]
names = ", ".join(column.split()[0] for column in columns)
rows = archive.execute(f"SELECT {names} FROM conversations ORDER BY n").fetchall()
indexes = [sql for sql, in archive.execute("SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'conversations' AND sql IS NOT NULL")]
archive.close()

start = time.perf_counter_ns()
db = sqlite3.connect(target, isolation_level=None)
db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = memory; PRAGMA cache_size = -16384; BEGIN")
db.execute(f"CREATE TABLE conversations ({', '.join(columns)})")
db.executemany(f"INSERT INTO conversations VALUES ({', '.join('?' * len(columns))})", rows)
for sql in indexes:
    db.execute(sql)
db.execute("COMMIT")
db.close()
with open(target) as file:
    os.fsync(file)
print(time.perf_counter_ns() - start)
