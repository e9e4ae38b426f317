"""medseal-agent against a real server: enrolment, renewal, and what goes wrong on the way."""
import json
import os
import socket
import threading

import device
import realm
import tap

R = None
FACTORY = None


def setup(r):
    global R, FACTORY
    R = r
    r.start()
    FACTORY = device.Factory(r)


class Proxy:
    """Passes connections on to a port; `allow`: how many more, then they are cut. None: all."""

    def __init__(self, port):
        self.target, self.allow = port, None
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.passed = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            if self.allow == 0:
                client.close()
                continue
            if self.allow is not None:
                self.allow -= 1
            self.passed += 1
            server = socket.create_connection(('127.0.0.1', self.target))
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=(a, b), daemon=True).start()

    @staticmethod
    def _copy(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def state(name):
    return R.path(f'device-{name}')


def agent(command, name, *args, check=True):
    return R.run(R.program('medseal-agent'), command, '--state', state(name), *args, check=check)


def refused(code, command, name, *args):
    result = agent(command, name, *args, check=False)
    if result.returncode == 0 or f'[{code}]' not in result.stderr:
        raise realm.Failed([f'(wanted {code})', command, name, *args], result)
    return result


def arguments(serial, *more, port=None, ca=None):
    return ['--server', f'https://localhost:{port or R.est_port}', '--ca', ca or R.root_cert,
            '--serial', serial, *more]


def with_ticket(serial):
    return ['--ticket-file', R.secret(f'ticket-{serial}', device.ticket(R, serial))]


def with_idevid(serial, factory=None):
    cert, key = (factory or FACTORY).idevid(serial)
    os.chmod(key, 0o600)
    return ['--idevid-cert', cert, '--idevid-key', key]


def status(name):
    return json.loads(agent('status', name, '--json').stdout)


def credential(name, link='current'):
    return f'{state(name)}/{link}/cert.pem', f'{state(name)}/{link}/key.pem'


def serial_of(cert):
    return device.openssl('x509', '-in', cert, '-noout', '-serial').decode().strip().split('=')[1]


def self_answer(identity):
    return device.https(R, '/v1/self', identity=identity)


def test_enrol_with_ticket():
    "enrols with a ticket; its key is private, its certificate leads to the root"
    device.add(R, 'PUMP-1')
    agent('enroll', '1', *arguments('PUMP-1', *with_ticket('PUMP-1')))
    cert, key = credential('1')
    tap.equal(os.stat(state('1')).st_mode & 0o777, 0o700)
    tap.equal(os.stat(key).st_mode & 0o777, 0o600)
    device.openssl('verify', '-CAfile', R.root_cert, '-untrusted', f'{R.dir}/certs/issuing.pem', cert)
    tap.contains(device.openssl('x509', '-in', cert, '-noout', '-subject').decode(), 'PUMP-1')
    tap.equal(status('1')['state'], 'enrolled')
    tap.equal(os.path.exists(f'{state("1")}/pending.pem'), False)
    tap.equal(self_answer(credential('1')).status, 200)


def test_enrol_with_idevid():
    "enrols with a manufacturer's certificate"
    device.add(R, 'PUMP-2', 'factory')
    agent('enroll', '2', *arguments('PUMP-2', *with_idevid('PUMP-2')))
    tap.equal(status('2')['state'], 'enrolled')


def test_enrol_twice():
    "a second enrolment of an enrolled device is refused before anything is asked"
    before = serial_of(credential('1')[0])
    refused('exists', 'enroll', '1', *arguments('PUMP-1', *with_idevid('PUMP-1')))
    tap.equal(serial_of(credential('1')[0]), before)


def test_not_due():
    "a certificate in the first part of its life is not renewed"
    before = serial_of(credential('1')[0])
    tap.contains(agent('renew', '1').stdout, 'not due')
    tap.equal(serial_of(credential('1')[0]), before)


def test_renew():
    "renews with a new key; the new certificate is for the same subject, and used once"
    old, old_key = serial_of(credential('1')[0]), open(credential('1')[1], 'rb').read()
    subject = device.openssl('x509', '-in', credential('1')[0], '-noout', '-subject')
    agent('renew', '1', '--force')
    tap.equal(serial_of(credential('1')[0]) != old, True, 'another certificate')
    tap.equal(open(credential('1')[1], 'rb').read() != old_key, True, 'another key')
    tap.equal(device.openssl('x509', '-in', credential('1')[0], '-noout', '-subject'), subject)
    tap.equal(os.path.lexists(f'{state("1")}/next'), False)
    tap.equal(self_answer(credential('1')).status, 200)


def test_old_kept_until_used():
    "cut off after the renewal: the old credential stays in use, on the device and at the server"
    proxy = Proxy(R.est_port)
    device.add(R, 'PUMP-3')
    agent('enroll', '3', *arguments('PUMP-3', *with_ticket('PUMP-3'), port=proxy.port))
    old_cert = R.write('old3.pem', open(credential('3')[0], 'rb').read())
    old_key = R.write('old3.key', open(credential('3')[1], 'rb').read())
    old = serial_of(old_cert)
    # the CA certificates and the renewal come through; the first use of the new credential does not
    proxy.allow = 2
    result = agent('renew', '3', '--force', check=False)
    tap.equal((result.returncode, proxy.allow), (3, 0), result.stderr)
    tap.equal(status('3')['state'], 'renewal-pending')
    tap.equal(serial_of(credential('3')[0]), old)
    new = serial_of(credential('3', 'next')[0])
    tap.equal(new != old, True)
    tap.equal(self_answer((old_cert, old_key)).status, 200, 'the old one at the server')
    # once the way is free the waiting one is used, not a third one asked for
    proxy.allow = None
    agent('renew', '3', '--force')
    tap.equal(serial_of(credential('3')[0]), new)
    tap.equal(status('3')['state'], 'enrolled')
    # and from then on the old one may not renew
    request = device.openssl('req', '-new', '-config', '/dev/null', '-key', device.new_key(R, 'x3'),
                             '-subj', subject_option(old_cert), '-outform', 'DER')
    answer = device.enrol(R, request, 'simplereenroll', identity=(old_cert, old_key))
    tap.equal((answer.status, answer.code), (403, 'certificate-superseded'), repr(answer))


def subject_option(cert):
    """The subject as `openssl req -subj` takes it."""
    text = device.openssl('x509', '-in', cert, '-noout', '-subject', '-nameopt', 'oneline,-esc_msb')
    parts = text.decode().strip().removeprefix('subject=').split(', ')
    return ''.join('/' + '='.join(x.strip() for x in part.split('=', 1)) for part in parts)


def test_back_off():
    "after a failure it waits, longer each time; a success forgets that"
    proxy = Proxy(R.est_port)
    device.add(R, 'PUMP-4')
    agent('enroll', '4', *arguments('PUMP-4', *with_ticket('PUMP-4'), port=proxy.port))
    tap.equal(status('4')['failures'], 0)
    before = serial_of(credential('4')[0])
    proxy.allow = 0
    for n in range(1, 4):
        tap.equal(agent('renew', '4', '--force', check=False).returncode, 3)
        tap.equal(status('4')['failures'], n)
    tap.equal(bool(status('4')['next_try']), True)
    proxy.allow, proxy.passed = None, 0
    tap.contains(agent('renew', '4').stdout, 'the next try is at')
    tap.equal(proxy.passed, 0, 'connections while it waits')
    tap.equal(serial_of(credential('4')[0]), before)
    agent('renew', '4', '--force')
    tap.equal(status('4')['failures'], 0)


def test_noise():
    "a stuck noise source, a nearly stuck one, one that ends: no key is made, nothing is asked"
    device.add(R, 'PUMP-5')
    nearly = R.write('nearly', b''.join(b'\0' * 15 + os.urandom(1) for _ in range(40000)))
    short = R.write('short', os.urandom(64))
    ticket = with_ticket('PUMP-5')
    for name, source, code in (('zero', '/dev/zero', 'entropy-health'),
                               ('nearly', nearly, 'entropy-health'),
                               ('short', short, 'entropy-source'),
                               ('missing', R.path('nothing'), 'entropy-source')):
        refused(code, 'enroll', f'5{name}', *arguments('PUMP-5', *ticket, '--noise', source))
        keys = [os.path.join(where, f) for where, _, files in os.walk(state(f'5{name}'))
                for f in files if b'PRIVATE KEY' in open(os.path.join(where, f), 'rb').read()]
        tap.equal(keys, [], source)
    tap.equal(device.show(R, 'PUMP-5')['certificates'], [])
    # the ticket was not used up by that
    agent('enroll', '5', *arguments('PUMP-5', *ticket, '--noise', '/dev/urandom'))


def test_noise_at_renewal():
    "a noise source that got stuck later: the credential stays as it is"
    before = serial_of(credential('5')[0])
    refused('entropy-health', 'renew', '5', '--force', '--noise', '/dev/zero')
    tap.equal(serial_of(credential('5')[0]), before)
    tap.equal(status('5')['state'], 'enrolled')
    agent('renew', '5', '--force')


def test_wrong_root():
    "a server that does not lead to the device's root is not spoken to"
    device.add(R, 'PUMP-6')
    ticket = with_ticket('PUMP-6')
    refused('tls', 'enroll', '6a', *arguments('PUMP-6', *ticket, ca=FACTORY.cert))
    # the secret did not leave the device: the ticket still works
    agent('enroll', '6', *arguments('PUMP-6', *ticket))


def test_wrong_name():
    "a server with another name than the one that was asked for"
    device.add(R, 'PUMP-7')
    result = agent('enroll', '7', '--server', f'https://127.0.0.2:{R.est_port}', '--ca', R.root_cert,
                   '--serial', 'PUMP-7', *with_ticket('PUMP-7'), check=False)
    if result.returncode == 0 or not ('[tls]' in result.stderr or '[network]' in result.stderr):
        raise AssertionError(result.stderr)


def test_refusals():
    "what the server refuses keeps its code"
    used = R.secret('ticket-used', device.ticket(R, 'PUMP-7'))
    agent('enroll', '7b', *arguments('PUMP-7', '--ticket-file', used))
    refused('ticket-used', 'enroll', '7c', *arguments('PUMP-7', '--ticket-file', used))
    device.add(R, 'PUMP-8')
    other = R.secret('ticket-8', device.ticket(R, 'PUMP-8'))
    refused('ticket-serial', 'enroll', '7d', *arguments('PUMP-7', '--ticket-file', other))
    unknown = R.secret('ticket-x', 'A' * 43)
    refused('ticket-unknown', 'enroll', '7e', *arguments('PUMP-8', '--ticket-file', unknown))
    refused('device-unknown', 'enroll', '9', *arguments('GHOST-9', *with_idevid('GHOST-9')))
    stranger = device.Factory(R, 'stranger', register=False)
    refused('peer-untrusted', 'enroll', '8', *arguments('PUMP-2', *with_idevid('PUMP-2', stranger)))


def test_ticket_file():
    "a ticket file that others may read is not used"
    path = R.secret('ticket-open', device.ticket(R, 'PUMP-8'))
    os.chmod(path, 0o644)
    refused('permissions', 'enroll', '8b', *arguments('PUMP-8', '--ticket-file', path))
    os.chmod(path, 0o600)
    agent('enroll', '8c', *arguments('PUMP-8', '--ticket-file', path))


def test_revoked():
    "a revoked device may not renew, not use what it has, and not come back by any path"
    device.add(R, 'PUMP-10', 'factory')
    agent('enroll', '10', *arguments('PUMP-10', *with_idevid('PUMP-10')))
    waiting = R.secret('ticket-10', device.ticket(R, 'PUMP-10'))
    R.medseal('device', 'revoke', 'PUMP-10', '--reason', 'stolen', by='alice')
    before = serial_of(credential('10')[0])
    refused('device-revoked', 'renew', '10', '--force')
    tap.equal(serial_of(credential('10')[0]), before)
    answer = self_answer(credential('10'))
    tap.equal(answer.status, 403, repr(answer))
    refused('device-revoked', 'enroll', '10b', *arguments('PUMP-10', *with_idevid('PUMP-10')))
    refused('device-revoked', 'enroll', '10c', *arguments('PUMP-10', '--ticket-file', waiting))
    R.refused('device-revoked', 'device', 'ticket', 'PUMP-10', by='alice')
    crl = R.write('crl.pem', device.openssl('crl', '-inform', 'DER', stdin=device.https(
        R, '/crl/issuing.crl').body))
    done = R.run('openssl', 'verify', '-crl_check', '-CAfile', R.root_cert, '-untrusted',
                 f'{R.dir}/certs/issuing.pem', '-CRLfile', crl, credential('10')[0], check=False)
    tap.contains(done.stdout + done.stderr, 'certificate revoked')


def test_server_away():
    "no server: network, and the credential stays"
    refused('network', 'enroll', 'away', *arguments('PUMP-8', *with_idevid('PUMP-8'), port=1))


def test_calls():
    "calls that are wrong are answered with 2"
    for args in (['enroll', '--state', state('w')], ['nothing', '--state', state('w')], ['renew'],
                 ['status', '--state', state('w'), '--colour'], []):
        result = R.run(R.program('medseal-agent'), *args, check=False)
        tap.equal(result.returncode, 2, f'{args}: {result.stderr}')


def test_end():
    "the next client is served, the log verifies, the server stops, no sanitizer has a report"
    device.serves(R)
    R.end()


if __name__ == '__main__':
    with realm.Realm() as made:
        setup(made)
        tap.main()
