#!/usr/bin/env python3
"""The server's own certificate is renewed by the server, and no client notices."""
import hashlib
import os
import sqlite3
import ssl
import subprocess
import threading
import time

import device
import realm
import tap

for program in ('medseal', 'medseald'):
    if not realm.available(program):
        print(f'1..0 # SKIP {program} is not built')
        raise SystemExit

R = realm.Realm(config=['server.workers = 2'])
TLS = f'{R.dir}/certs/tls.pem'
DAY = 86400


def served():
    """SHA-256 of the certificate that a new connection gets, verified up to the root."""
    with device.connect(R) as s:
        return hashlib.sha256(s.getpeercert(binary_form=True)).hexdigest()


def in_file():
    with open(TLS, encoding='ascii') as f:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(f.read())).hexdigest()


def der(path):
    return device.openssl('x509', '-in', path, '-outform', 'DER')


def make_old():
    """The server's certificate of 300 days ago, by the realm's own CA and for its own key, by openssl."""
    old = R.write('old.pem', b'')
    key = R.write('tls.pub', device.openssl('x509', '-in', TLS, '-noout', '-pubkey'))
    extensions = R.write('old.ext', 'keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n'
                         'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
    now = int(time.time())
    stamp = [time.strftime('%Y%m%d%H%M%SZ', time.gmtime(t)) for t in (now - 300 * DAY, now + 96 * DAY)]
    device.openssl('x509', '-new', '-force_pubkey', key, '-subj', f'/O={R.name}/CN=localhost',
                   '-CA', f'{R.dir}/certs/issuing.pem', '-CAkey', f'{R.dir}/keys/issuing.pem',
                   '-passin', f'file:{R.secrets}/server', '-extfile', extensions,
                   '-not_before', stamp[0], '-not_after', stamp[1], '-out', old)
    return old


def make_it_the_servers(cert):
    """In the file and in the database, as if it had been issued by the server 300 days ago."""
    with open(cert, 'rb') as source, open(TLS, 'wb') as target:
        target.write(source.read())
    raw, now = der(cert), int(time.time())
    serial = device.openssl('x509', '-in', cert, '-noout', '-serial').decode().strip().split('=')[1]
    db = sqlite3.connect(f'{R.dir}/medseal.db')
    spki, profile = db.execute('SELECT spki_id, profile FROM cert WHERE device IS NULL').fetchone()
    db.execute('INSERT INTO cert (fingerprint, serial, spki_id, device, profile, state, not_before, '
               'not_after, issued_at, revoked_at, reason, der, previous) '
               'VALUES (?, ?, ?, NULL, ?, 0, ?, ?, ?, 0, 0, ?, 0)',
               (hashlib.sha256(raw).digest(), serial.lower(), spki, profile, now - 300 * DAY,
                now + 96 * DAY, now - 300 * DAY, raw))
    db.commit()
    db.close()
    for name in os.listdir(R.dir):
        R.give(os.path.join(R.dir, name))


class Clients:
    """Devices that connect all the time, one request a connection, and one that keeps its own."""

    def __init__(self):
        self.served, self.wrong, self.over = 0, [], threading.Event()
        self.threads = [threading.Thread(target=self.come_and_go) for _ in range(2)]
        for t in self.threads:
            t.start()

    def come_and_go(self):
        while not self.over.is_set():
            try:
                answer = device.https(R, device.EST + '/cacerts')
                if answer.status != 200:
                    raise AssertionError(repr(answer))
                self.served += 1
            except Exception as e:      # whatever it is, it is a client that was not served
                self.wrong.append(repr(e))

    def end(self):
        self.over.set()
        for t in self.threads:
            t.join()
        tap.comment(f'{self.served} connections')
        tap.equal(self.wrong, [])
        tap.equal(self.served > 0, True)


def entries():
    return R.verify_log().count('"server.certified"')


def start_and_renew(was):
    """Start, with clients from the first moment on; the fingerprint of the certificate after it."""
    mark = R.log_size()
    R.start()
    clients = Clients()
    try:
        R.wait_log('server.certificate_renewed', mark)
        with device.Client(R) as kept:          # one that stays is served by old and new
            for _ in range(3):
                tap.equal(kept.request(device.EST + '/cacerts').status, 200)
                time.sleep(0.2)
        end = time.monotonic() + realm.START_SECONDS
        while served() == was and time.monotonic() < end:
            time.sleep(0.05)
        for _ in range(6):                      # every worker has it
            tap.equal(served(), in_file())
    finally:
        clients.end()
    tap.equal(served() != was, True, 'another certificate')
    return served()


def test_fresh():
    """a fresh certificate stays"""
    was = in_file()
    R.start()
    tap.equal(served(), was)
    tap.equal(entries(), 0)
    tap.equal(R.stop(), 0)
    tap.equal(in_file(), was)


def test_nearly_over():
    """a certificate past two thirds of its life is replaced at the start; every client is served"""
    make_it_the_servers(make_old())
    was = in_file()
    start_and_renew(was)
    tap.equal(entries(), 1)
    text = device.openssl('x509', '-in', TLS, '-noout', '-text').decode()
    tap.equal('DNS:localhost, IP Address:127.0.0.1' in text, True, text)
    subprocess.run(['openssl', 'x509', '-in', TLS, '-noout', '-checkend', str(395 * DAY)], check=True,
                   stdout=subprocess.DEVNULL)
    device.serves(R)
    tap.equal(R.stop(), 0)


def test_lost_file():
    """what the file does not have is put there again from the database; nothing is signed for it"""
    good = in_file()
    with open(R.path('old.pem'), 'rb') as source, open(TLS, 'wb') as target:
        target.write(source.read())
    tap.equal(start_and_renew(in_file()), good)
    tap.equal(entries(), 1)
    tap.equal(R.stop(), 0)


def test_other_names():
    """server.names in the configuration come into the certificate with the next start"""
    R.configure('server.names = localhost, 127.0.0.1, realm.example')
    start_and_renew(in_file())
    tap.equal(entries(), 2)
    text = device.openssl('x509', '-in', TLS, '-noout', '-text').decode()
    tap.equal('DNS:realm.example' in text, True, text)


def test_names_need_a_restart():
    """a reload with other names is refused"""
    mark = R.log_size()
    R.configure('server.names = localhost, 127.0.0.1')
    R.server.send_signal(1)
    R.wait_log('server.reload_refused.*server.names', mark)
    R.configure('server.names = localhost, 127.0.0.1, realm.example')
    R.end()


with R:
    tap.main()
