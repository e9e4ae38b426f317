"""medseal log verify: an export that was tampered with is refused, and the entry is named."""
import json
import os
import shutil
import sqlite3

import realm
import tap

R = realm.Realm(operators=('alice', 'bob', 'carol', 'dave', 'erin'))
R.medseal('log', 'export', '--realm', R.dir, '-o', R.path('log.txt'))
with open(R.path('log.txt'), encoding='utf-8') as exported:
    LINES = exported.read().splitlines(keepends=True)
ENTRIES = [i for i, line in enumerate(LINES) if line.startswith('{')]


def verify(lines, code, name=None):
    """What is said of a changed copy; `name`: the number of the entry that must be named."""
    path = R.write('changed.txt', ''.join(lines))
    result = R.refused(code, 'log', 'verify', path, '--log-key', R.log_key)
    tap.equal(result.returncode, 4)
    if name is not None:
        tap.contains(result.stderr, f'{name}')
        tap.contains(result.stderr, f'entry {name}')


def test_untouched():
    "the export verifies without a server"
    tap.equal(len(ENTRIES), 6)
    verdict = R.json('log', 'verify', R.path('log.txt'), '--log-key', R.log_key)
    tap.equal((verdict['entries'], verdict['signed_entries']), (6, 6))


def test_edited():
    "an edited entry is named, each in turn"
    for seq, at in enumerate(ENTRIES):
        lines = list(LINES)
        lines[at] = lines[at].replace('"time":"20', '"time":"19', 1)
        verify(lines, 'log-edited', seq)


def test_removed():
    "a removed entry is named"
    for seq in range(1, 5):
        lines = list(LINES)
        del lines[ENTRIES[seq]]
        verify(lines, 'log-removed', seq)


def test_reordered():
    "entries that change places are named"
    for seq in range(1, 5):
        lines = list(LINES)
        a, b = ENTRIES[seq - 1], ENTRIES[seq]
        lines[a], lines[b] = lines[b], lines[a]
        verify(lines, 'log-reordered', seq - 1)


def test_cut():
    "a log that was cut off is refused, and the first entry missing is named"
    for seq in range(1, 6):
        verify(LINES[:ENTRIES[seq]], 'log-cut-off', seq)


def test_other_key():
    "the key of another log is no key to this one"
    with realm.Realm(name='Other') as other:
        path = R.write('other.vkey', open(other.log_key, 'rb').read())
        R.refused('log-checkpoint', 'log', 'verify', R.path('log.txt'), '--log-key', path)


def test_not_a_log():
    "what is no export is said to be none"
    verify(['hello\n'], 'malformed')
    verify([], 'malformed')
    R.refused('not-found', 'log', 'verify', R.path('absent'), '--log-key', R.log_key)
    R.refused('usage', 'log', 'verify', '--log-key', R.log_key)


def test_proof():
    "an entry is proven alone; a changed entry, a proof of another one, another key are refused"
    for seq in range(6):
        R.medseal('log', 'prove', seq, '--realm', R.dir, '-o', R.path(f'p{seq}'),
                  '--entry', R.path(f'e{seq}'))
        verdict = R.json('log', 'verify', '--proof', R.path(f'p{seq}'), '--entry', R.path(f'e{seq}'),
                         '--log-key', R.log_key)
        tap.equal(verdict['entry'], seq)
    R.refused('log-proof', 'log', 'verify', '--proof', R.path('p2'), '--entry', R.path('e3'),
              '--log-key', R.log_key)
    with open(R.path('e4'), encoding='utf-8') as f:
        changed = R.write('changed.json', f.read().replace('dave', 'mary').replace('carol', 'mary'))
    R.refused('log-proof', 'log', 'verify', '--proof', R.path('p4'), '--entry', changed,
              '--log-key', R.log_key)
    R.refused('not-found', 'log', 'prove', 6, '--realm', R.dir, '-o', R.path('p6'),
              '--entry', R.path('e6'))
    if os.path.exists(R.path('p6')):
        raise AssertionError('a proof was written')


def test_database():
    "a database whose rows were edited behind our back does not verify"
    with realm.Realm() as r:
        path = f'{r.dir}/medseal.db'
        db = sqlite3.connect(path)
        triggers = [name for (name,) in db.execute("select name from sqlite_master where type='trigger'")]
        for name in triggers:
            db.execute(f'drop trigger "{name}"')
        table, column = None, None
        for (name,) in db.execute("select name from sqlite_master where type='table'"):
            columns = [row[1] for row in db.execute(f'pragma table_info("{name}")')]
            if 'seq' in columns and 'entry' in columns:
                table, column = name, 'entry'
        line = bytes(db.execute(f'select {column} from {table} where seq=2').fetchone()[0])
        json.loads(line)
        db.execute(f'update {table} set {column}=? where seq=2', (line.replace(b'bob', b'eve'),))
        db.commit()
        db.close()
        result = r.refused('log-edited', 'log', 'verify', '--realm', r.dir, '--log-key', r.log_key)
        tap.contains(result.stderr, 'entry 2')
    shutil.rmtree(r.top, ignore_errors=True)


tap.main()
