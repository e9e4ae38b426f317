#!/usr/bin/env python3
"""Made the export beside it, with Python's hashlib and OpenSSL's command line: nothing of
Medseal.  Seven entries, checkpoints of 0, 3, 5 and 7; the key is the one of RFC 8032 section 7.1,
test 1."""
import base64
import hashlib
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', 'merkle', 'golden'))
from make import NAME, PUB, key_id, mth, sha, sign   # noqa: E402  (it writes its own files again)


def note(leaves):
    root = mth(leaves) if leaves else hashlib.sha256(b'').digest()
    text = f'{NAME}\n{len(leaves)}\n{base64.b64encode(root).decode()}\n'.encode()
    return text + f'\n\u2014 {NAME} {base64.b64encode(key_id + sign(text)).decode()}\n'.encode()


leaves, prev, body = [], '0' * 64, b'checkpoint\n' + note([]) + b'\n'
for seq in range(7):
    entry = {'v': 1, 'seq': seq, 'time': f'2026-01-0{seq + 1}T12:00:00Z', 'act': 'test.act',
             'actor': 'operator:alice', 'object': f'OBJ-{seq}',
             'detail': {'note': 'a "quoted" one \\ \u00e4'}, 'prev': prev}
    line = json.dumps(entry, separators=(',', ':'), ensure_ascii=False).encode()
    leaves.append(line)
    prev = sha(b'\0', line).hex()
    body += line + b'\n'
    if seq + 1 in (3, 5, 7):
        body += b'checkpoint\n' + note(leaves) + b'\n'
with open(os.path.join(HERE, 'export'), 'wb') as file:
    file.write(f'medseal-log-export/1\norigin {NAME}\nnewest\n'.encode() + note(leaves) + b'\n'
               + body + f'end 7 {prev}\n'.encode())
