"""What the listeners speak: versions, ciphers, chains, and whom they let in."""
import socket
import ssl
import subprocess
import time

import device
import realm
import tap

R = None
FACTORY = None
TLS_1_2 = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
CACERTS = f'{device.EST}/cacerts'


def setup(r):
    global R, FACTORY
    R = r
    r.start()
    FACTORY = device.Factory(r)


def s_client(port, *options):
    """openssl s_client without a request: whether the handshake was completed, and what it said."""
    done = subprocess.run(
        ['openssl', 's_client', '-connect', f'127.0.0.1:{port}', '-servername', 'localhost', '-CAfile',
         R.root_cert, '-verify_return_error', '-verify_hostname', 'localhost', '-brief', *options],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False, timeout=device.SECONDS)
    return done.returncode == 0 and 'CONNECTION ESTABLISHED' in done.stdout, done.stdout


def speaks(port, *options):
    good, text = s_client(port, *options)
    if not good:
        raise AssertionError(f'{options}: {text}')
    return text


def refuses(port, *options):
    good, text = s_client(port, *options)
    if good:
        raise AssertionError(f'{options} was accepted: {text}')
    # the server itself refused: the client did not stumble over its own options
    if 'alert' not in text.lower():
        raise AssertionError(f'{options}: no alert from the server: {text}')


def test_versions():
    "TLS 1.3 alone on the listeners for devices and operators, 1.2 and 1.3 on the compatible one"
    tap.contains(speaks(R.est_port), 'TLSv1.3')
    tap.contains(speaks(R.compat_port, '-tls1_3'), 'TLSv1.3')
    tap.contains(speaks(R.compat_port, '-tls1_2'), 'TLSv1.2')
    refuses(R.est_port, '-tls1_2')
    refuses(R.admin_port, '-tls1_2')
    for port in (R.est_port, R.compat_port, R.admin_port):
        for old in ('-tls1_1', '-tls1'):
            refuses(port, old, '-cipher', 'ALL:@SECLEVEL=0')


def test_hybrid():
    "a client that can gets a key exchange that a quantum computer does not undo"
    tap.contains(speaks(R.est_port), 'X25519MLKEM768')
    tap.contains(speaks(R.est_port, '-groups', 'P-256'), 'CONNECTION ESTABLISHED')


def test_ciphers():
    "over TLS 1.2 only forward secrecy with authenticated encryption, no old cipher"
    for good in ('ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384'):
        speaks(R.compat_port, '-tls1_2', '-cipher', good)
    for bad in ('ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES128-SHA256', 'AES128-SHA', 'AES128-GCM-SHA256',
                'DHE-RSA-AES128-GCM-SHA256', 'NULL', 'aNULL'):
        refuses(R.compat_port, '-tls1_2', '-cipher', f'{bad}:@SECLEVEL=0')


def test_no_resumption():
    "no session outlives its connection: every connection proves its key"
    with device.connect(R) as s:
        s.sendall(f'GET {CACERTS} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'.encode())
        while s.recv(65536):
            pass
        tap.equal((s.session.has_ticket, s.session_reused), (False, False))
    text = speaks(R.compat_port, '-tls1_2', '-no_ign_eof')
    tap.contains(text, 'CONNECTION ESTABLISHED')


def test_no_renegotiation():
    "a client cannot renegotiate"
    done = subprocess.run(
        ['openssl', 's_client', '-connect', f'127.0.0.1:{R.compat_port}', '-tls1_2', '-CAfile',
         R.root_cert, '-legacy_server_connect'], input='R\n', text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, check=False, timeout=device.SECONDS)
    tap.contains(done.stdout, 'RENEGOTIATING')
    if 'no renegotiation' not in done.stdout:
        raise AssertionError(done.stdout[-1000:])


def test_chain():
    "the server sends its chain without the root, for the names it was made with"
    done = subprocess.run(
        ['openssl', 's_client', '-connect', f'127.0.0.1:{R.est_port}', '-showcerts', '-CAfile',
         R.root_cert], stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, check=False, timeout=device.SECONDS)
    tap.equal(done.stdout.count('BEGIN CERTIFICATE'), 2, 'certificates')
    tap.contains(done.stdout, 'Verify return code: 0 (ok)')
    leaf = device.openssl('x509', '-text', '-noout', stdin=done.stdout.encode()).decode()
    tap.contains(leaf, 'TLS Web Server Authentication')
    tap.contains(leaf, 'DNS:localhost, IP Address:127.0.0.1')
    good, text = s_client(R.est_port, '-verify_hostname', 'elsewhere.example')
    if good:
        raise AssertionError(text)


def test_wrong_root():
    "a client with another root does not believe it"
    c = ssl.create_default_context(cafile=FACTORY.cert)
    with socket.create_connection(('127.0.0.1', R.est_port), device.SECONDS) as s:
        try:
            c.wrap_socket(s, server_hostname='localhost')
        except ssl.SSLCertVerificationError:
            return
    raise AssertionError('it was believed')


def test_no_certificate():
    "a client without a certificate may read what is public, and nothing else"
    tap.equal(device.https(R, CACERTS).status, 200)
    tap.equal(device.https(R, '/crl/issuing.crl').status, 200)
    answer = device.https(R, '/v1/self')
    tap.equal((answer.status, answer.code), (401, 'auth-required'))
    answer = device.enrol(R, device.csr(R, device.new_key(R, 'x'), 'PUMP-1'))
    tap.equal((answer.status, answer.code), (401, 'auth-required'))


def test_strangers_certificate():
    "a stranger's certificate for a serial that is registered"
    device.add(R, 'PUMP-1', 'factory')
    stranger = device.Factory(R, 'stranger', register=False)
    request = device.csr(R, device.new_key(R, 'y'), 'PUMP-1')
    answer = device.enrol(R, request, identity=stranger.idevid('PUMP-1'))
    tap.equal((answer.status, answer.code), (403, 'peer-untrusted'), repr(answer))
    # a CA of the factory's name, made by a stranger
    fake = device.Factory(R, 'factory', register=False, files='fake')
    answer = device.enrol(R, request, identity=fake.idevid('PUMP-1'))
    tap.equal((answer.status, answer.code), (403, 'peer-untrusted'), repr(answer))


def test_expired_certificate():
    "a manufacturer's certificate that has ended, and one that has not begun"
    request = device.csr(R, device.new_key(R, 'z'), 'PUMP-1')
    for span in (('-not_before', '20200101000000Z', '-not_after', '20210101000000Z'),
                 ('-not_before', '20990101000000Z', '-not_after', '21000101000000Z')):
        answer = device.enrol(R, request, identity=FACTORY.idevid('PUMP-1', *span))
        tap.equal((answer.status, answer.code), (403, 'peer-expired'), f'{span}: {answer!r}')


def test_expires_while_connected():
    "a manufacturer's certificate that ends on a kept-alive connection counts no longer"
    end = time.time() + 4
    stamp = time.strftime('%Y%m%d%H%M%SZ', time.gmtime(end))
    identity = FACTORY.idevid('PUMP-1', '-not_before', '20200101000000Z', '-not_after', stamp)
    request = device.csr(R, device.new_key(R, 'e'), 'PUMP-1')
    with device.Client(R, identity=identity) as client:
        answer = device.enrol(R, request, client=client)
        tap.equal((answer.status, answer.code), (200, None), repr(answer))
        client.http.auto_open = 0       # on this connection or not at all
        time.sleep(max(0, end + 1.1 - time.time()))
        answer = device.enrol(R, request, client=client)
        tap.equal((answer.status, answer.code), (403, 'peer-expired'), repr(answer))


def test_other_manufacturer():
    "a certificate by another registered manufacturer than the one of the device"
    other = device.Factory(R, 'other')
    answer = device.enrol(R, device.csr(R, device.new_key(R, 'w'), 'PUMP-1'),
                          identity=other.idevid('PUMP-1'))
    tap.equal((answer.status, answer.code), (403, 'device-manufacturer'), repr(answer))


def admin(identity):
    return device.https(R, '/v1/status', port=R.admin_port, identity=identity)


def closed_or_refused(what, identity, *codes):
    """Behind the admin listener this client reaches nothing."""
    try:
        answer = admin(identity)
    except (ssl.SSLError, ConnectionError) as e:
        tap.comment(f'{what}: the handshake fails: {e}')
        return
    if answer.status not in (401, 403) or answer.code not in codes:
        raise AssertionError(f'{what}: {answer!r}')
    tap.comment(f'{what}: {answer.status} {answer.code}')


def alice():
    return device.plain_operator(R, 'alice')


def test_admin():
    "operators alone reach the operators' listener: no stranger, no device, no server"
    tap.equal(admin(alice()).status, 200)
    try:
        admin(None)
    except (ssl.SSLError, ConnectionError):
        pass
    else:
        raise AssertionError('a client without a certificate was let in')
    key = device.new_key(R, 'pump1')
    issued = device.certificate(R, device.enrol(R, device.csr(R, key, 'PUMP-1'),
                                                identity=FACTORY.idevid('PUMP-1')))
    closed_or_refused('a device of the realm', (issued, key), 'peer-untrusted', 'peer-purpose')
    closed_or_refused("a manufacturer's device", FACTORY.idevid('PUMP-1'), 'peer-untrusted')
    closed_or_refused('a stranger', device.Factory(R, 'alice', False).idevid('alice'),
                      'peer-untrusted')


def test_operator_as_device():
    "an operator's certificate enrols nothing, and has no device's self"
    answer = device.enrol(R, device.csr(R, device.new_key(R, 'v'), 'alice'), identity=alice())
    tap.equal((answer.status, answer.code), (403, 'peer-untrusted'), repr(answer))
    answer = device.https(R, '/v1/self', identity=alice())
    if answer.status not in (401, 403):
        raise AssertionError(repr(answer))
    # and the API is not on the devices' listener
    answer = device.https(R, '/v1/status', identity=alice())
    tap.equal((answer.status, answer.code), (404, 'http-path'), repr(answer))


def test_end():
    "the next client is served, the log verifies, the server stops, no sanitizer has a report"
    device.serves(R)
    R.end()


if __name__ == '__main__':
    with realm.Realm() as made:
        setup(made)
        tap.main()
