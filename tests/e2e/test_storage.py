"""What can be wrong with a realm's folder: a full disk, a database cut short, settings nobody knows,
files that others may read. Each is a clear error with its own code, and nothing is lost.

Needs root for the full disk: a small file system of its own, in a mount namespace of its own.
"""
import hashlib
import os
import re
import shutil
import subprocess
import time

import device
import realm
import tap

DISK_MIB = 16
R = None
FACTORY = None


def setup(r):
    """The realm stands on a small file system that nobody else sees."""
    global R, FACTORY
    R = r
    if os.geteuid() == 0:
        os.unshare(os.CLONE_NEWNS)
        small = r.path('small')
        os.mkdir(small)
        subprocess.run(['mount', '--make-rprivate', '/'], check=True)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={DISK_MIB}m,mode=0755', 'tmpfs', small],
                       check=True)
        r.give(small)
        r.dir = f'{small}/realm'
    r.init()
    r.start()
    FACTORY = device.Factory(r)


def database():
    return f'{R.dir}/medseal.db'


def digest(path):
    with open(path, 'rb') as f:
        return hashlib.sha256(f.read()).hexdigest()


def does_not_start(status, code, *more):
    """medseald refuses to start, says why, and changes nothing; what it said."""
    text, got = start_or_end()
    tap.equal(got, status, f'exit status; {text}')
    realm.no_sanitizer_report(text)
    for part in (code, *more):
        tap.contains(text, part)
    return text


def start_or_end():
    """What medseald says when it starts, and its exit status, None when it serves."""
    offset = R.log_size()
    R.start(wait=False)
    end = time.monotonic() + realm.START_SECONDS
    while R.server.poll() is None and time.monotonic() < end:
        if 'event=server.ready' in R.log(offset):
            return R.log(offset), None
        time.sleep(0.02)
    status = R.server.poll()
    if status is not None:
        R.server = None
    return R.log(offset), status


def entries():
    """The entries of the audit log, which verifies."""
    return [line for line in R.verify_log().splitlines() if line.startswith('{')]


def nothing_lost(have, log, what=''):
    """`have` and `log`: what serials() and entries() said before."""
    tap.equal(serials(), have, what)
    tap.equal(entries()[:len(log)], log, what)


def set_aside():
    """Stops the server and copies the realm; the copy."""
    tap.equal(R.stop(), 0)
    copy = R.path('copy')
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(R.dir, copy)
    return copy


def put_back():
    """The database as it was set aside, with what lies beside it."""
    for name in ('medseal.db', 'medseal.db-wal', 'medseal.db-shm'):
        there = f'{R.dir}/{name}'
        if os.path.exists(there):
            os.unlink(there)
        if os.path.exists(R.path('copy', name)):
            shutil.copy2(R.path('copy', name), there)
            R.give(there)


def serials():
    """Everything that was issued, by device."""
    devices = device.api(R, '/v1/devices?limit=1000')['devices']
    return {d['serial']: len(device.show(R, d['serial'])['certificates']) for d in devices}


def enrol(serial):
    key = device.new_key(R, serial)
    return device.enrol(R, device.csr(R, key, serial), identity=FACTORY.idevid(serial))


def new_device(serial):
    device.add(R, serial, 'factory')
    device.certificate(R, enrol(serial), serial)


def fill(path):
    """Takes all the space that is left."""
    with open(path, 'wb') as f:
        block = b'\xa5' * 65536
        while block:
            try:
                os.write(f.fileno(), block)
            except OSError:
                block = block[:len(block) // 2]


# ---- a full disk ----

def test_full_disk():
    "a full disk: refused with a code, nothing lost, the public part still served; space: it works"
    if os.geteuid() != 0:
        tap.skip('mounting a small file system needs root')
    new_device('PUMP-1')
    for n in range(2, 40):
        device.add(R, f'PUMP-{n}', 'factory')
    before = entries()
    filler = R.path('small', 'filler')
    fill(filler)
    done, refused = ['PUMP-1'], []
    # The write-ahead log may still have room in its last blocks: enrol until it has none.
    for n in range(2, 40):
        answer = enrol(f'PUMP-{n}')
        if answer.status == 200:
            done.append(f'PUMP-{n}')
            continue
        refused.append(answer)
        if (answer.status, answer.code) not in ((507, 'disk-full'), (500, 'store')):
            raise AssertionError(repr(answer))
        if len(refused) == 3:
            break
    tap.comment(f'{len(done) - 1} more were enrolled, then: {refused}')
    if not refused:
        raise AssertionError('nothing was refused')
    tap.equal(refused[0].code, 'disk-full')
    tap.equal(device.https(R, f'{device.EST}/cacerts').status, 200)
    os.unlink(filler)
    device.serves(R)
    have = serials()
    tap.equal(sorted(s for s, n in have.items() if n), sorted(done), 'who has a certificate')
    last = refused and f'PUMP-{len(done) + 1}'
    device.certificate(R, enrol(last), last)
    tap.equal(entries()[:len(before)], before, 'the log as it was before')


def test_full_disk_image():
    "a firmware image for which there is no space"
    if os.geteuid() != 0:
        tap.skip('mounting a small file system needs root')
    image = R.write('large.bin', os.urandom((DISK_MIB << 20) + 4096))
    result = R.medseal('release', 'propose', image, '--product', 'pump', '--version', '1.0.0',
                       '--security-counter', '1', '--format', 'plain', by='alice', check=False)
    if result.returncode == 0 or not re.search(r'\[(disk-full|io|store)\]', result.stderr):
        raise AssertionError(result.stderr)
    tap.contains(result.stderr, 'disk-full')
    tap.equal([f for f in os.listdir(f'{R.dir}/images')], [], 'what is left of the image')
    new_device('PUMP-50')


def test_full_disk_restart():
    "stopping and starting on a full disk loses nothing"
    if os.geteuid() != 0:
        tap.skip('mounting a small file system needs root')
    have = serials()
    filler = R.path('small', 'filler')
    fill(filler)
    tap.equal(R.stop(), 0)
    try:
        R.start()
    except AssertionError as e:     # it may refuse: then with the code
        tap.contains(str(e), 'disk-full')
        R.server = None
    os.unlink(filler)
    if R.server is None:
        R.start()
    tap.equal(serials(), have)
    R.verify_log()


# ---- the database ----

def cuts(size):
    return [n for n in (0, 1, 100, 4096, size // 2, size - 4096, size - 1) if n < size]


def test_database_cut():
    "a database file cut short, at any place: store-damaged, exit status 4, not one byte changed"
    have, log = serials(), entries()
    set_aside()
    for keep in cuts(os.path.getsize(database())):
        for beside in ('-wal', '-shm'):     # all of it is in the database after a stop
            os.unlink(database() + beside)
        os.truncate(database(), keep)
        was = digest(database())
        does_not_start(4, 'store-damaged', 'medseal.db')
        tap.equal(digest(database()), was, f'the file cut to {keep} bytes')
        put_back()
    R.start()
    nothing_lost(have, log)


def test_database_cut_beside_its_log():
    "cut short beside its write-ahead log: refused, or every byte was recovered from there"
    have, log = serials(), entries()
    set_aside()
    for keep in cuts(os.path.getsize(database())):
        os.truncate(database(), keep)
        text, status = start_or_end()
        if status is None:
            tap.comment(f'cut to {keep} bytes: it starts')
            nothing_lost(have, log, f'cut to {keep} bytes')
            tap.equal(R.stop(), 0)
        else:
            tap.comment(f'cut to {keep} bytes: refused')
            tap.equal(status, 4, text)
            tap.contains(text, 'store-damaged')
        put_back()
    R.start()


def test_database_noise():
    "a database with foreign bytes in its middle, and one that is no database"
    have = serials()
    set_aside()
    for offset, data in ((0, b'GIF89a' * 20), (4096, os.urandom(4096)), (8192, b'\0' * 8192)):
        for beside in ('-wal', '-shm'):
            os.unlink(database() + beside)
        with open(database(), 'r+b') as f:
            f.seek(offset)
            f.write(data)
        was = digest(database())
        does_not_start(4, 'store-damaged')
        tap.equal(digest(database()), was)
        put_back()
    R.start()
    tap.equal(serials(), have)


def test_database_missing():
    "without its database a realm is not started anew: nothing is made in its place"
    have = serials()
    set_aside()
    os.unlink(database())
    text, status = start_or_end()
    if not status or os.path.exists(database()):
        raise AssertionError(f'exit status {status}; {text}')
    tap.contains(text, 'medseal.db')
    put_back()
    R.start()
    tap.equal(serials(), have)


def test_key_damaged():
    "a key file that is damaged, and a passphrase that is wrong"
    tap.equal(R.stop(), 0)
    path = f'{R.dir}/keys/issuing.pem'
    with open(path, encoding='ascii') as f:
        good = f.read()
    lines = good.splitlines(True)
    with open(path, 'w', encoding='ascii') as f:
        f.write(''.join(lines[:2] + lines[3:]))
    does_not_start(4, 'key-format', 'issuing.pem')
    with open(path, 'w', encoding='ascii') as f:
        f.write(good)
    right = R.secrets
    R.secrets = R.path('wrong')
    os.mkdir(R.secrets, 0o700)
    R.give(R.secrets)
    R.secret('server')
    does_not_start(1, 'passphrase')
    R.secrets = right
    R.start()


# ---- settings ----

def with_line(line):
    """The configuration with one more line at its end; the line's number."""
    path = f'{R.dir}/medseal.conf'
    with open(path, encoding='utf-8') as f:
        text = f.read()
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text + line + '\n')
    return text, text.count('\n') + 1


def test_settings():
    "a setting nobody knows, one that is no setting, and values that are not allowed: file and line"
    tap.equal(R.stop(), 0)
    for line, code, *parts in (
            ('colour = blue', 'config-key', 'colour'), ('Name = x', 'config-key', 'Name'),
            ('no setting', 'config-syntax'), ('crl.lifetime = 1y', 'config-value', 'crl.lifetime'),
            ('server.workers = 100000', 'config-value', 'server.workers')):
        key = line.split(' =')[0]
        path = f'{R.dir}/medseal.conf'
        text, number = with_line(line)
        # where the setting is there already it is the value, not the repetition, that is meant
        if f'\n{key} =' in text:
            changed = re.sub(rf'(?m)^{re.escape(key)} =.*$', line, text)
            number = changed[:changed.index(line)].count('\n') + 1
            with open(path, 'w', encoding='utf-8') as f:
                f.write(changed)
        does_not_start(2, code, f'medseal.conf:{number}', *parts)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
    text, number = with_line('log.level = info')
    does_not_start(2, 'config-value', f'medseal.conf:{number}', 'log.level')
    with open(f'{R.dir}/medseal.conf', 'w', encoding='utf-8') as f:
        f.write(text)
    R.start()


# ---- who may read ----

def test_readable():
    "a realm folder, a key, a database, a configuration that others may read or write"
    tap.equal(R.stop(), 0)
    for path, mode in ((R.dir, 0o755), (R.dir, 0o770), (R.dir, 0o701),
                       (f'{R.dir}/keys/issuing.pem', 0o644), (f'{R.dir}/keys/log.pem', 0o640),
                       (f'{R.dir}/keys', 0o755), (database(), 0o644),
                       (f'{R.dir}/medseal.conf', 0o666)):
        was = os.stat(path).st_mode & 0o777
        os.chmod(path, mode)
        try:
            code = 'code=permissions' if path == database() else 'realm-permissions'
            does_not_start(1, code, os.path.basename(path))
            tap.equal(os.stat(path).st_mode & 0o777, mode, 'its mode afterwards')
        finally:
            os.chmod(path, was)
    path = f'{R.secrets}/server'
    os.chmod(path, 0o644)
    does_not_start(1, 'permissions')
    os.chmod(path, 0o600)
    R.start()


def test_realm_twice():
    "a second server on the same realm, and init over it"
    def second():
        return R.run(R.program('medseald'), '--realm', R.dir, '--passphrase-file',
                     f'{R.secrets}/server', check=False)
    offset = R.log_size()
    result = second()       # it binds before anything else: the ports are taken
    tap.equal(result.returncode, 3, result.stderr)
    tap.contains(result.stderr, f'127.0.0.1:{R.est_port}')
    with open(f'{R.dir}/medseal.conf', encoding='utf-8') as f:
        good = f.read()
    R.configure(*(f'listen.{name} = 127.0.0.1:0' for name in ('est', 'est_compat', 'admin')))
    result = second()
    tap.equal(result.returncode, 3, result.stderr)
    tap.contains(result.stderr, 'realm-locked')
    with open(f'{R.dir}/medseal.conf', 'w', encoding='utf-8') as f:
        f.write(good)
    was = digest(f'{R.dir}/medseal.conf')
    R.refused('realm-exists', *R.init_arguments())
    tap.equal(digest(f'{R.dir}/medseal.conf'), was)
    tap.equal(R.log(offset).count('process.ended'), 0)


def test_no_realm():
    "a folder that is no realm, and one that is not there"
    for path in (R.path('nothing'), R.secrets):
        result = R.run(R.program('medseald'), '--realm', path, '--passphrase-file',
                       f'{R.secrets}/server', check=False)
        tap.equal(result.returncode, 2, result.stderr)
        tap.contains(result.stderr, 'realm-missing')


def test_end():
    "the next client is served, the log verifies, the server stops, no sanitizer has a report"
    new_device('PUMP-60')
    device.serves(R)
    R.end()


if __name__ == '__main__':
    with realm.Realm(init=False) as made:
        setup(made)
        tap.main()
