"""medseal keys audit: one key in every form is one key; what is damaged is named, the rest is read."""
import base64
import json
import os
import re
import subprocess

import keys
import realm
import tap
from keys import certificate, key_id, pem, spki

P = keys.primes(1024, 10)
N = [P[i] * P[i + 1] for i in range(0, 10, 2)]
BAD = P[0] * P[2]               # shares a prime with N[0] and one with N[1]


def sources(found, key):
    """(file, record, form, name) of every place."""
    return [(os.path.basename(s['file']), s.get('record'), s['form'], s.get('name'))
            for s in found.keys[key]['sources']]


def peer(*command, data=None):
    """A program of others reads it too, so that it is what it is called; its output."""
    return subprocess.run(command, input=data, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT).stdout


def test_every_form():
    "one key as certificate, request, PKCS#7, PKCS#1, SPKI, JWK, SSH, OpenPGP, CT entry and hex"
    n, other = BAD, N[0]
    modulus = f'{n:X}'.encode()
    public = spki(n)
    keys.write('forms/a-cert.pem', pem(certificate(public, 'one'), 'CERTIFICATE'))
    keys.write('forms/b-cert.der', certificate(public, 'two', 2))
    keys.write('forms/c-bundle.pem', ''.join(pem(certificate(public, f'of bundle {i}', i), 'CERTIFICATE')
                                             for i in range(3)))
    keys.write('forms/d-request.pem', pem(keys.request(public, 'asked'), 'CERTIFICATE REQUEST'))
    keys.write('forms/e-p7.pem', pem(keys.pkcs7(certificate(public, 'first'), certificate(spki(other),
                                                                                           'second')), 'PKCS7'))
    keys.write('forms/f-p7.der', keys.pkcs7(certificate(public, 'alone')))
    keys.write('forms/g-pkcs1.pem', pem(keys.pkcs1(n), 'RSA PUBLIC KEY'))
    keys.write('forms/h-pkcs1.der', keys.pkcs1(n))
    keys.write('forms/i-key.jwk', json.dumps(keys.jwk(n, 'my key')))
    keys.write('forms/j-set.jwks', json.dumps({'keys': [keys.jwk(n, 'a'), keys.jwk(n, 'b')]}))
    keys.write('forms/k-ssh.pub', keys.ssh(n, 'root@host'))
    keys.write('forms/l-pgp.bin', keys.openpgp(n, 'Me <me@example.org>'))
    keys.write('forms/m-hex.csv', f'{n:x}\n0x{n:X}\nModulus={n:X}\n')
    # get-entries of a CT log (RFC 6962 §3.4, §4.6)
    logged = certificate(public, 'logged')
    leaf = bytes(10) + b'\0\0' + len(logged).to_bytes(3, 'big') + logged + b'\0\0'
    keys.write('forms/n-ct.json', json.dumps({'entries': [
        {'leaf_input': base64.b64encode(leaf).decode(), 'extra_data': base64.b64encode(bytes(3)).decode()}]}))
    for file, command in [('a-cert.pem', ['openssl', 'x509', '-noout', '-modulus']),
                          ('b-cert.der', ['openssl', 'x509', '-inform', 'DER', '-noout', '-modulus']),
                          ('d-request.pem', ['openssl', 'req', '-noout', '-modulus']),
                          ('g-pkcs1.pem', ['openssl', 'rsa', '-RSAPublicKey_in', '-noout', '-modulus'])]:
        tap.contains(peer(*command, '-in', keys.path('forms', file)), modulus)
    tap.equal(peer('openssl', 'pkcs7', '-print_certs', '-in', keys.path('forms/e-p7.pem')).count(b'CN='), 4)
    tap.contains(peer('ssh-keygen', '-l', '-f', keys.path('forms/k-ssh.pub')), b'2048 ')
    os.mkdir(keys.path('gnupg'), 0o700)
    shown = peer('gpg', '--homedir', keys.path('gnupg'), '--batch', '--list-packets',
                 keys.path('forms/l-pgp.bin'))
    tap.contains(shown, b'pkey[0]: [2048 bits]')

    found = keys.audit(keys.path('forms'), status=1)
    tap.equal(found.flaws, [])
    tap.equal((found.counts['files'], found.counts['keys'], found.counts['rsa_moduli']), (14, 3, 2))
    tap.equal(sources(found, key_id(n)), [
        ('a-cert.pem', 1, 'certificate', 'CN=one'), ('b-cert.der', 1, 'certificate', 'CN=two'),
        ('c-bundle.pem', 1, 'certificate', 'CN=of bundle 0'),
        ('c-bundle.pem', 2, 'certificate', 'CN=of bundle 1'),
        ('c-bundle.pem', 3, 'certificate', 'CN=of bundle 2'),
        ('d-request.pem', 1, 'request', 'CN=asked'),
        ('e-p7.pem', 1, 'certificate in PKCS#7', 'CN=first'), ('f-p7.der', 1, 'certificate in PKCS#7', 'CN=alone'),
        ('g-pkcs1.pem', 1, 'RSA public key', None), ('h-pkcs1.der', 1, 'RSA public key', None),
        ('i-key.jwk', 1, 'JWK', 'my key'), ('j-set.jwks', 1, 'JWK', 'a'), ('j-set.jwks', 2, 'JWK', 'b'),
        ('k-ssh.pub', 1, 'SSH public key', 'root@host'),
        ('l-pgp.bin', 1, 'OpenPGP key', 'Me <me@example.org>'),
        ('n-ct.json', 1, 'certificate in a CT log', 'CN=logged')])
    tap.equal(sources(found, key_id(n, 0)), [('m-hex.csv', i, 'hexadecimal modulus', None)
                                             for i in (1, 2, 3)])
    tap.equal(sources(found, key_id(other)), [('e-p7.pem', 1, 'certificate in PKCS#7', 'CN=second')])
    tap.equal(found.shared(key_id(other)), sorted([key_id(n), key_id(n, 0)]))
    tap.equal(found.shared(key_id(n)), [key_id(other)])


def test_names_that_lie():
    "the format is told from the bytes, whatever the file is called; --format takes one's word"
    keys.write('lying.der', pem(spki(N[0])))
    keys.write('lying.pem', spki(N[1]))
    keys.write('lying.txt', keys.openpgp(N[2], 'x'))
    found = keys.audit(keys.path('lying.der'), keys.path('lying.pem'), keys.path('lying.txt'), status=0)
    tap.equal((found.counts['keys'], found.flaws), (3, []))
    wrong = keys.audit(keys.path('lying.pem'), '--format', 'ssh', status=4)
    tap.equal((wrong.counts['keys'], len(wrong.flaws) > 0), (0, True))
    right = keys.audit(keys.path('lying.pem'), '--format', 'der', status=0)
    tap.equal(right.counts['keys'], 1)


def test_csv_hex():
    "hex moduli: recognised by themselves, in a column, on standard input; short ones when it is said"
    n, m = N[0], BAD
    pair = sorted([key_id(n, 0), key_id(m, 0)])
    keys.write('plain', f'# from a survey\n\n{n:x}\n{m:X}\n')
    keys.write('table.csv', f'ip,n,seen\n192.0.2.1,{n:x},2026-11-24\n192.0.2.2,{m:x},2026-11-25\n')
    keys.write('dos', f'{n:x}\r\n"{m:x}"\r\n')
    for name in ['plain', 'table.csv', 'dos']:
        found = keys.audit(keys.path(name), status=1)
        tap.equal((sorted(found.keys), found.counts['rsa_moduli'], found.flaws), (pair, 2, []))
        same = keys.audit(keys.path(name), '--format', 'csv-hex', status=1)
        tap.equal(same.without_times(), found.without_times())
    lines = [s['line'] for k in pair for s in keys.audit(keys.path('plain'), status=1).keys[k]['sources']]
    tap.equal(sorted(lines), [3, 4])
    found = keys.audit('-', data=f'{n:x}\n{m:x}\n'.encode(), status=1)
    tap.equal((sorted(found.keys), found.keys[pair[0]]['sources'][0]['file']), (pair, '-'))
    # "f" and "21" could be anything, unless one says what they are.
    keys.write('short', 'f\n21\n')
    tap.equal(keys.audit(keys.path('short'), status=4).counts['keys'], 0)
    told = keys.audit(keys.path('short'), '--format', 'csv-hex', status=1)
    tap.equal({int(k['modulus'], 16): told.shared(i) for i, k in told.keys.items()},
              {15: [key_id(33, 0)], 33: [key_id(15, 0)]})
    # A line that is no number is named; its neighbours are read.
    keys.write('broken.csv', f'{n:x}\n{m:x}zz\n{m:x}\n' + 'f' * 300000 + '\n')
    found = keys.audit(keys.path('broken.csv'), status=1)
    tap.equal(sorted(found.keys), pair)
    tap.equal([(f['line'], f['record'], f['error']) for f in found.flaws], [(2, 2, 'malformed'), (4, 4, 'limit')])


def test_damage():
    "a truncated bundle and other damage: named with file and position, the rest read; status 4"
    good = pem(certificate(spki(N[0]), 'whole'), 'CERTIFICATE')
    cut = certificate(spki(N[1]), 'cut')
    keys.write('bad/1-bundle.pem', good + pem(cut, 'CERTIFICATE')[:900])
    keys.write('bad/2-middle.pem', good + pem(cut, 'CERTIFICATE')[:900] + '\n' + pem(spki(N[2])))
    keys.write('bad/3-cut.der', spki(N[2]) + spki(N[3])[:100])
    keys.write('bad/4-base64.pem', good + pem(spki(N[3])).replace('\n', '\n!', 3) + pem(spki(N[4])))
    keys.write('bad/5-json.jwk', json.dumps({'keys': [keys.jwk(N[0], 'a'), {'kty': 'RSA', 'kid': 'b'}]}))
    keys.write('bad/6-garbage.bin', os.urandom(16) * 4)
    keys.write('bad/note.txt', 'This is no key.\n')
    os.symlink('1-bundle.pem', keys.path('bad/link.pem'))
    os.mkfifo(keys.path('bad/pipe'))
    found = keys.audit(keys.path('bad'), status=4)
    tap.equal((found.counts['keys'], found.keys), (3, {}))
    tap.equal((found.counts['links_not_followed'], found.counts['files_without_keys']), (1, 2))
    where = [(os.path.basename(f['file']), f['offset'], f['error']) for f in found.flaws]
    tap.equal(where, [('1-bundle.pem', len(good), 'truncated'), ('2-middle.pem', len(good), 'truncated'),
                      ('3-cut.der', len(spki(N[2])), 'truncated'), ('4-base64.pem', len(good), 'base64'),
                      ('5-json.jwk', found.flaws[4]['offset'], 'malformed'), ('pipe', 0, 'io')])
    tap.equal(found.counts['flaws'], len(where))
    for flaw in found.flaws:
        if not flaw['message'] or not flaw['form']:
            raise AssertionError(flaw)
    # A file that was named should hold keys: it is a flaw there, and a file of a folder here.
    tap.equal(len(keys.audit(keys.path('bad/note.txt'), status=4).flaws), 1)
    # A broken key is the answer that was asked for, and goes before what could not be read.
    keys.write('bad/7-pair.csv', f'{BAD:x}\n{N[0]:x}\n')
    tap.equal(keys.audit(keys.path('bad'), status=1).counts['checks'], {'shared-prime': 3})
    tap.equal(len(keys.audit(keys.path('bad'), '--fail-on', 'never', status=4).keys), 3)
    text = keys.run('keys', 'audit', keys.path('bad'), status=1)
    tap.contains(text, f'Not read: {len(where)} parts of the input')
    tap.contains(text, '    and 1 more place\n    with ')
    tap.contains(text, '2 other files hold no keys. 1 symbolic link was not followed.')
    tap.contains(text, f'1-bundle.pem, line {good.count(chr(10)) + 1} (')


def test_negative_and_private():
    "the public half of a private key is taken, and nothing of its other half is kept"
    key = keys.path('private.key')
    peer('openssl', 'genrsa', '-out', key, '2048')
    text = peer('openssl', 'rsa', '-in', key, '-noout', '-text').decode()
    prime = re.sub(r'[\s:]', '', re.search(r'prime1:\s*([0-9a-f:\s]+?)\n[a-z]', text).group(1)).lstrip('0')
    n = int(re.search(rb'Modulus=(\w+)', peer('openssl', 'rsa', '-in', key, '-noout', '-modulus')).group(1), 16)
    work = keys.path('private-work')
    found = keys.audit(key, '--min-bits', '4096', '--work', work, status=0)
    tap.equal(found.checks(key_id(n)), ['rsa-size'])
    tap.contains(found.keys[key_id(n)]['sources'][0]['form'], 'public half')
    for name in os.listdir(work):
        file = os.path.join(work, name)
        if os.path.isfile(file):
            with open(file, 'rb') as f:
                if bytes.fromhex(prime) in f.read():
                    raise AssertionError(f'a private number is in {name}')


def test_realm():
    "a realm's own database: every certificate it issued, and no finding"
    with realm.Realm() as r:
        result = r.run(r.program('medseal'), 'keys', 'audit', '--json', '--realm-db', f'{r.dir}/medseal.db',
                       check=False, env=keys.environment())
        found = keys.answer(result.returncode, result.stdout.encode(), result.stderr.encode(), 0)
        tap.equal((found.keys, found.flaws, found.counts['files']), ({}, [], 1))
        if found.counts['keys'] < 4:            # the server and three operators
            raise AssertionError(found.counts)


tap.main()
