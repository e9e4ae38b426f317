"""The command line against its server: devices, tickets, releases, the log."""
import hashlib
import json
import os
import re
import secrets
import sqlite3
import subprocess

import realm
import tap

R = realm.Realm()
R.start()
tap.at_failure.append(R.show_log)
IMAGE = secrets.token_bytes(300000)
STATE = {}


def propose(by='alice', version='1.0.0', counter=1, product='pump', image='image.bin', **kw):
    return R.json('release', 'propose', R.path(image), '--product', product, '--version', version,
                  '--security-counter', str(counter), '--format', kw.get('format', 'plain'), by=by)


def approve(who, release_id, *more):
    return R.medseal('release', 'approve', release_id, '--yes-i-have-read', *more, by=who)


def verify(bundle, *more):
    return ['release', 'verify', bundle, '--root', R.root_cert, '--log-key', R.log_key, *more]


def test_status():
    "status asks the server"
    status = R.json('status', by='alice')
    tap.contains(json.dumps(status), 'Test Pumps')
    tap.equal([o['name'] for o in status['operators']], ['alice', 'bob', 'carol'])
    tap.contains(R.medseal('status', by='bob').stdout, 'Test Pumps')


def test_identity():
    "no identity, a wrong passphrase, an identity of another realm: each has its code"
    R.refused('usage', 'device', 'list')
    result = R.medseal('device', 'list', '--operator', f'{R.operators_dir}/alice',
                       '--passphrase-file', f'{R.secrets}/bob', check=False)
    tap.contains(result.stderr, '[passphrase]')
    env = realm.environment()
    env['MEDSEAL_OPERATOR'] = f'{R.operators_dir}/alice'
    R.medseal('device', 'list', '--passphrase-file', f'{R.secrets}/alice', env=env)
    with realm.Realm(name='Other') as other:
        folder = R.write_tree('stranger', f'{other.operators_dir}/alice')
        word = R.secret('stranger', open(f'{other.secrets}/alice', encoding='utf-8').read().strip())
        stranger = ['--operator', folder, '--passphrase-file', word, '--server',
                    f'localhost:{R.admin_port}']
        # They do not believe our server ...
        tap.contains(R.medseal('device', 'list', *stranger, check=False).stderr, '[tls]')
        # ... and with our root in their folder, it does not believe them.
        R.write('stranger/ca.pem', open(R.root_cert, 'rb').read())
        result = R.medseal('device', 'list', *stranger, check=False)
        if result.returncode == 0 or not re.search(r'\[(tls|peer-untrusted|operator-unknown)\]', result.stderr):
            raise AssertionError(result.stderr)


def test_client_conf():
    "client.conf has one setting; anything else names file and line"
    folder = R.write_tree('conf', f'{R.operators_dir}/alice')
    call = ['device', 'list', '--operator', folder, '--passphrase-file', f'{R.secrets}/alice']
    good = f'server = localhost:{R.admin_port}\n'
    for code, text in [('config-value', '# nothing\n'), ('config-value', good + good), ('config-key', 'host = a\n'),
                       ('config-syntax', 'server localhost:1\n'), ('config-syntax', good[:-1] + ' x\n'),
                       ('config-syntax', 'server = a\0b\n'), ('limit', '#' * 5000)]:
        R.write('conf/client.conf', text)
        tap.contains(R.refused(code, *call).stderr, 'client.conf')
    R.write('conf/client.conf', '\n  # comment\n\t' + good)
    R.medseal(*call)


def test_output_that_fails():
    "a result that cannot be printed is an error, not silence"
    with open('/dev/full', 'w', encoding='utf-8') as full:
        result = subprocess.run([*R.as_user, R.program('medseal'), 'status', R.dir], stdout=full,
                                stderr=subprocess.PIPE, text=True, env=realm.environment())
    tap.equal(result.returncode, 3)
    tap.contains(result.stderr, '[io]')


def test_host_name():
    "the server's certificate must have the name that was asked for"
    result = R.medseal('device', 'list', '--server', f'127.0.0.2:{R.admin_port}', by='alice', check=False)
    if result.returncode != 3 or not re.search(r'\[(tls|network)\]', result.stderr):
        raise AssertionError(result.stderr)


def test_nobody_there():
    "a server that is not there is said to be"
    port = realm.free_ports(1)[0]
    R.refused('network', 'device', 'list', '--server', f'localhost:{port}', by='alice')


def test_devices():
    "devices are added, listed, shown, given tickets, revoked"
    for serial in ['PUMP-1', 'PUMP-2']:
        R.medseal('device', 'add', serial, '--product', 'pump', by='alice')
    R.refused('exists', 'device', 'add', 'PUMP-1', '--product', 'pump', by='alice')
    R.refused('serial-form', 'device', 'add', 'a/b c', '--product', 'pump', by='alice')
    devices = R.json('device', 'list', by='bob')['devices']
    tap.equal([d['serial'] for d in devices], ['PUMP-1', 'PUMP-2'])
    tap.equal(R.json('device', 'show', 'PUMP-1', by='bob')['state'], 'registered')
    first = R.json('device', 'ticket', 'PUMP-1', '--lifetime', '15m', by='alice')
    second = R.json('device', 'ticket', 'PUMP-1', by='alice')
    if first['ticket'] == second['ticket'] or len(first['ticket']) < 26:
        raise AssertionError((first, second))
    R.medseal('device', 'revoke', 'PUMP-2', '--reason', 'lost', by='alice')
    tap.equal(R.json('device', 'show', 'PUMP-2', by='bob')['state'], 'revoked')
    R.refused('device-revoked', 'device', 'ticket', 'PUMP-2', by='alice')
    result = R.medseal('device', 'show', 'PUMP-9', by='alice', check=False)
    tap.equal(result.returncode, 1, result.stderr)
    text = R.medseal('device', 'list', by='alice').stdout
    tap.contains(text, 'PUMP-2')
    if first['ticket'] in R.medseal('log', 'show', by='alice').stdout + R.log():
        raise AssertionError('the ticket was logged')


def test_many_devices():
    "device list goes on beyond one page"
    with realm.Realm(name='Many') as many:
        db = sqlite3.connect(f'{many.dir}/medseal.db')
        db.executemany("INSERT INTO device (serial, product, manufacturer, state, added_at, revoked_at, "
                       "revoked_reason) VALUES (?, 'm', '', 0, 1800000000, 0, '')",
                       [(f'M-{n:04}',) for n in range(2001)])
        db.commit()
        db.close()
        many.start()
        serials = [d['serial'] for d in many.json('device', 'list', by='alice')['devices']]
        tap.equal(serials, [f'M-{n:04}' for n in range(2001)])


def test_manufacturers():
    "a manufacturer's CA is registered, as PEM or DER, and listed"
    for form in ['PEM', 'DER']:
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
                        '-nodes', '-keyout', '/dev/null', '-out', R.path('m.crt'), '-days', '3650', '-outform', form,
                        '-subj', f'/O=Factory/CN={form}', '-addext', 'keyUsage=critical,keyCertSign'],
                       check=True, stderr=subprocess.DEVNULL)
        R.give(R.path('m.crt'))
        R.medseal('manufacturer', 'add', f'factory-{form.lower()}', '--cert', R.path('m.crt'), by='alice')
    names = [m['name'] for m in R.json('manufacturer', 'list', by='bob')['manufacturers']]
    tap.equal(sorted(names), ['factory-der', 'factory-pem'])


def test_operators():
    "operators are listed"
    tap.equal([o['name'] for o in R.json('operator', 'list', by='bob')['operators']],
              ['alice', 'bob', 'carol'])


def test_propose():
    "a proposal names the image's digest, and the proposer"
    R.write('image.bin', IMAGE)
    release = propose()
    statement = json.loads(release['statement'])
    tap.equal(statement['image'], {'sha256': hashlib.sha256(IMAGE).hexdigest(), 'size': len(IMAGE)})
    tap.equal(release['id'], hashlib.sha256(release['statement'].encode()).hexdigest()[:32])
    STATE['id'] = release['id']
    tap.contains(R.medseal('release', 'show', release['id'], by='bob').stdout, release['id'])
    tap.contains(R.medseal('release', 'list', by='bob').stdout, release['id'])


def test_bad_proposals():
    "what is no release is refused before anything is sent"
    args = ['release', 'propose', R.path('image.bin'), '--product', 'pump', '--format', 'plain']
    R.refused('usage', *args, '--version', '1.x', '--security-counter', '1', by='alice')
    R.refused('usage', *args, '--version', '1.0.0', '--security-counter', '4294967296', by='alice')
    R.refused('usage', *args, '--version', '1.0.0', by='alice')
    R.refused('not-found', 'release', 'propose', R.path('absent'), '--product', 'pump', '--format', 'plain',
              '--version', '1.0.0', '--security-counter', '1', by='alice')


def test_approve():
    "an approver sees the statement; the proposer, and a second time, are refused"
    R.refused('approvals-missing', 'release', 'publish', STATE['id'], '-o', R.path('early.bundle'), by='alice')
    R.refused('approval-self', 'release', 'approve', STATE['id'], '--yes-i-have-read', by='alice')
    R.refused('no-terminal', 'release', 'approve', STATE['id'], by='bob')
    text = approve('bob', STATE['id']).stdout
    tap.contains(text, hashlib.sha256(IMAGE).hexdigest())
    tap.contains(text, '"product":"pump"')
    R.refused('approval-twice', 'release', 'approve', STATE['id'], '--yes-i-have-read', by='bob')
    R.refused('approvals-missing', 'release', 'publish', STATE['id'], '-o', R.path('early.bundle'), by='alice')
    if os.path.exists(R.path('early.bundle')):
        raise AssertionError('there is a bundle')


def test_terminal():
    "on a terminal the passphrase is asked without echo, and only y signs"
    word = open(f'{R.secrets}/carol', encoding='utf-8').read().strip()
    args = [R.program('medseal'), 'release', 'approve', STATE['id'], '--operator',
            f'{R.operators_dir}/carol']
    status, text = R.terminal(args, [('assphrase', word), ('Sign it', 'n')])
    tap.equal(status, 1, text)
    tap.contains(text, '[declined]')
    if word in text:
        raise AssertionError('the passphrase was echoed')
    tap.equal(len(R.json('release', 'show', STATE['id'], by='alice')['approvals']), 1)
    status, text = R.terminal(args, [('assphrase', word + 'x')])
    tap.equal(status, 1, text)
    tap.contains(text, '[passphrase]')


def test_approve_own_copy():
    "an approver's own copy of the image must be the same"
    R.write('other.bin', IMAGE[:-1] + b'x')
    R.refused('release-image', 'release', 'approve', STATE['id'], '--yes-i-have-read', '--image',
              R.path('other.bin'), by='carol')
    approve('carol', STATE['id'], '--image', R.path('image.bin'))


def test_publish():
    "a published bundle verifies offline and gives the image back"
    R.medseal('release', 'publish', STATE['id'], '-o', R.path('pump.bundle'), by='alice')
    R.medseal('release', 'fetch', STATE['id'], '-o', R.path('again.bundle'), by='bob')
    R.refused('exists', 'release', 'fetch', STATE['id'], '-o', R.path('again.bundle'), by='bob')
    verdict = R.json(*verify(R.path('pump.bundle'), '--product', 'pump', '--floor-counter', '1',
                             '--floor-version', '1.0.0', '--crl', f'{R.dir}/certs/root.crl',
                             '--extract', R.path('out')))
    tap.equal(verdict['verified'], True)
    tap.equal([link['state'] for link in verdict['chain']], ['ok'] * 7)
    with open(R.path('out/image'), 'rb') as f:
        tap.equal(f.read() == IMAGE, True)
    result = subprocess.run(['openssl', 'cms', '-verify', '-binary', '-inform', 'DER', '-in',
                             R.path('out/signature.p7s'), '-content', R.path('out/image'), '-CAfile',
                             R.root_cert, '-purpose', 'codesign', '-out', '/dev/null'],
                            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    tap.equal(result.returncode, 0, result.stdout)


def test_bundle_refusals():
    "a bundle for another product, an older one, a changed one, another root: each has its code"
    bundle = R.path('pump.bundle')
    R.refused('bundle-product', *verify(bundle, '--product', 'ventilator'))
    R.refused('bundle-rollback', *verify(bundle, '--floor-counter', '2'))
    R.refused('bundle-rollback', *verify(bundle, '--floor-version', '1.0.1'))
    R.refused('approvals-missing', *verify(bundle, '--approvals', '3'))
    with open(bundle, 'rb') as f:
        good = f.read()
    changed = R.write('changed.bundle', good[:-100] + bytes([good[-100] ^ 1]) + good[-99:])
    result = R.refused('bundle-image', *verify(changed, '--extract', R.path('changed')))
    tap.equal(result.returncode, 4)
    lines = [line.split() for line in result.stdout.splitlines()]
    tap.contains(result.stdout, 'NOT OK')
    if os.path.exists(R.path('changed')) or not lines:
        raise AssertionError('it was extracted')
    for name, data in {'short': good[:-1], 'long': good + b'x', 'empty': b'', 'head': good[:50]}.items():
        result = R.medseal(*verify(R.write(f'{name}.bundle', data)), check=False)
        tap.equal(result.returncode, 4, name + result.stderr)
    with realm.Realm(name='Other') as other:
        key = R.write('other.vkey', open(other.log_key, 'rb').read())
        root = R.write('other.pem', open(other.root_cert, 'rb').read())
    R.refused('log-checkpoint', 'release', 'verify', bundle, '--root', R.root_cert, '--log-key', key)
    result = R.medseal('release', 'verify', bundle, '--root', root, '--log-key', R.log_key, check=False)
    tap.equal(result.returncode, 1, result.stderr)


def test_every_byte():
    "no byte of the bundle can be changed unseen"
    with open(R.path('pump.bundle'), 'rb') as f:
        good = f.read()
    head = len(good) - len(IMAGE)
    places = sorted({*range(0, head, max(1, head // 60)), head - 1, head, len(good) - 1})
    for at in places:
        path = R.write('flip.bundle', good[:at] + bytes([good[at] ^ 0x01]) + good[at + 1:])
        result = R.medseal(*verify(path), '--json', check=False)
        if result.returncode not in (1, 4):
            raise AssertionError(f'byte {at}: {result.returncode} {result.stdout} {result.stderr}')


def test_mcuboot():
    "a MCUboot image goes the same way, and the bundle holds one that a bootloader accepts"
    R.write('mcu.bin', secrets.token_bytes(5000))
    release = R.json('release', 'propose', R.path('mcu.bin'), '--product', 'radio', '--version', '2.1.0+7',
                     '--security-counter', '3', '--format', 'mcuboot', '--header-size', '512', by='carol')
    approve('alice', release['id'])
    approve('bob', release['id'])
    R.medseal('release', 'publish', release['id'], '-o', R.path('radio.bundle'), by='carol')
    R.medseal(*verify(R.path('radio.bundle'), '--product', 'radio', '--extract', R.path('radio')))
    with open(R.path('radio/image'), 'rb') as f:
        image = f.read()
    tap.equal(image[:4], bytes.fromhex('3db8f396'))
    with open(R.path('mcu.bin'), 'rb') as f:
        tap.contains(image, f.read())
    with open(R.path('radio.bundle'), 'rb') as f:
        good = f.read()
    changed = R.write('radio-changed.bundle', good[:-4000] + bytes([good[-4000] ^ 1]) + good[-3999:])
    R.refused('image-hash', *verify(changed))


def test_older():
    "a version or counter below what is published is refused"
    for version, counter in [('0.9.0', 1), ('1.1.0', 0)]:
        R.refused('release-version', 'release', 'propose', R.path('image.bin'), '--product', 'pump',
                  '--version', version, '--security-counter', str(counter), '--format', 'plain', by='alice')


def test_log():
    "the log from the server: shown, proven, exported, verified"
    acts = [json.loads(line)['act'] for line in R.medseal('log', 'show', '--json', by='alice').stdout.splitlines()]
    for act in ['realm.created', 'device.added', 'release.published']:
        tap.contains(acts, act)
    at = acts.index('release.published')
    R.medseal('log', 'prove', at, '-o', R.path('p'), '--entry', R.path('e'), by='bob')
    tap.equal(R.json('log', 'verify', '--proof', R.path('p'), '--entry', R.path('e'), '--log-key',
                     R.log_key)['entry'], at)
    lines = R.medseal('log', 'show', '--from', '1', '--to', '3', by='alice').stdout.splitlines()
    tap.equal(len(lines), 2)
    R.medseal('log', 'export', '-o', R.path('log.txt'), by='bob')
    R.medseal('log', 'verify', R.path('log.txt'), '--log-key', R.log_key)
    R.medseal('log', 'verify', '--realm', R.dir, '--log-key', R.log_key)


def test_offline_beside_server():
    "reading the folder works while the server runs; changing it does not"
    R.medseal('status', R.dir)
    R.refused('realm-locked', 'operator', 'revoke', 'bob', '--realm', R.dir, '--root', R.root_dir,
              '--root-passphrase-file', f'{R.secrets}/root')


def test_revoked_operator():
    "an operator who was revoked while the server was stopped is refused afterwards"
    tap.equal(R.stop(), 0)
    R.medseal('operator', 'revoke', 'carol', '--realm', R.dir, '--root', R.root_dir,
              '--root-passphrase-file', f'{R.secrets}/root')
    R.start()
    R.refused('operator-revoked', 'device', 'list', by='carol')
    R.medseal('device', 'list', by='alice')


def test_end():
    "the log verifies and the server stops well"
    R.end()


tap.main()
