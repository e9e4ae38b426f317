#!/usr/bin/env python3
"""Made the files beside it, with Python's hashlib and OpenSSL's command line: nothing of Medseal.

The leaves are "entry 0" to "entry 6"; the key is the one of RFC 8032 section 7.1, test 1.
"""
import base64
import hashlib
import os
import subprocess
import tempfile

SEED = bytes.fromhex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60')
PUB = bytes.fromhex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
NAME = 'realm.example/log'
HERE = os.path.dirname(os.path.abspath(__file__))


def sha(*parts):
    return hashlib.sha256(b''.join(parts)).digest()


def mth(leaves):
    if len(leaves) == 1:
        return sha(b'\0', leaves[0])
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha(b'\1', mth(leaves[:k]), mth(leaves[k:]))


def path(m, leaves):
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return path(m, leaves[:k]) + [mth(leaves[k:])]
    return path(m - k, leaves[k:]) + [mth(leaves[:k])]


def sign(text):
    der = bytes.fromhex('302e020100300506032b657004220420') + SEED
    with tempfile.TemporaryDirectory() as folder:
        names = [os.path.join(folder, name) for name in ('key', 'text', 'sig')]
        for name, data in zip(names, (der, text)):
            with open(name, 'wb') as file:
                file.write(data)
        subprocess.run(['openssl', 'pkeyutl', '-sign', '-rawin', '-inkey', names[0], '-keyform',
                        'DER', '-in', names[1], '-out', names[2]], check=True)
        with open(names[2], 'rb') as file:
            return file.read()


def put(name, data):
    with open(os.path.join(HERE, name), 'wb') as file:
        file.write(data)


key_id = sha(NAME.encode(), b'\n\x01', PUB)[:4]
leaves = [f'entry {i}'.encode() for i in range(7)]
text = f'{NAME}\n{len(leaves)}\n{base64.b64encode(mth(leaves)).decode()}\n'.encode()
note = text + f'\n\u2014 {NAME} {base64.b64encode(key_id + sign(text)).decode()}\n'.encode()
proof = b'c2sp.org/tlog-proof@v1\nindex 3\n' + \
    b''.join(base64.b64encode(h) + b'\n' for h in path(3, leaves)) + b'\n' + note
put('vkey', f'{NAME}+{key_id.hex()}+{base64.b64encode(bytes([1]) + PUB).decode()}'.encode())
put('checkpoint', note)
put('proof.tlog-proof', proof)
