"""The reports of a key audit: nothing private in them, SARIF as the standard has it, one page."""
import glob
import hashlib
import json
import os
import re
import subprocess

import keys
import realm
import sarif
import tap
from keys import der, integer, key_id, oid, pem, spki

P = keys.primes(1024, 12)
N, M = P[0] * P[1], P[0] * P[2]


def openssl(*args, data=None):
    return subprocess.run(['openssl', *args], check=True, input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE).stdout


def private_keys(name):
    """(id, PEM) of each key in the file of --private-keys."""
    return re.findall(r'# key ([0-9a-f]{64})\n(-----BEGIN PRIVATE KEY.*?-----END PRIVATE KEY-----\n)',
                      keys.read(name), re.S)


def test_private_keys():
    "private keys only when asked for, into a new file of mode 0600, the right ones, in no report"
    three = P[3] * P[4] * keys.primes(512, 1)[0]            # three primes: no key that it can write
    keys.write('p.der', spki(N) + spki(M, 3) + spki(three) + spki(P[3] * P[5]))
    keys.write('p.csv', f'{P[3] * P[6]:x}\n')               # without exponent: 65537
    inputs = [keys.path('p.der'), keys.path('p.csv')]
    out = keys.path('private.pem')
    reports = ['--html', keys.path('p.html'), '--sarif', keys.path('p.sarif')]
    os.umask(0)                                             # the mode is ours, not the caller's
    for extra in [[], ['--private-keys', out]]:
        for as_json in [False, True]:
            if os.path.exists(out):
                os.unlink(out)
            work = keys.path(f'p-work-{len(extra)}-{as_json}')
            result = subprocess.run(keys.command(*inputs, *reports, *extra, '--work', work,
                                                 as_json=as_json),
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                                    env=keys.environment())
            realm.no_sanitizer_report(result.stderr.decode())
            tap.equal(result.returncode, 1)
            said = result.stdout + result.stderr
            for name in [keys.path('p.html'), keys.path('p.sarif'), *files_of(work)]:
                with open(name, 'rb') as f:
                    said += f.read()
            for p in P[:7]:
                for secret in [f'{p:x}', f'{p:X}', str(p)]:
                    if secret.encode() in said:
                        raise AssertionError('a prime is in a report')
                if p.to_bytes(128, 'big') in said:
                    raise AssertionError('a prime is in the work folder or a report')
            if b'PRIVATE KEY' in said:
                raise AssertionError('a private key is in a report')
            tap.equal(os.path.exists(out), bool(extra))
            tap.equal(b'4 private keys were written' in result.stderr + result.stdout,
                      bool(extra) and not as_json)
    os.umask(0o022)
    tap.equal(os.stat(out).st_mode & 0o7777, 0o600)
    blocks = private_keys('private.pem')
    tap.equal(sorted(b[0] for b in blocks),
              sorted([key_id(N), key_id(M, 3), key_id(P[3] * P[5]), key_id(P[3] * P[6], 0)]))
    for name, block in blocks:
        public = openssl('pkey', '-pubout', '-outform', 'DER', data=block.encode())
        openssl('pkey', '-check', '-noout', data=block.encode())
        if name == key_id(P[3] * P[6], 0):
            tap.equal(public, spki(P[3] * P[6]))
        else:
            tap.equal(hashlib.sha256(public).hexdigest(), name)


def files_of(folder):
    return [f for f in glob.glob(f'{folder}/**', recursive=True) if os.path.isfile(f)]


# ---- NIST P-256 with plain numbers, to sign with a nonce of one's own

FIELD = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffff
ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
BASE = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
        0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % FIELD == 0:
        return None
    slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, FIELD) if a == b else \
        (b[1] - a[1]) * pow(b[0] - a[0], -1, FIELD)
    x = (slope * slope - a[0] - b[0]) % FIELD
    return x, (slope * (a[0] - x) - a[1]) % FIELD


def times(k):
    out, point = None, BASE
    while k:
        out, point, k = add(out, point) if k & 1 else out, add(point, point), k >> 1
    return out


ECDSA_SHA256 = der(0x30, oid('2a8648ce3d040302'))


def ec_spki(private):
    x, y = times(private)
    return der(0x30, der(0x30, oid('2a8648ce3d0201'), oid('2a8648ce3d030107')),
               der(3, b'\0\4' + x.to_bytes(32, 'big') + y.to_bytes(32, 'big')))


def ec_certificate(private, nonce, serial):
    name = keys.name('Weak CA')
    valid = der(0x30, der(0x17, b'260101000000Z'), der(0x17, b'270101000000Z'))
    tbs = der(0x30, der(0xa0, integer(2)), integer(serial), ECDSA_SHA256, name, valid, name,
              ec_spki(private))
    z = int.from_bytes(hashlib.sha256(tbs).digest(), 'big')
    r = times(nonce)[0] % ORDER
    s = pow(nonce, -1, ORDER) * (z + r * private) % ORDER
    return der(0x30, tbs, ECDSA_SHA256, der(3, b'\0' + der(0x30, integer(r), integer(s))))


def test_nonces():
    "two certificates signed with one ECDSA nonce: the signer's private key is found and written"
    private, nonce = 0x1234567890abcdef ** 3 % ORDER, 0xfedcba ** 10 % ORDER
    keys.write('ec.der', ec_certificate(private, nonce, 1) + ec_certificate(private, nonce, 2))
    openssl('x509', '-inform', 'DER', '-noout', '-in', keys.path('ec.der'))
    found = keys.audit(keys.path('ec.der'), '--private-keys', keys.path('ec.pem'), status=1)
    key = keys.id_of(ec_spki(private))
    tap.equal(found.checks(key), ['ecdsa-nonce-reused'])
    tap.equal((found.counts['ecdsa_signatures'], found.counts['ecdsa_signatures_dropped']), (2, 0))
    tap.contains(found.why(key, 'ecdsa-nonce-reused'), 'signed in ' + keys.path('ec.der'))
    ((name, block),) = private_keys('ec.pem')
    tap.equal(name, key)
    text = openssl('pkey', '-noout', '-text', data=block.encode()).decode()
    got = re.search(r'priv:\s*((?:[0-9a-f]{2}:?\s*)+)', text).group(1)
    tap.equal(int(re.sub(r'[:\s]', '', got), 16), private)
    # Honest nonces: no finding.
    keys.write('good.der', b''.join(ec_certificate(private, nonce + i, i + 1) for i in (0, 12345)))
    tap.equal(keys.audit(keys.path('good.der'), status=0).keys, {})


def test_hostile_names():
    "a name that wants to be a script, to colour a terminal or to turn text round stays text"
    names = ['one', '</title><script>alert(1)</script>', '\x1b[31mred\x1b[0m', 'a\u202egpj.exe']
    short = keys.primes(512, 2)[0] * keys.primes(512, 2)[1]
    keys.write('names.pem', ''.join(pem(keys.certificate(spki(short), name, i), 'CERTIFICATE')
                                    for i, name in enumerate(names)))
    args = [keys.path('names.pem'), '--html', keys.path('n.html'), '--sarif', keys.path('n.sarif')]
    found = keys.audit(*args, status=0)
    (one,) = found.keys.values()
    tap.equal([s['name'] for s in one['sources']],
              ['CN=one', 'CN=</title><script>alert(1)</script>', 'CN=\ufffd[31mred\ufffd[0m', 'CN=a\ufffdgpj.exe'])
    page = keys.read('n.html')
    if '<script' in page:
        raise AssertionError('a name became markup')
    tap.contains(page, '&lt;script&gt;')
    for text in [page, keys.read('n.sarif'), keys.run('keys', 'audit', *args, status=0)]:
        if '\x1b' in text or '\u202e' in text or '\\u202e' in text.lower() or '\\u001b' in text.lower():
            raise AssertionError('a control character is in a report')


def test_sarif():
    "SARIF: every required property, no property the standard does not know, rules, places, flaws"
    keys.write('s/a b.csv', f'{N:x}\n{M:x}\n')
    keys.write('s/cut.der', spki(P[3] * P[4])[:50])
    keys.write('s/short.pem', pem(keys.certificate(spki(keys.primes(512, 2)[0] ** 2), 'Ärger'), 'CERTIFICATE'))
    keys.audit(keys.path('s'), '--sarif', keys.path('s.sarif'), status=1)
    log = json.loads(keys.read('s.sarif'))
    sarif.check(log)
    (run,) = log['runs']
    rules = run['tool']['driver']['rules']
    tap.equal(run['tool']['driver']['name'], 'medseal')
    got = []
    for result in run['results']:
        tap.equal((rules[result['ruleIndex']]['id'], rules[result['ruleIndex']]['defaultConfiguration']['level']),
                  (result['ruleId'], result['level']))
        tap.equal(list(result['partialFingerprints']), ['keySha256/v1'])
        (where,) = result['locations']
        tap.contains(result['message']['text'], result['partialFingerprints']['keySha256/v1'])
        got.append((result['ruleId'], where['physicalLocation']['artifactLocation']['uri'],
                    where['physicalLocation']['region'],
                    [x['name'] for x in where.get('logicalLocations', [])]))
    csv = 'file://' + keys.path('s/a%20b.csv')
    short = 'file://' + keys.path('s/short.pem')
    tap.equal(sorted(got, key=str), sorted([
        ('shared-prime', csv, {'startLine': 1}, []), ('shared-prime', csv, {'startLine': 2}, []),
        ('rsa-size', short, {'startLine': 1}, ['CN=Ärger']),
        ('rsa-power', short, {'startLine': 1}, ['CN=Ärger'])], key=str))
    (invocation,) = run['invocations']
    tap.equal(invocation['executionSuccessful'], True)
    (note,) = invocation['toolExecutionNotifications']
    tap.equal(note['descriptor']['id'], 'truncated')
    tap.equal(note['locations'][0]['physicalLocation'],
              {'artifactLocation': {'uri': 'file://' + keys.path('s/cut.der')}, 'region': {'byteOffset': 0}})
    # A key in very many places.
    keys.write('many.csv', f'{N:x}\n' * 150 + f'{M:x}\n')
    keys.audit(keys.path('many.csv'), '--sarif', keys.path('many.sarif'), status=1)
    log = json.loads(keys.read('many.sarif'))
    sarif.check(log)
    first = log['runs'][0]['results'][0]
    tap.equal(len(first['locations']), 100)
    tap.contains(first['message']['text'], 'It stands in 150 places, of which 100 follow.')
    # Nothing to say is a report too.
    keys.write('good.csv', f'{P[3] * P[4]:x}\n')
    keys.audit(keys.path('good.csv'), '--sarif', keys.path('good.sarif'), status=0)
    log = json.loads(keys.read('good.sarif'))
    sarif.check(log)
    tap.equal(log['runs'][0]['results'], [])


def test_the_check_of_sarif_can_fail():
    "what the check of SARIF refuses"
    keys.write('bad.csv', f'{N:x}\n{M:x}\n')
    keys.audit(keys.path('bad.csv'), '--sarif', keys.path('bad.sarif'), status=1)

    def result(log):
        return log['runs'][0]['results'][0]
    for spoil in [lambda log: log.pop('version'), lambda log: log.update(version='2.0.0'),
                  lambda log: log['runs'][0].pop('tool'), lambda log: result(log).pop('message'),
                  lambda log: result(log).update(level='fatal'), lambda log: result(log).update(ruleIndex=-2),
                  lambda log: result(log).update(ruleIndex='1'), lambda log: result(log).update(colour='red'),
                  lambda log: result(log)['locations'][0]['physicalLocation']['region'].update(startLine=0),
                  lambda log: result(log)['message'].pop('text'),
                  lambda log: log['runs'][0]['invocations'][0].pop('executionSuccessful'),
                  lambda log: log['runs'][0]['tool']['driver']['rules'][0].pop('id'),
                  lambda log: log['runs'][0]['tool']['driver']['rules'].append(
                      log['runs'][0]['tool']['driver']['rules'][0])]:
        log = json.loads(keys.read('bad.sarif'))
        sarif.check(log)
        spoil(log)
        try:
            sarif.check(log)
        except sarif.Wrong:
            continue
        raise AssertionError(f'not refused: {json.dumps(log)[:300]}')


def test_sarif_by_its_schema():
    "SARIF by the schema of OASIS, which $MEDSEAL_SARIF_SCHEMA names"
    schema = os.environ.get('MEDSEAL_SARIF_SCHEMA')
    if not schema:
        tap.skip('no package of Debian has the schema; set MEDSEAL_SARIF_SCHEMA to the file of OASIS')
    try:
        import jsonschema
    except ImportError:
        tap.skip('python3-jsonschema is not installed')
    with open(schema, encoding='utf-8') as f:
        validator = jsonschema.validators.validator_for(s := json.load(f))(s)
    for name in ['s', 'many', 'good', 'n', 'p']:
        tap.equal([e.message for e in validator.iter_errors(json.loads(keys.read(f'{name}.sarif')))], [])


def test_page():
    "the page: sizes, clusters as graphs, findings, what was not read; one file, nothing to fetch"
    star = [P[6] * P[i] for i in range(7, 12)]
    keys.write('page/keys.csv', ''.join(f'{n:x}\n' for n in [N, M, *star]))
    keys.write('page/cut.der', spki(N)[:50])
    keys.audit(keys.path('page'), '--html', keys.path('page.html'), status=1)
    page = keys.read('page.html')
    for part in ['<title>Key audit</title>', 'RSA 2048', 'Keys that share a prime', 'Cluster 1: 1 shared factor.',
                 'Cluster 2: 1 shared factor.', 'Not read', 'cut.der', key_id(N, 0)]:
        tap.contains(page, part)
    tap.equal('Cluster 3' in page, False)
    tap.equal(page.count('<circle'), 7)         # a dot for each modulus
    for outside in ['http://', 'https://', '<script', '<img', '<link', '@import', 'url(']:
        if outside in page.replace('xmlns="http://www.w3.org/2000/svg"', ''):
            raise AssertionError(f'{outside} is in the page')


tap.main()
