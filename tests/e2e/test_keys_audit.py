"""medseal keys audit: what was planted is found, exactly, and nothing else."""
import base64
import glob
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import realm
import rsa
import tap

PROGRAM = os.path.join(realm.BUILD, 'cli/medseal')
LISTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../data/keys')
TOP = tempfile.mkdtemp(prefix='medseal-keys-')
E = 65537
DISK_KIB = 512          # of the disk that gets full
KEYRINGS = '/usr/share/keyrings'


def path(*parts):
    return os.path.join(TOP, *parts)


def audit(*args, status=None, data=None, check=True):
    """The exit status and the lines of --json; the last one is the counts."""
    result = subprocess.run([PROGRAM, 'keys', 'audit', '--json', *args], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, input=data, env=environment(), check=False)
    realm.no_sanitizer_report(result.stderr.decode())
    lines = [json.loads(line) for line in result.stdout.decode().splitlines()]
    if status is not None:
        tap.equal(result.returncode, status, result.stderr.decode())
    if check and 'counts' not in lines[-1]:
        raise AssertionError(result.stderr.decode())
    return Answer(result.returncode, lines)


def environment():
    return {**realm.environment(), 'MEDSEAL_KEY_LISTS': LISTS}


class Answer:
    def __init__(self, status, lines):
        self.status = status
        self.keys = {line['key']: line for line in lines if 'key' in line}
        self.flaws = [line['flaw'] for line in lines if 'flaw' in line]
        self.last = lines[-1]
        self.counts = lines[-1].get('counts')
        self.lines = lines

    def checks(self, key):
        return sorted(f['check'] for f in self.keys[key]['findings'])

    def shared(self, key):
        return [f['shared_with'] for f in self.keys[key]['findings'] if f['check'] == 'shared-prime']

    def without_times(self):
        return [line for line in self.lines if 'times' not in line] + [self.counts]


# ---- numbers and their names

def der(tag, content):
    n = len(content)
    size = bytes([n]) if n < 128 else bytes([0x80 | (n.bit_length() + 7) // 8]) + \
        n.to_bytes((n.bit_length() + 7) // 8, 'big')
    return bytes([tag]) + size + content


def integer(v):
    return der(2, v.to_bytes(v.bit_length() // 8 + 1, 'big'))


def spki(n, e=E, modulus=None):
    key = der(0x30, (modulus or integer(n)) + integer(e))
    algorithm = der(0x30, der(6, bytes.fromhex('2a864886f70d010101')) + der(5, b''))
    return der(0x30, algorithm + der(3, b'\0' + key))


def key_id(n, e=E):
    return hashlib.sha256(spki(n, e)).hexdigest()


def pem(data, name='PUBLIC KEY'):
    text = base64.b64encode(data).decode()
    return f'-----BEGIN {name}-----\n' + '\n'.join(re.findall('.{1,64}', text)) + \
        f'\n-----END {name}-----\n'


def prime(bits):
    # both top bits set: the product of two has twice the bits
    return rsa._prime(3 << (bits - 2), 1 << bits, E)


def write(name, data):
    os.makedirs(os.path.dirname(path(name)), exist_ok=True)
    with open(path(name), 'wb') as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return path(name)


P = [prime(1024) for _ in range(16)]
Q = [prime(512) for _ in range(4)]


# ---- cases

def test_shared_primes():
    "pairs, a prime of three, both primes shared, other sizes, and who shares with whom"
    pair = [P[0] * P[1], P[0] * P[2]]
    triangle = [P[3] * P[4], P[4] * P[5], P[5] * P[3]]      # gcd with all others is the modulus
    star = [P[6] * P[7], P[6] * P[8], P[6] * Q[0]]
    good = [P[9] * P[10], P[11] * P[12], Q[1] * Q[2]]
    write('shared/a.pem', ''.join(pem(spki(n)) for n in [*pair, triangle[0], good[0], star[2]]))
    write('shared/b.der', b''.join(spki(n) for n in [*triangle[1:], good[1]]))
    write('shared/sub/c.csv', ''.join(f'{n:x}\n' for n in star[:2]))
    write('shared/z.pem', ''.join(pem(spki(n)) for n in [good[2], pair[0]]))
    found = audit(path('shared'), status=1)
    want = {}
    ids = lambda moduli, e=E: [key_id(n, e) for n in moduli]        # noqa: E731
    in_star = ids(star[:2], 0) + ids(star[2:])
    for group in [ids(pair), ids(triangle), in_star]:
        for one in group:
            want[one] = sorted(set(group) - {one})
    got = {k: sorted(found.shared(k)[0]) for k in found.keys if found.shared(k)}
    tap.equal(got, want)
    tap.equal(found.counts['keys'], 11)
    tap.equal(found.counts['rsa_moduli'], 11)
    tap.equal(found.counts['sources'], 12)
    tap.equal(found.counts['checks'].get('shared-prime'), 8)
    tap.equal(found.flaws, [])
    first = found.keys[key_id(pair[0])]
    tap.equal([(os.path.basename(s['file']), s['record']) for s in first['sources']],
              [('a.pem', 1), ('z.pem', 2)])
    tap.equal(int(first['modulus'], 16), pair[0])
    # Good keys have no error, and the long ones nothing at all.
    tap.equal(found.counts['worst']['error'], 8)
    for n in good[:2]:
        if key_id(n) in found.keys:
            raise AssertionError(found.keys[key_id(n)])


def test_one_modulus_with_two_exponents():
    "two keys of one modulus: the modulus is compared once, both are told"
    n, m = P[0] * P[1], P[0] * P[2]
    write('two.pem', pem(spki(n)) + pem(spki(n, 3)) + pem(spki(m)))
    found = audit(path('two.pem'), status=1)
    tap.equal((found.counts['keys'], found.counts['rsa_moduli']), (3, 2))
    tap.equal(found.shared(key_id(n)), [[key_id(m)]])
    tap.equal(found.shared(key_id(n, 3)), [[key_id(m)]])
    tap.equal(sorted(found.shared(key_id(m))[0]), sorted([key_id(n), key_id(n, 3)]))


def test_odd_moduli():
    "0, 1, even, prime, power, negative, 1 bit and 1,000,000 bits: each its finding, the rest goes on"
    huge = (1 << 999999) + 1
    close = P[13]
    while not rsa._is_prime(close := close + 2):
        pass
    negative = P[9] * P[10]
    encoded = der(2, negative.to_bytes(256, 'big'))         # the first bit is set, no zero octet
    numbers = {0: 'rsa-form', 1: 'rsa-form', 2 * P[0]: 'rsa-form', P[1]: 'rsa-prime',
               P[2] ** 2: 'rsa-power', P[13] * close: 'rsa-close-primes'}
    write('odd.der', b''.join(spki(n) for n in numbers) + spki(0, modulus=encoded) +
          spki(huge) + spki(P[3] * P[4]) + spki(P[3] * P[5]))
    found = audit(path('odd.der'), status=1)
    tap.equal(found.counts['keys'], len(numbers) + 4)
    for n, check in numbers.items():
        tap.contains(found.checks(key_id(n)), check)
    wrong = hashlib.sha256(spki(0, modulus=encoded)).hexdigest()
    tap.contains(found.checks(wrong), 'rsa-negative')
    tap.equal(int(found.keys[wrong]['modulus'], 16), negative)
    tap.equal(found.shared(key_id(P[3] * P[4])), [[key_id(P[3] * P[5])]])
    tap.contains([s['bits'] for s in found.counts['sizes']], 1000000)


def test_certificates_and_names():
    "a key in many certificates is told with all of them; hostile names stay text"
    key = path('ca.key')
    subprocess.run(['openssl', 'genrsa', '-out', key, '1024'], check=True, stderr=subprocess.DEVNULL)
    bundle = b''
    names = ['one', '</title><script>alert(1)</script>', 'three']
    for name in names:
        bundle += subprocess.run(['openssl', 'req', '-x509', '-key', key, '-subj',
                                  '/CN=' + name.replace('/', '\\/'), '-days', '9'],
                                 check=True, stdout=subprocess.PIPE).stdout
    write('bundle.pem', bundle)
    found = audit(path('bundle.pem'), '--html', path('b.html'), '--sarif', path('b.sarif'), status=0)
    (one,) = found.keys.values()
    tap.equal(len(one['sources']), 3)
    for source, name in zip(one['sources'], names):
        tap.contains(source['name'], name)
        tap.equal(source['form'], 'certificate')
    tap.equal(found.checks(one['key']), ['rsa-size'])
    with open(path('b.html'), encoding='utf-8') as f:
        page = f.read()
    if '<script' in page or 'alert(1)</' in page:
        raise AssertionError('a name became markup')
    tap.contains(page, '&lt;script&gt;')
    audit(path('bundle.pem'), '--fail-on', 'warning', status=1)
    audit(path('bundle.pem'), '--min-bits', '1024', '--fail-on', 'note', status=0)


def test_flaws():
    "a truncated bundle: named with file and position, the rest is read; the exit status is 4"
    good = pem(spki(P[9] * P[10]))
    write('cut/1.pem', good + pem(spki(P[11] * P[12]))[:200])
    write('cut/2.der', spki(P[11] * P[12]) + spki(P[6] * P[7])[:100])
    write('cut/note.txt', 'This is no key.\n')
    os.symlink('1.pem', path('cut/link.pem'))
    os.mkfifo(path('cut/pipe'))
    found = audit(path('cut'), status=4)
    tap.equal(found.counts['keys'], 2)
    tap.equal(found.counts['links_not_followed'], 1)
    tap.equal(found.counts['files_without_keys'], 1)
    where = {os.path.basename(f['file']): f['offset'] for f in found.flaws}
    tap.equal(where, {'1.pem': len(good), '2.der': len(spki(P[11] * P[12])), 'pipe': 0})


def test_refusals():
    "calls that make no sense: status 2; an existing file for private keys: 1"
    write('x.der', spki(P[9] * P[10]))
    for args in [[], [path('missing')], ['/dev/null'], [path('x.der'), '--format', 'doc'],
                 [path('x.der'), '--memory', '0'], [path('x.der'), '--memory', '4X'],
                 [path('x.der'), '--fail-on', 'all'], [path('x.der'), '--resume'],
                 [path('x.der'), '--threads', '0']]:
        audit(*args, status=2, check=False)
    audit(path('x.der'), '--private-keys', path('x.der'), status=1, check=False)
    audit(path('x.der'), '--lists', path('missing'), status=1, check=False)


def test_standard_input():
    "hex moduli on standard input are recognised by themselves"
    n = P[0] * P[1]
    found = audit('-', data=f'{n:x}\n{P[0] * P[3]:X}\n'.encode(), status=1)
    tap.equal(found.shared(key_id(n, 0)), [[key_id(P[0] * P[3], 0)]])
    tap.equal(found.keys[key_id(n, 0)]['sources'][0]['file'], '-')


def test_private_keys():
    "private keys only into a new file of mode 0600, and they are the right ones"
    n, m = P[0] * P[1], P[0] * P[2]
    write('p.der', spki(n) + spki(m))
    out = path('private.pem')
    for extra in [[], ['--private-keys', out, '--html', path('p.html'), '--sarif', path('p.sarif')]]:
        result = subprocess.run([PROGRAM, 'keys', 'audit', '--json', path('p.der'), *extra],
                                stdout=subprocess.PIPE, check=False, env=environment())
        text = result.stdout.decode()
        for name in ['p.html', 'p.sarif'] if extra else []:
            with open(path(name), encoding='utf-8') as f:
                text += f.read()
        for secret in [P[0], P[1], P[2]]:
            if f'{secret:x}' in text or str(secret) in text:
                raise AssertionError('a prime is in a report')
        tap.equal(os.path.exists(out), bool(extra))
    tap.equal(os.stat(out).st_mode & 0o777, 0o600)
    with open(out, encoding='ascii') as f:
        blocks = re.findall(r'# key ([0-9a-f]{64})\n(-----BEGIN PRIVATE KEY.*?-----END PRIVATE KEY-----)',
                            f.read(), re.S)
    tap.equal(sorted(b[0] for b in blocks), sorted([key_id(n), key_id(m)]))
    for name, block in blocks:
        public = subprocess.run(['openssl', 'pkey', '-pubout', '-outform', 'DER'], check=True,
                                input=block.encode(), stdout=subprocess.PIPE).stdout
        tap.equal(hashlib.sha256(public).hexdigest(), name)
        subprocess.run(['openssl', 'pkey', '-check', '-noout'], check=True, input=block.encode(),
                       stdout=subprocess.DEVNULL)


def test_nonces():
    "two certificates signed with one ECDSA nonce: the signer's key is found"
    # k is fixed by signing deterministically nothing can do; made with the group's arithmetic here
    p = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffff
    a, q = p - 3, 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
    g = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
         0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)

    def add(x, y):
        if x is None or y is None:
            return x or y
        if x[0] == y[0] and (x[1] + y[1]) % p == 0:
            return None
        s = (3 * x[0] * x[0] + a) * pow(2 * x[1], -1, p) if x == y else \
            (y[1] - x[1]) * pow(y[0] - x[0], -1, p)
        r = (s * s - x[0] - y[0]) % p
        return r, (s * (x[0] - r) - x[1]) % p

    def times(k):
        out, base = None, g
        while k:
            out, base, k = add(out, base) if k & 1 else out, add(base, base), k >> 1
        return out

    private, nonce = 0x1234567890abcdef ** 3 % q, 0xfedcba ** 10 % q
    x, y = times(private)
    r = times(nonce)[0] % q
    ec_spki = der(0x30, der(0x30, der(6, bytes.fromhex('2a8648ce3d0201')) +
                            der(6, bytes.fromhex('2a8648ce3d030107'))) +
                  der(3, b'\0\4' + x.to_bytes(32, 'big') + y.to_bytes(32, 'big')))
    algorithm = der(0x30, der(6, bytes.fromhex('2a8648ce3d040302')))
    name = der(0x30, der(0x31, der(0x30, der(6, b'\x55\4\3') + der(12, b'Weak CA'))))
    times_ = der(0x30, der(0x17, b'260101000000Z') + der(0x17, b'270101000000Z'))

    def certificate(serial):
        tbs = der(0x30, der(0xa0, integer(2)) + integer(serial) + algorithm + name + times_ + name +
                  ec_spki)
        z = int.from_bytes(hashlib.sha256(tbs).digest(), 'big')
        s = pow(nonce, -1, q) * (z + r * private) % q
        return der(0x30, tbs + algorithm + der(3, b'\0' + der(0x30, integer(r) + integer(s))))

    write('ec.der', certificate(1) + certificate(2))
    found = audit(path('ec.der'), '--private-keys', path('ec.pem'), status=1)
    key = hashlib.sha256(ec_spki).hexdigest()
    tap.contains(found.checks(key), 'ecdsa-nonce-reused')
    with open(path('ec.pem'), encoding='ascii') as f:
        text = subprocess.run(['openssl', 'pkey', '-noout', '-text'], check=True, text=True,
                              input=f.read(), stdout=subprocess.PIPE).stdout
    got = re.search(r'priv:\s*((?:[0-9a-f]{2}:?\s*)+)', text).group(1)
    tap.equal(int(re.sub(r'[:\s]', '', got), 16), private)


def test_sarif():
    "the SARIF report has what the standard requires, and the places"
    write('shared2/a b.csv', f'{P[0] * P[1]:x}\n{P[0] * P[2]:x}\n')
    write('shared2/cut.der', spki(P[3] * P[4])[:50])
    audit(path('shared2'), '--sarif', path('s.sarif'), status=1)
    with open(path('s.sarif'), encoding='utf-8') as f:
        log = json.load(f)
    tap.equal(log['version'], '2.1.0')
    (run,) = log['runs']
    driver = run['tool']['driver']
    tap.equal(driver['name'], 'medseal')
    rules = [rule['id'] for rule in driver['rules']]
    tap.equal(len(rules), len(set(rules)))
    for rule in driver['rules']:
        if not rule['shortDescription']['text'] or not rule['help']['text']:
            raise AssertionError(rule)
        tap.contains(['note', 'warning', 'error'], rule['defaultConfiguration']['level'])
    tap.equal(len(run['results']), 2)
    for number, result in enumerate(run['results'], 1):
        tap.equal(rules[result['ruleIndex']], result['ruleId'])
        tap.equal(result['level'], 'error')
        if not result['message']['text']:
            raise AssertionError(result)
        tap.equal(list(result['partialFingerprints']), ['keySha256/v1'])
        (where,) = result['locations']
        tap.equal(where['physicalLocation']['region'], {'startLine': number})
        uri = where['physicalLocation']['artifactLocation']['uri']
        tap.equal(uri, 'file://' + path('shared2/a%20b.csv'))
    (invocation,) = run['invocations']
    tap.equal(invocation['executionSuccessful'], True)
    (note,) = invocation['toolExecutionNotifications']
    tap.contains(note['locations'][0]['physicalLocation']['artifactLocation']['uri'], 'cut.der')


def corpus(name, keys):
    """Many moduli, a pair of which shares a prime; cheap to make, for runs that take a while."""
    base = P[9] * P[10]
    lines = [f'{base + 2 * i:x}' for i in range(keys)]
    lines[keys // 3] = f'{P[0] * P[1]:x}'
    lines[2 * keys // 3] = f'{P[0] * P[2]:x}'
    return write(name, '\n'.join(lines) + '\n')


def test_resume():
    "killed again and again, then resumed: the same report as without"
    where = corpus('many/a.csv', 3000)
    write('many/b.pem', pem(spki(P[3] * P[4])) * 50)
    write('many/cut.der', spki(P[3] * P[5])[:70])
    want = audit(path('many'), status=1).without_times()
    work = path('work')
    kills = 0
    wait = 0.3
    while True:
        args = [PROGRAM, 'keys', 'audit', '--json', path('many'), '--work', work]
        if os.path.exists(os.path.join(work, 'state')):
            args.append('--resume')
        with subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=environment()) as child:
            try:
                out, err = child.communicate(timeout=wait)
                break
            except subprocess.TimeoutExpired:
                # SIGTERM makes a checkpoint and stops; SIGKILL leaves what there is
                child.send_signal(signal.SIGKILL if kills % 2 else signal.SIGTERM)
                try:
                    child.communicate(timeout=30)
                except subprocess.TimeoutExpired:
                    child.kill()
                    raise
            kills += 1
            wait *= 1.3
    realm.no_sanitizer_report(err.decode())
    got = Answer(child.returncode, [json.loads(x) for x in out.decode().splitlines()])
    tap.comment(f'{kills} kills')
    if kills == 0:
        raise AssertionError('it was never interrupted')
    tap.equal(got.without_times(), want)
    tap.equal(child.returncode, 1)
    # Finished: told again without reading; with another input or twice at once: refused.
    tap.equal(audit(path('many'), '--work', work, '--resume', status=1).without_times(), want)
    audit(path('many'), '--work', work, status=1, check=False)
    audit(path('many'), '--work', work, '--resume', '--min-bits', '3072', status=2, check=False)
    os.utime(where)
    audit(path('many'), '--work', work, '--resume', status=2, check=False)


def test_full_disk():
    "a full disk is a clear error, and with room it goes on to the same report"
    if os.geteuid() != 0:
        tap.skip('mounting a small disk needs root')
    where = corpus('disk.csv', 3000)
    small = path('small')
    os.mkdir(small)
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={DISK_KIB}k', 'tmpfs', small],
                      check=False).returncode != 0:
        tap.skip('no small disk can be mounted')
    try:
        work = os.path.join(small, 'work')
        full = audit(where, '--work', work, status=3, check=False)
        tap.equal(full.last['error'], 'disk-full')
        subprocess.run(['mount', '-o', 'remount,size=64m', small], check=True)
        resumed = audit(where, '--work', work, '--resume', status=1)
        tap.equal(resumed.without_times(), audit(where, status=1).without_times())
    finally:
        subprocess.run(['umount', small], check=False)


def test_realm():
    "a realm's own database: every certificate it issued, and no finding"
    with realm.Realm() as r:
        result = r.run(r.program('medseal'), 'keys', 'audit', '--json', '--realm-db',
                       f'{r.dir}/medseal.db', check=False)
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        tap.equal(result.returncode, 0, result.stdout + result.stderr)
        if lines[-1]['counts']['keys'] < 4:        # the server and three operators
            raise AssertionError(lines)
        tap.equal(len(lines), 1)


def test_people():
    "the report for people: numbers, bars, what to do, where"
    write('people.csv', f'{P[0] * P[1]:x}\n{P[0] * P[2]:x}\n')
    result = subprocess.run([PROGRAM, 'keys', 'audit', path('people.csv')], text=True, check=False,
                            stdout=subprocess.PIPE, env=environment())
    tap.equal(result.returncode, 1)
    for part in ['1 file', '2 keys in 2 places', 'RSA 2048  ████', 'shared-prime', 'replace both keys',
                 f'in {path("people.csv")}, line 1', f'with {key_id(P[0] * P[2], 0)}',
                 '2 keys with an error']:
        tap.contains(result.stdout, part)


def gpg_moduli(files):
    """How many RSA keys and subkeys the key rings hold, each once, by gpg: its own count."""
    grips = set()
    for one in files:
        out = subprocess.run(['gpg', '--homedir', path('gpg'), '--no-options', '--batch', '--quiet',
                              '--with-colons', '--with-keygrip', '--show-keys', one], check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        rsa_key = False
        for line in out.decode(errors='replace').splitlines():
            field = line.split(':')
            if field[0] in ('pub', 'sub'):
                rsa_key = field[3] in ('1', '2', '3')
            elif field[0] == 'grp' and rsa_key:
                grips.add(field[9])
    return len(grips)


def test_key_rings():
    "the key rings of Debian and Ubuntu: no error, and as many RSA keys as gpg counts"
    files = [f for f in glob.glob(f'{KEYRINGS}/*.[gp][pg][gp]') if not os.path.islink(f)]
    if not any('debian-keyring' in f for f in files):
        tap.skip('debian-keyring is not installed')
    os.mkdir(path('gpg'), 0o700)
    small = [f for f in files if os.path.getsize(f) < 4 << 20]
    found = audit(*sorted(small), check=True)
    tap.equal([(k['key'], k['findings']) for k in found.keys.values()
               if any(f['severity'] == 'error' for f in k['findings'])], [])
    rsa_keys = sum(s['keys'] for s in found.counts['sizes'] if s['kind'] == 'RSA')
    tap.equal(rsa_keys, gpg_moduli(small))
    tap.comment(f'{rsa_keys} RSA keys, {found.counts["keys"]} in all')


try:
    tap.main()
finally:
    shutil.rmtree(TOP, ignore_errors=True)
