"""The key check at enrolment: real requests over EST with keys that are weak or share a prime."""
import base64
import glob
import hashlib
import json
import os
import random
import subprocess

import device
import realm
import rsa
import tap

R = None
SHARED = {}


def setup(r):
    global R
    R = r
    R.start()


def pump(serial):
    if 'serial' not in SHARED.setdefault(serial, {}):
        SHARED[serial]['serial'] = device.add(R, serial)
    return serial


def enrol(serial, key):
    """With a new ticket; the answer."""
    return device.enrol(R, key.csr(pump(serial)), headers=device.basic(serial, device.ticket(R, serial)))


def issued(serial, key):
    answer = enrol(serial, key)
    tap.equal((answer.status, answer.code), (200, None), repr(answer))
    return answer


def refused(serial, key, code, status=403):
    answer = enrol(serial, key)
    tap.equal((answer.status, answer.code), (status, code), repr(answer))
    return answer


def sharing(n, bits=3072):
    """Keys of which each two share the same prime."""
    first = rsa.Key(bits)
    return [first] + [rsa.Key(bits, primes=[first.primes[0]]) for _ in range(n - 1)]


def name_of(key):
    return hashlib.sha256(key.spki()).hexdigest()


def entries(act, serial):
    """Their details, from the verified export."""
    found = []
    for line in R.verify_log().splitlines():
        at = line.find('{"v":')
        if at < 0:
            continue
        entry = json.loads(line[at:])
        if entry['act'] == act and entry['object'] == serial:
            found.append(entry['detail'])
    return found


def restart(*settings):
    tap.equal(R.stop(), 0, 'exit status of medseald')
    R.configure(*settings)
    return R.start()


def test_shared_prime():
    "the second of two RSA-3072 keys with a common prime is refused, and the log names the first"
    a, b = SHARED['keys'] = sharing(2)
    issued('PUMP-A', a)
    answer = refused('PUMP-B', b, 'key-shared-prime')
    tap.contains(answer.body.decode(), name_of(a))
    told = entries('key.refused', 'PUMP-B')
    tap.equal(told, [{'key': name_of(b), 'code': 'key-shared-prime', 'check': 'shared-prime',
                      'other': name_of(a), 'other_device': 'PUMP-A'}])


def test_refused_again():
    "who asks again with the same key is refused again, and does not fill the log"
    refused('PUMP-B', SHARED['keys'][1], 'key-shared-prime')
    tap.equal(len(entries('key.refused', 'PUMP-B')), 1)


def test_other_is_broken():
    "the key that was issued first is as broken, and is not certified again"
    refused('PUMP-A', SHARED['keys'][0], 'key-shared-prime')


def test_good_key():
    "a refused device comes back with a good key"
    issued('PUMP-B', rsa.Key(3072))


def test_same_key_again():
    "a certificate for the same good key again is no hit"
    key = rsa.Key(3072)
    for _ in range(3):
        issued('PUMP-C', key)
    refused('PUMP-D', key, 'key-reused')
    key.e = 65539       # the same modulus under another name
    refused('PUMP-D', key, 'key-reused')


def test_together():
    "two keys with a common prime that come at the same moment: one is refused"
    from concurrent.futures import ThreadPoolExecutor
    keys = sharing(6)
    serials = [pump(f'PUMP-T{i}') for i in range(len(keys))]
    tickets = [device.ticket(R, s) for s in serials]
    with ThreadPoolExecutor(len(keys)) as pool:
        answers = list(pool.map(lambda i: device.enrol(
            R, keys[i].csr(serials[i]), headers=device.basic(serials[i], tickets[i])),
            range(len(keys))))
    tap.equal(sorted(a.status for a in answers), [200] + [403] * (len(keys) - 1), repr(answers))


def next_prime(n):
    """The next one above n with p - 1 prime to 65537."""
    small = [p for p in range(3, 2000, 2) if all(p % q for q in range(3, int(p ** .5) + 1, 2))]
    n |= 1
    while True:
        n += 2
        if all(n % p for p in small) and pow(2, n - 1, n) == 1 and (n - 1) % 65537:
            return n


def test_weak_keys():
    "a small factor and close primes are refused by tier 1"
    small = rsa.Key(3072, primes=[251])
    answer = refused('PUMP-W', small, 'key-weak', 400)
    tap.contains(answer.body.decode(), 'rsa-small-factor')
    p = next_prime(random.getrandbits(1536) | 3 << 1534)
    close = rsa.Key(3072, primes=[p, next_prime(p + (1 << 100))])
    answer = refused('PUMP-W', close, 'key-weak', 400)
    tap.contains(answer.body.decode(), 'rsa-close-primes')
    tap.equal([d['check'] for d in entries('key.refused', 'PUMP-W')],
              ['rsa-small-factor', 'rsa-close-primes'])


def test_p256():
    "keys of other kinds are enrolled as before"
    key = device.new_key(R, 'p256')
    serial = pump('PUMP-E')
    device.certificate(R, device.enrol(R, device.csr(R, key, serial),
                                       headers=device.basic(serial, device.ticket(R, serial))))


def test_nothing_is_lost():
    "kill -9 after the commit, and all that the door had written is lost: it is known all the same"
    a, b = sharing(2)
    issued('PUMP-F', a)
    os.kill(R.process('keeper'), 9)
    R.server.wait(20)
    R.server = None
    (log,) = glob.glob(f'{R.dir}/keys-seen/open-*')
    os.truncate(log, 0)
    R.start()
    refused('PUMP-G', b, 'key-shared-prime')
    tap.equal(entries('key.refused', 'PUMP-G')[0]['other_device'], 'PUMP-F')


def test_alarm():
    "the policy alarm lets it in, and says so in both logs and at the start"
    a, b = sharing(2)
    offset = R.log_size()
    restart('keys.policy = alarm')
    R.wait_log(r'keeper\.keys-policy', offset)
    issued('PUMP-H', a)
    issued('PUMP-I', b)
    R.wait_log(r'key\.alarm.*PUMP-I', offset)
    told = entries('key.alarm', 'PUMP-I')
    tap.equal([(d['code'], d['other_device']) for d in told], [('key-shared-prime', 'PUMP-H')])


def test_quarantine():
    "the policy quarantine sets the device aside until an operator releases it"
    a, b = sharing(2)
    restart('keys.policy = quarantine')
    issued('PUMP-J', a)
    refused('PUMP-K', b, 'key-shared-prime')
    refused('PUMP-K', rsa.Key(3072), 'key-quarantined')
    restart('keys.policy = quarantine')
    refused('PUMP-K', rsa.Key(3072), 'key-quarantined')
    R.medseal('device', 'release', 'PUMP-K', by='alice')
    tap.equal(len(entries('device.released', 'PUMP-K')), 1)
    issued('PUMP-K', rsa.Key(3072))
    R.refused('not-found', 'device', 'release', 'PUMP-K', by='alice')


def test_later():
    "with more keys than are compared at once the answer is 202, and later the certificate"
    import time
    restart('keys.policy = refuse', 'keys.inline_max = 1')
    key = rsa.Key(3072)
    serial = pump('PUMP-L')
    auth = device.basic(serial, device.ticket(R, serial))
    answer = device.enrol(R, key.csr(serial), headers=auth)
    tap.equal((answer.status, answer.headers['Medseal-Code']), (202, 'key-pending'), repr(answer))
    tap.equal(int(answer.headers['Retry-After']) >= 1, True)
    for _ in range(100):
        time.sleep(0.1)
        answer = device.enrol(R, key.csr(serial), headers=auth)
        if answer.status != 202:
            break
    tap.equal(answer.status, 200, repr(answer))
    base64.b64decode(answer.body)


def test_lists():
    "a key on the lists that are named is refused; which lists are asked is said at the start"
    key = rsa.Key(3072)
    folder = R.path('lists')
    os.mkdir(folder)
    R.give(folder)
    pem = R.write('published.pem', b'-----BEGIN PUBLIC KEY-----\n' + base64.encodebytes(key.spki())
                  + b'-----END PUBLIC KEY-----\n')
    R.medseal('keys', 'import', pem, '--source', 'a test', '--date', '2026-11-24', '--lists', folder)
    offset = R.log_size()
    restart('keys.policy = refuse', 'keys.inline_max = 1000000', f'keys.lists = {folder}')
    R.wait_log(r'keeper\.key-lists .*lists=1 keys=1\b', offset)
    answer = refused('PUMP-M', key, 'key-weak', 400)
    tap.contains(answer.body.decode(), 'known-key')


def test_no_lists():
    "a server without lists, or with a folder that is empty, says so at its start and serves"
    folder = R.path('empty')
    os.mkdir(folder)
    R.give(folder)
    offset = R.log_size()
    restart(f'keys.lists = {folder}')
    R.wait_log(r'level=warn.*keeper\.no-key-lists', offset)
    issued('PUMP-N', rsa.Key(3072))
    os.environ['MEDSEAL_KEY_LISTS'] = R.path('not-there')
    try:
        offset = R.log_size()
        restart('keys.lists =')
        R.wait_log(r'keeper\.no-key-lists.*not-there', offset)
    finally:
        del os.environ['MEDSEAL_KEY_LISTS']


def test_lists_of_the_sources():
    "a program that runs where it was built finds the lists of the sources"
    env = {k: v for k, v in realm.environment().items() if k != 'MEDSEAL_KEY_LISTS'}
    done = subprocess.run([f'{realm.BUILD}/cli/medseal', 'keys', 'lists'], env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    tap.equal(done.returncode, 0, done.stderr)
    tap.contains(done.stdout, 'published-keys.list')


def test_idevid():
    "an IDevID whose key shares a prime with another device's IDevID enrols nobody"
    restart('keys.policy = refuse', 'keys.lists =')
    maker = device.Factory(R, 'factory')
    p, *others = [next_prime(random.getrandbits(1024) | 3 << 1022) for _ in range(3)]
    answers = []
    for serial, q in zip(['PUMP-X', 'PUMP-Y'], others):
        device.add(R, serial, 'factory')
        identity = maker.idevid(serial, key=R.write(f'{serial}.rsa.pem', rsa.two_primes(p, q)))
        own = device.new_key(R, f'own-{serial}')
        answers.append(device.enrol(R, device.csr(R, own, serial), identity=identity))
    tap.equal([(a.status, a.code) for a in answers], [(200, None), (403, 'key-shared-prime')], repr(answers))
    tap.contains(answers[1].body.decode(), 'IDevID')
    (told,) = entries('key.refused', 'PUMP-Y')
    tap.equal((told['other_device'], len(told['idevid'])), ('PUMP-X', 64))


def test_end():
    "the log verifies, the server stops, no sanitizer has a report"
    R.end()


if __name__ == '__main__':
    with realm.Realm() as made:
        setup(made)
        tap.main()
