#!/usr/bin/env python3
"""An auditor without any of our code: checks an export with hashlib and OpenSSL's command line.

usage: test_outsider.py MAKE_EXPORT

Written from docs/spec/log-export.md, log-entry.md and checkpoint.md alone.
"""
import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'e2e'))
import tap  # noqa: E402

made = subprocess.run([sys.argv[1]], capture_output=True)
EXPORT, VKEY = made.stdout, made.stderr.decode().strip().splitlines()[-1]


def sha(*parts):
    return hashlib.sha256(b''.join(parts)).digest()


def root(leaves):
    """RFC 6962 section 2.1, over leaf hashes."""
    if not leaves:
        return sha(b'')
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha(b'\1', root(leaves[:k]), root(leaves[k:]))


def ed25519_holds(pub, text, signature):
    with tempfile.TemporaryDirectory() as folder:
        names = [os.path.join(folder, name) for name in ('pub', 'text', 'sig')]
        for name, data in zip(names, (bytes.fromhex('302a300506032b6570032100') + pub, text,
                                      signature)):
            with open(name, 'wb') as file:
                file.write(data)
        return subprocess.run(['openssl', 'pkeyutl', '-verify', '-rawin', '-pubin', '-keyform',
                               'DER', '-inkey', names[0], '-in', names[1], '-sigfile', names[2]],
                              capture_output=True).returncode == 0


def note_size_and_root(note):
    """What the signed note says; an exception when our key has not signed it."""
    name, key_id, key = VKEY.split('+', 2)
    key = base64.b64decode(key, validate=True)
    assert key[0] == 1 and bytes.fromhex(key_id) == sha(name.encode(), b'\n', key)[:4]
    text, _, signatures = note.rpartition(b'\n\n')
    text += b'\n'
    for line in signatures.decode().splitlines():
        dash, signer, blob = line.split(' ')
        blob = base64.b64decode(blob, validate=True)
        if dash == '\u2014' and signer == name and blob[:4].hex() == key_id:
            assert ed25519_holds(key[1:], text, blob[4:]), 'signature'
            origin, size, digest = text.decode().splitlines()
            assert origin == name, 'origin'
            return int(size), base64.b64decode(digest, validate=True)
    raise AssertionError('not signed')


def read_note(lines):
    note = []
    while note.count(b'') < 2:
        note.append(next(lines))
    return b'\n'.join(note[:-1]) + b'\n'


def audit(export):
    """The number of entries; an exception when anything is wrong, or not signed."""
    lines = iter(export.split(b'\n'))
    assert next(lines) == b'medseal-log-export/1'
    assert next(lines) == b'origin ' + VKEY.split('+')[0].encode()
    assert next(lines) == b'newest'
    newest = note_size_and_root(read_note(lines))
    leaves, prev = [], bytes(32)
    for line in lines:
        if line.startswith(b'end '):
            assert line == b'end %d %s' % (len(leaves), prev.hex().encode()), 'end'
            assert list(lines) == [b''], 'trailing'
            break
        if line == b'checkpoint':
            size, digest = note_size_and_root(read_note(lines))
            assert size == len(leaves) and digest == root(leaves), f'checkpoint {size}'
            continue
        entry = json.loads(line)
        assert list(entry) == ['v', 'seq', 'time', 'act', 'actor', 'object', 'detail', 'prev']
        assert entry['v'] == 1 and entry['seq'] == len(leaves), f'entry {len(leaves)}'
        assert entry['prev'] == prev.hex(), f'link of {len(leaves)}'
        again = json.dumps(entry, separators=(',', ':'), ensure_ascii=False).encode()
        assert again == line, 'spelling'
        prev = sha(b'\0', line)
        leaves.append(prev)
    else:
        raise AssertionError('no end')
    assert newest == (len(leaves), root(leaves)), 'newest'
    return len(leaves)


def refused(export):
    try:
        audit(export)
    except (AssertionError, ValueError, StopIteration):
        return
    raise AssertionError('an outsider would have believed it')


def test_verifies():
    """an export verifies without any code of Medseal"""
    tap.equal(made.returncode, 0)
    tap.equal(audit(EXPORT), 325)


def test_refuses():
    """and the same check refuses what was changed"""
    refused(EXPORT.replace(b'"seq":200,', b'"seq":201,'))
    refused(EXPORT.replace(b'OBJ-17"', b'OBJ-71"'))
    lines = EXPORT.split(b'\n')
    entries = [i for i, line in enumerate(lines) if line.startswith(b'{')]
    refused(b'\n'.join(lines[:entries[9]] + lines[entries[9] + 1:]))
    refused(b'\n'.join(lines[:entries[-30]]))
    more = EXPORT[:EXPORT.rindex(b'end ')] + json.dumps(
        {**json.loads(lines[entries[-1]]), 'seq': len(entries),
         'prev': sha(b'\0', lines[entries[-1]]).hex()},
        separators=(',', ':'), ensure_ascii=False).encode() + b'\n'
    refused(more + b'end %d %s\n' % (len(entries) + 1,
                                     sha(b'\0', more.split(b'\n')[-2]).hex().encode()))


tap.main()
