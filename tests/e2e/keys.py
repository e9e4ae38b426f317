"""Keys planted for `medseal keys audit`, in every form that it reads, and what it says of them.

    import keys
    keys.write('a/one.pem', keys.pem(keys.spki(n)))
    found = keys.audit(keys.path('a'), status=1)
    tap.equal(found.checks(keys.key_id(n)), ['shared-prime'])

Everything lies in a temporary folder, which is gone when the test ends. Encodings are written here
and not taken from the program, so that a fault in it is not repeated in what is expected of it.
"""
import atexit
import base64
import functools
import hashlib
import json
import math
import os
import random
import re
import shutil
import struct
import subprocess
import tempfile

import realm
import rsa
import tap

PROGRAM = os.path.join(realm.BUILD, 'cli/medseal')
LISTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../data/keys')
TOP = tempfile.mkdtemp(prefix='medseal-keys-')
E = 65537

atexit.register(shutil.rmtree, TOP, ignore_errors=True)


def path(*parts):
    return os.path.join(TOP, *parts)


def write(name, data):
    """A file in the temporary folder; its path."""
    os.makedirs(os.path.dirname(path(name)), exist_ok=True)
    with open(path(name), 'wb') as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return path(name)


def read(name):
    with open(path(name), encoding='utf-8') as f:
        return f.read()


# ---- running ----

def environment():
    return {**realm.environment(), 'MEDSEAL_KEY_LISTS': LISTS}


def command(*args, as_json=True):
    return [PROGRAM, 'keys', 'audit', *(['--json'] if as_json else []), *args]


def audit(*args, status=None, data=None, check=True, **kw):
    """What it says with --json. With `check` it must have come to the last line, the counts."""
    result = subprocess.run(command(*args), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            input=data, env=environment(), check=False, **kw)
    return answer(result.returncode, result.stdout, result.stderr, status, check)


def run(*args, status=0):
    """Another command, or without --json; what it prints."""
    result = subprocess.run([PROGRAM, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=environment(), check=False)
    realm.no_sanitizer_report(result.stderr)
    tap.equal(result.returncode, status, result.stderr + result.stdout[-2000:])
    return result.stdout


def answer(got, out, err, status=None, check=True):
    realm.no_sanitizer_report(err.decode())
    if status is not None:
        tap.equal(got, status, err.decode() + out.decode()[-2000:])
    found = Answer(got, [json.loads(line) for line in out.decode().splitlines()], err.decode())
    if check and found.counts is None:
        raise AssertionError(f'no counts: {err.decode()}')
    return found


class Answer:
    def __init__(self, status, lines, stderr=''):
        self.status, self.lines, self.stderr = status, lines, stderr
        self.keys = {line['key']: line for line in lines if 'key' in line}
        self.flaws = [line['flaw'] for line in lines if 'flaw' in line]
        self.error = next((line['error'] for line in lines if 'error' in line), None)
        self.counts = lines[-1].get('counts') if lines else None

    def checks(self, key):
        return [f['check'] for f in self.keys[key]['findings']]

    def why(self, key, check):
        """The reason of a finding, of which there is one."""
        (why,) = [f['why'] for f in self.keys[key]['findings'] if f['check'] == check]
        return why

    def shared(self, key):
        """The ids in shared_with, sorted; None when the key shares nothing."""
        found = [f['shared_with'] for f in self.keys[key]['findings'] if f['check'] == 'shared-prime']
        return sorted(found[0]) if found else None

    def without_times(self):
        return [line for line in self.lines if 'times' not in line] + [self.counts]


# ---- DER, and the forms of a key ----

def der(tag, *parts):
    content = b''.join(parts)
    n = len(content)
    size = bytes([n]) if n < 128 else \
        bytes([0x80 | (n.bit_length() + 7) // 8]) + n.to_bytes((n.bit_length() + 7) // 8, 'big')
    return bytes([tag]) + size + content


def integer(v):
    return der(2, v.to_bytes(v.bit_length() // 8 + 1, 'big'))


def negative(v):
    """The octets of a number without the zero octet before them, as faulty encoders write it."""
    return der(2, v.to_bytes((v.bit_length() + 7) // 8, 'big'))


def oid(hexadecimal):
    return der(6, bytes.fromhex(hexadecimal))


RSA_ENCRYPTION = der(0x30, oid('2a864886f70d010101'), der(5))
SHA256_WITH_RSA = der(0x30, oid('2a864886f70d01010b'), der(5))


def pkcs1(n, e=E, modulus=None):
    return der(0x30, modulus or integer(n), integer(e))


def spki(n, e=E, modulus=None):
    return der(0x30, RSA_ENCRYPTION, der(3, b'\0', pkcs1(n, e, modulus)))


def id_of(spki_der):
    return hashlib.sha256(spki_der).hexdigest()


def key_id(n, e=E):
    """The name of a key in every report: SHA-256 of its SubjectPublicKeyInfo."""
    return id_of(spki(n, e))


def name(cn):
    return der(0x30, der(0x31, der(0x30, oid('550403'), der(0x0c, cn.encode()))))


def certificate(public, cn, serial=1):
    """Of a DER SubjectPublicKeyInfo; nobody verifies its signature."""
    times = der(0x30, der(0x17, b'260101000000Z'), der(0x17, b'270101000000Z'))
    tbs = der(0x30, der(0xa0, integer(2)), integer(serial), SHA256_WITH_RSA, name(cn), times, name(cn),
              public)
    return der(0x30, tbs, SHA256_WITH_RSA, der(3, b'\0' + bytes(256)))


def request(public, cn):
    info = der(0x30, integer(0), name(cn), public, der(0xa0))
    return der(0x30, info, SHA256_WITH_RSA, der(3, b'\0' + bytes(256)))


def pkcs7(*certificates):
    """certs-only SignedData (RFC 5652 §5.1, RFC 8551 §3.8)."""
    signed = der(0x30, integer(1), der(0x31), der(0x30, oid('2a864886f70d010701')),
                 der(0xa0, *certificates), der(0x31))
    return der(0x30, oid('2a864886f70d010702'), der(0xa0, signed))


def pem(data, label='PUBLIC KEY'):
    text = base64.b64encode(data).decode()
    return f'-----BEGIN {label}-----\n' + '\n'.join(re.findall('.{1,64}', text)) + \
        f'\n-----END {label}-----\n'


def ssh(n, comment, e=E):
    """A line of authorized_keys (RFC 4253 §6.6)."""
    def field(b):
        return struct.pack('>I', len(b)) + b

    def mpint(v):
        return field(v.to_bytes(v.bit_length() // 8 + 1, 'big'))
    blob = field(b'ssh-rsa') + mpint(e) + mpint(n)
    return f'ssh-rsa {base64.b64encode(blob).decode()} {comment}\n'


def jwk(n, kid, e=E):
    def number(v):
        return base64.urlsafe_b64encode(v.to_bytes((v.bit_length() + 7) // 8, 'big')) \
            .rstrip(b'=').decode()
    return {'kty': 'RSA', 'kid': kid, 'n': number(n), 'e': number(e)}


def openpgp(n, user_id, e=E):
    """A key packet and a user id (RFC 9580 §5.5.2, §5.11)."""
    def packet(tag, body):
        return bytes([0xc0 | tag, 0xff]) + struct.pack('>I', len(body)) + body

    def mpi(v):
        return struct.pack('>H', v.bit_length()) + v.to_bytes((v.bit_length() + 7) // 8, 'big')
    return packet(6, b'\4' + bytes(4) + b'\1' + mpi(n) + mpi(e)) + packet(13, user_id.encode())


# ---- primes ----

@functools.cache
def primes(bits, count):
    """Different ones with both top bits set, so that the product of two has twice the bits."""
    found = set()
    while len(found) < count:
        out = subprocess.run(['openssl', 'prime', '-generate', '-bits', str(bits), '-hex'], check=True,
                             stdout=subprocess.PIPE).stdout
        p = int(out, 16)
        if math.gcd(p - 1, E * 3) == 1:     # both exponents that are used here have an inverse
            found.add(p)
    return sorted(found)


def next_prime(n):
    n += 1 + n % 2
    while any(n % p == 0 for p in (3, 5, 7, 11, 13, 17, 19, 23)) or pow(2, n - 1, n) != 1 or \
            not rsa._is_prime(n):
        n += 2
    return n


SMALL_PRIMES = [p for p in range(3, 168) if all(p % d for d in range(2, p))]     # of ROCA's test


def roca_prime(bits):
    """As the library of CVE-2017-15361 made them: k*M + (65537^a mod M)."""
    m = 2 * math.prod(SMALL_PRIMES)
    while True:
        power = pow(65537, random.getrandbits(60), m)
        k = random.randrange((3 << (bits - 2)) // m + 1, (1 << bits) // m - 1)
        p = k * m + power
        if pow(2, p - 1, p) == 1 and rsa._is_prime(p):
            return p


@functools.cache
def powers(p):
    """65537^0, ^1, ... modulo p; and the prime powers that divide how many there are."""
    found = [1]
    while (v := found[-1] * 65537 % p) != 1:
        found.append(v)
    return found, [q ** k for q in [2, *SMALL_PRIMES] for k in range(1, 8) if len(found) % q ** k == 0]


def is_roca(n):
    """Whether n is 65537^c modulo every prime from 3 to 167, with one c for all of them."""
    c = {}      # what is known of it: the rest modulo prime powers
    for p in SMALL_PRIMES:
        found, parts = powers(p)
        if n % p not in found:
            return False
        log = found.index(n % p)
        if any(c.setdefault(part, log % part) != log % part for part in parts):
            return False
    return True


def published_prime(bits_min):
    """A prime of data/keys/published-primes.list (docs/spec/key-list.md)."""
    with open(os.path.join(LISTS, 'published-primes.list'), 'rb') as f:
        data = f.read()

    def u32(at):
        return struct.unpack_from('>I', data, at)[0]
    count, = struct.unpack_from('>Q', data, 20)
    at = 28
    for _ in range(4):                      # check, source, date, licence
        at += 4 + u32(at)
    sources, at = u32(at), at + 4
    for _ in range(sources):
        at += 4 + u32(at)
    for _ in range(count):
        _, size = struct.unpack_from('>HH', data, at)
        if size * 8 >= bits_min:
            return int.from_bytes(data[at + 4:at + 4 + size], 'big')
        at += 4 + size
    raise AssertionError('no such prime in the list')


def debian_weak(pid):
    """The 2048-bit modulus that process `pid` made with the generator of CVE-2008-0166, if the tool
    that makes it again is built; and the test is skipped if not."""
    tool = os.path.join(realm.BUILD, 'tools/debian-weak')
    if not os.access(tool, os.X_OK):
        tap.skip('tools/debian-weak is not built')
    out = subprocess.run([tool, 'modulus', 'le64', 'openssl-rnd', '2048', str(pid)], check=True,
                         stdout=subprocess.PIPE, env=realm.environment()).stdout
    return int(out, 16)
