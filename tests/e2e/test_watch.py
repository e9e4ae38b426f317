"""medseal entropy watch --realm-db: a real realm's database, with what real devices enrolled.

Devices enrol over EST. What the door refuses (a shared prime) is let in by the policy alarm. What the
server never does (a serial number with a bias, the same key for two devices) is put into the stopped
realm's database, by certificates that openssl makes with the realm's own CA.
"""
import hashlib
import json
import os
import random
import sqlite3
import time

import device
import realm
import rsa
import tap

for program in ('medseal', 'medseald'):
    if not realm.available(program):
        print(f'1..0 # SKIP {program} is not built')
        raise SystemExit

DAY = 86400
SERIAL_OCTETS = 16
R = realm.Realm(config=['keys.policy = alarm'])
RNG = random.Random(1)      # planted serials: the same in every run
KEYS = {}


def add(serial, product):
    device.api(R, '/v1/devices', {'serial': serial, 'product': product})
    return serial


def enrol(serial, key):
    answer = device.enrol(R, key.csr(serial), headers=device.basic(serial, device.ticket(R, serial)))
    tap.equal((answer.status, answer.code), (200, None), repr(answer))
    KEYS[serial] = key


def watch(*more, status):
    """What it found as a list of (product, kind, finding, why), and the counts by (product, kind)."""
    result = R.medseal('entropy', 'watch', '--json', '--realm-db', f'{R.dir}/medseal.db', *more, check=False)
    tap.equal(result.returncode, status, result.stderr)
    tap.equal('[poor-randomness]' in result.stderr, status == 1, result.stderr)
    got = json.loads(result.stdout.splitlines()[0])
    tap.equal(got['unreadable'], 0)
    return ([(f['product'], f['kind'], f['finding'], f['why']) for f in got['findings']],
            {(line['product'], line['kind']): line['values'] for line in got['lines']})


def begin_of(number, octets=16):
    return number.to_bytes((number.bit_length() + 7) // 8, 'big').hex()[:2 * octets]


class Planted:
    """Certificates for the database of the stopped realm, and the rows that the server would write."""

    def __enter__(self):
        self.db = sqlite3.connect(f'{R.dir}/medseal.db')
        self.extensions = R.write('planted.ext', 'keyUsage=critical,digitalSignature\n')
        return self

    def __exit__(self, *exc):
        self.db.commit()
        self.db.close()
        for name in os.listdir(R.dir):
            R.give(os.path.join(R.dir, name))

    def add(self, device_serial, serial, public_key):
        """The next certificate of a device, with that serialNumber and that key."""
        path = R.write('planted.der', b'')
        device.openssl('x509', '-new', '-force_pubkey', public_key, '-subj', f'/CN={device_serial}',
                       '-set_serial', str(serial), '-CA', f'{R.dir}/certs/issuing.pem', '-CAkey',
                       f'{R.dir}/keys/issuing.pem', '-passin', f'file:{R.secrets}/server', '-extfile',
                       self.extensions, '-days', '30', '-outform', 'DER', '-out', path)
        with open(path, 'rb') as f:
            der = f.read()
        with open(public_key, 'rb') as f:
            spki = device.openssl('pkey', '-pubin', '-outform', 'DER', stdin=f.read())
        now = int(time.time())
        (before,) = self.db.execute('SELECT newest_cert FROM device WHERE serial = ?',
                                    (device_serial,)).fetchone()
        profile = self.db.execute('SELECT max(profile) FROM cert WHERE device IS NOT NULL').fetchone()[0]
        self.db.execute(
            'INSERT INTO cert (fingerprint, serial, spki_id, device, profile, state, not_before, '
            'not_after, issued_at, revoked_at, reason, der, previous) '
            'VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, 0, 0, ?, ?)',
            (hashlib.sha256(der).digest(), f'{serial:x}', hashlib.sha256(spki).digest(), device_serial,
             profile, now, now + 30 * DAY, now, der, before))


def public(name, key):
    """A file of a key's public half."""
    return R.write(f'{name}.pub', device.openssl('pkey', '-pubin', '-inform', 'DER', stdin=key.spki()))


def test_good_fleet():
    "devices of a healthy product line: nothing is found, while the server runs"
    R.start()
    for i in range(10):
        serial = add(f'PUMP-{i}', 'pump')
        key = device.new_key(R, serial)
        device.certificate(R, device.enrol(R, device.csr(R, key, serial),
                                           headers=device.basic(serial, device.ticket(R, serial))))
    for i in range(3):
        enrol(add(f'VALVE-{i}', 'valve'), rsa.Key(3072))
    found, lines = watch(status=0)
    tap.equal(found, [])
    tap.equal(lines, {('pump', 'serial'): 10, ('valve', 'serial'): 3, ('valve', 'modulus'): 3})


def test_renewal():
    "a device that has certificates for one key again is no duplicate"
    enrol('VALVE-0', KEYS['VALVE-0'])
    enrol('VALVE-0', KEYS['VALVE-0'])
    found, lines = watch(status=0)
    tap.equal((found, lines[('valve', 'serial')], lines[('valve', 'modulus')]), ([], 5, 3))


def shared_prime(serial):
    return (begin_of(KEYS[serial].n) + f'..., at {serial}, shares a prime with another modulus: '
            'anyone can compute its private key')


def test_shared_primes():
    "two product lines with a prime in common: each modulus is named with its product and device"
    enrol(add('METER-0', 'meter'), rsa.Key(3072))
    prime = KEYS['METER-0'].primes[0]
    enrol(add('METER-1', 'meter'), rsa.Key(3072, primes=[prime]))
    enrol(add('VALVE-3', 'valve'), rsa.Key(3072, primes=[prime]))
    found, lines = watch(status=1)
    tap.equal(sorted(found), sorted(
        (product, 'modulus', 'shared-prime', shared_prime(serial))
        for product, serial in (('meter', 'METER-0'), ('meter', 'METER-1'), ('valve', 'VALVE-3'))))
    tap.equal((lines[('meter', 'modulus')], lines[('valve', 'modulus')]), (2, 4))


def test_people():
    "without --json people read the same"
    result = R.refused('poor-randomness', 'entropy', 'watch', '--realm-db', f'{R.dir}/medseal.db')
    tap.equal(result.returncode, 1)
    for serial in 'METER-0', 'METER-1', 'VALVE-3':
        tap.contains(result.stdout, shared_prime(serial))
    tap.contains(result.stderr, '3 findings')


def test_same_key():
    "two devices with the same key"
    add('LOCK-0', 'lock')
    add('LOCK-1', 'lock')
    key = rsa.Key(3072)
    R.verify_log()
    tap.equal(R.stop(), 0)
    pub = public('lock', key)
    with Planted() as planted:
        for serial in 'LOCK-0', 'LOCK-1':
            planted.add(serial, RNG.getrandbits(8 * SERIAL_OCTETS - 1), pub)
    found, lines = watch(status=1)
    tap.equal([f for f in found if f[0] == 'lock'],
              [('lock', 'modulus', 'duplicate', begin_of(key.n) + '... came 2 times, at LOCK-0 and LOCK-1')])
    tap.equal(sorted({f[0] for f in found}), ['lock', 'meter', 'valve'])
    tap.equal(lines[('lock', 'modulus')], 2)


def test_serials():
    "serial numbers of which one bit is never 1, and serial numbers that count; other lines stay clean"
    R.start()
    add('GATE-0', 'gate')
    add('FAN-0', 'fan')
    R.stop()
    pub = device.new_key(R, 'gate')
    pub = R.write('gate.pub', device.openssl('pkey', '-in', pub, '-pubout'))
    with Planted() as planted:
        for i in range(80):         # 64 are the least that a bias is looked for in
            planted.add('GATE-0', RNG.getrandbits(8 * SERIAL_OCTETS - 1) & ~(1 << 42), pub)
        for i in range(8):
            planted.add('FAN-0', 0x7000 + 3 * i, pub)
    found, lines = watch(status=1)
    found = [f for f in found if f[0] not in ('lock', 'meter', 'valve')]
    tap.equal(found, [
        ('fan', 'serial', 'narrow', 'all 8 values lie within a range of 2^4.4'),
        ('fan', 'serial', 'counter', '7 of 7 values are the one before and less than 2^32'),
        # 2 * 2^-80
        ('gate', 'serial', 'bias', 'bit 42 from the end is 1 in 0 of 80 values; chance of as much: 1.7e-24')])
    tap.equal((lines[('gate', 'serial')], lines[('fan', 'serial')]), (80, 8))


def test_with_lists():
    "nonces of the same product line stand beside it, a modulus of a list against the realm's"
    nonce = '112233445566778899aabbccddeeff00'
    other = rsa.Key(3072, primes=[KEYS['VALVE-1'].primes[0]])
    path = R.write('seen.jsonl', ''.join(json.dumps(line) + '\n' for line in (
        {'product': 'valve', 'value': nonce}, {'product': 'pump', 'value': nonce},
        {'product': 'valve', 'value': nonce},
        {'product': 'seen', 'kind': 'modulus', 'value': f'{other.n:x}'})))
    found, lines = watch(path, status=1)
    tap.equal(lines[('valve', 'nonce')], 2)
    tap.equal([f for f in found if f[1] == 'nonce'],
              [('valve', 'nonce', 'duplicate', nonce + ' came 2 times, at 1 and 3')])
    shared = [f for f in found if f[2] == 'shared-prime']
    tap.equal(len(shared), 5)
    tap.equal([f[3] for f in shared if f[0] == 'seen'], [
        begin_of(other.n) + '..., at 4, shares a prime with another modulus: '
        'anyone can compute its private key'])
    tap.equal(('valve', 'modulus', 'shared-prime', shared_prime('VALVE-1')) in shared, True)


def test_only_reads():
    "the database is not changed; no database, or something else, is refused and says so"
    def digest():
        with open(f'{R.dir}/medseal.db', 'rb') as f:
            return hashlib.sha256(f.read()).hexdigest()
    before = digest()
    watch(status=1)
    tap.equal(digest(), before)
    R.refused('not-found', 'entropy', 'watch', '--realm-db', R.path('none.db'))
    text = R.write('text.db', 'no database\n' * 1000)
    R.refused('permissions', 'entropy', 'watch', '--realm-db', text)
    os.chmod(text, 0o600)
    result = R.refused('store-damaged', 'entropy', 'watch', '--realm-db', text)
    tap.contains(result.stderr, 'text.db')
    R.refused('usage', 'entropy', 'watch')


def test_end():
    "the realm starts again, its log verifies"
    R.start()
    R.end()


with R:
    tap.main()
