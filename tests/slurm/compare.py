"""Two ledgers of one sweep: every trial done once, in one order, with equal metrics and hashes to
the bit. Prints how many were compared."""
import sqlite3
import sys

ROWS = {
    "trial": "SELECT id, state, model, method, pattern, sparsity FROM trial ORDER BY number",
    "metric": "SELECT t.id, m.task, m.protocol, m.name, m.value, m.stderr, m.n FROM metric m "
              "JOIN trial t ON t.number = m.trial ORDER BY t.number, m.position",
    "item_scores": "SELECT t.id, m.task, m.name, m.items_hash, m.scores FROM item_scores m "
                   "JOIN trial t ON t.number = m.trial ORDER BY t.number, m.task, m.name",
    "hash": "SELECT t.id, m.name, m.value FROM hash m JOIN trial t ON t.number = m.trial "
            "ORDER BY t.number, m.position",
    "mask": "SELECT t.id, m.stage, m.scope, m.name, m.total, m.masked, m.zeros FROM mask m "
            "JOIN trial t ON t.number = m.trial ORDER BY t.number, m.position",
    "verdict": "SELECT t.id, m.rule, m.ok FROM verdict m JOIN trial t ON t.number = m.trial "
               "ORDER BY t.number, m.position",
}


def rows(path, query):
    return sqlite3.connect(path).execute(query).fetchall()


bad = 0
for table, query in ROWS.items():
    one, two = rows(sys.argv[1], query), rows(sys.argv[2], query)
    print(f"{table}: {len(one)} and {len(two)} rows, {'equal' if one == two else 'DIFFERENT'}")
    bad += one != two or not one
    for a, b in list(zip(one, two)):
        if a != b:
            print("  first:", str(a)[:200], "\n  other:", str(b)[:200])
            break
bad += any(row[1] != "done" for row in rows(sys.argv[1], ROWS["trial"]))
sys.exit(1 if bad else 0)
