"""Clients and verifiers that nobody here wrote: libest's estclient, strongSwan's pki, openssl."""
import os
import re
import shutil
import subprocess

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


def need(program):
    if shutil.which(program) is None:
        tap.skip(f'{program} is not installed')


def peer(*args, env=None, check=True):
    done = subprocess.run([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env={**os.environ, **(env or {})}, check=False,
                          timeout=60)
    if check and done.returncode != 0:
        raise AssertionError(f'{args}: {done.returncode}\n{done.stdout.decode(errors="replace")}'
                             f'{done.stderr.decode(errors="replace")}')
    return done


def estclient(name, *args, check=True, port=None):
    """Its output folder."""
    need('estclient')
    out = R.path(name)
    os.makedirs(out, exist_ok=True)
    done = peer('estclient', *args, '-s', 'localhost', '-p', port or R.compat_port, '-o', out,
                '--pem-output', env={'EST_OPENSSL_CACERT': R.root_cert}, check=check)
    return out, done


def pki(*args, check=True):
    need('pki')
    return peer('pki', *args, check=check)


def verified(cert, *options):
    """openssl verify with the CRL that the server gives."""
    crl = R.write('crl.pem', device.openssl('crl', '-inform', 'DER', stdin=device.https(
        R, '/crl/issuing.crl').body))
    return peer('openssl', 'verify', '-crl_check', '-x509_strict', '-CAfile', R.root_cert,
                '-untrusted', f'{R.dir}/certs/issuing.pem', '-CRLfile', crl, *options, cert,
                check=False)


def good(cert, serial):
    done = verified(cert)
    tap.equal(done.returncode, 0, done.stderr.decode() + done.stdout.decode())
    tap.contains(device.openssl('x509', '-in', cert, '-noout', '-subject').decode(), serial)


def fingerprint(cert):
    return device.openssl('x509', '-in', cert, '-noout', '-fingerprint', '-sha256').decode().strip()


def pem_csr(name, serial, *options):
    key = device.new_key(R, name)
    path = R.write(f'{name}.csr', device.openssl('req', '-new', '-config', '/dev/null', '-key', key,
                                                 '-subj', f'/CN={serial}', *options))
    return path, key


# ---- libest ----

def test_estclient_cacerts():
    "estclient -g gets the CA certificates"
    out, _ = estclient('est-ca', '-g')
    found = []
    for name in os.listdir(out):
        with open(os.path.join(out, name), encoding='latin-1') as f:
            found += re.findall('-----BEGIN.*?-----END[^\n]*', f.read(), re.S)
    prints = [fingerprint(R.write('one.pem', pem + '\n')) for pem in found]
    wanted = [fingerprint(f'{R.dir}/certs/{n}.pem') for n in ('root', 'issuing')]
    for one in wanted:
        if one not in prints:
            raise AssertionError(f'{one} is not in {prints}')


def test_estclient_enrol():
    "estclient -e enrols with a ticket as HTTP user and password"
    device.add(R, 'PUMP-1')
    csr, _ = pem_csr('est1', 'PUMP-1')
    out, _ = estclient('est-1', '-e', '-y', csr, '-u', 'PUMP-1', '-h', device.ticket(R, 'PUMP-1'))
    good(f'{out}/cert-0-0.pem', 'PUMP-1')


def test_estclient_idevid():
    "estclient -e enrols with a manufacturer's certificate"
    device.add(R, 'PUMP-2', 'factory')
    cert, key = FACTORY.idevid('PUMP-2')
    csr, _ = pem_csr('est2', 'PUMP-2')
    out, _ = estclient('est-2', '-e', '-y', csr, '-c', cert, '-k', key)
    good(f'{out}/cert-0-0.pem', 'PUMP-2')


def test_estclient_renew():
    "estclient -r renews with the certificate it has"
    need('estclient')
    issued, key = R.path('est-2', 'cert-0-0.pem'), R.path('est2.key')
    if not os.path.exists(issued):
        raise AssertionError('there is no certificate to renew')
    out, done = estclient('est-r', '-r', '-c', issued, '-k', key)
    renewed = f'{out}/cert-0-0.pem'
    if not os.path.exists(renewed):
        raise AssertionError(done.stdout + done.stderr)
    good(renewed, 'PUMP-2')
    tap.equal(fingerprint(renewed) != fingerprint(issued), True)
    tap.equal(device.openssl('x509', '-in', renewed, '-noout', '-subject'),
              device.openssl('x509', '-in', issued, '-noout', '-subject'))


def test_estclient_refused():
    "estclient with a used ticket gets no certificate"
    csr, _ = pem_csr('est3', 'PUMP-1')
    out, _ = estclient('est-3', '-e', '-y', csr, '-u', 'PUMP-1', '-h', 'A' * 43, check=False)
    tap.equal([f for f in os.listdir(out) if f.startswith('cert-')], [])


def test_estclient_strict():
    "estclient cannot speak to the listener for TLS 1.3, as it knows 1.2 only"
    out, _ = estclient('est-4', '-g', port=R.est_port, check=False)
    tap.equal(os.listdir(out), [])


# ---- openssl req ----

def test_openssl_renew():
    "a renewal whose request is by openssl req, with string types of its own"
    device.add(R, 'PUMP-7')
    key = device.new_key(R, 'req7')
    secret = device.ticket(R, 'PUMP-7')
    first = device.certificate(R, device.enrol(R, device.csr(R, key, 'PUMP-7'),
                                               headers=device.basic('PUMP-7', secret)), 'req7')
    request = device.csr(R, key, 'PUMP-7', subject=f'/O={R.name}/serialNumber=PUMP-7/CN=PUMP-7')
    types = [device.openssl('asn1parse', *how).count(b'UTF8STRING')
             for how in (('-in', first), ('-inform', 'DER', '-in', R.write('req7.der', request)))]
    tap.equal(types[0] != types[1], True, 'the string types are others')
    answer = device.enrol(R, request, 'simplereenroll', identity=(first, key))
    good(device.certificate(R, answer, 'req7r'), 'PUMP-7')
    other = device.csr(R, key, 'PUMP-7', subject=f'/O={R.name}/serialNumber=PUMP-7/CN=PUMP-8')
    answer = device.enrol(R, other, 'simplereenroll', identity=(first, key))
    tap.equal((answer.status, answer.code), (400, 'csr-subject'), repr(answer))


# ---- strongSwan ----

def test_pki_cacerts():
    "pki --estca gets the CA certificates"
    out = R.path('swan-ca')
    os.makedirs(out, exist_ok=True)
    need('pki')
    subprocess.run(['pki', '--estca', '--url', f'https://localhost:{R.compat_port}', '--cacert',
                    R.root_cert, '--cacert', f'{R.dir}/certs/issuing.pem', '--caout', f'{out}/ca.pem',
                    '--outform', 'pem', '--force'], check=True, stdout=subprocess.PIPE,
                   stderr=subprocess.PIPE, timeout=60)
    prints = [fingerprint(os.path.join(out, f)) for f in os.listdir(out)]
    tap.contains(prints, fingerprint(R.root_cert))
    tap.contains(prints, fingerprint(f'{R.dir}/certs/issuing.pem'))


def swan(csr, *options, check=True):
    """What pki --est says for a request in PEM. With --cert it renews: it has no other meaning."""
    der = R.write('swan.csr.der', device.openssl('req', '-in', csr, '-outform', 'DER'))
    return pki('--est', '--url', f'https://localhost:{R.compat_port}', '--cacert', R.root_cert,
               '--cacert', f'{R.dir}/certs/issuing.pem', '--in', der, '--interval', '1',
               '--maxpolltime', '10', '--outform', 'pem', *options, check=check)


def test_pki_enrol():
    "pki --est enrols with a ticket as HTTP user and password"
    device.add(R, 'PUMP-4')
    csr, _ = pem_csr('swan4', 'PUMP-4')
    secret = device.ticket(R, 'PUMP-4')
    cert = R.write('swan4.pem', swan(csr, '--userpass', f'PUMP-4:{secret}').stdout)
    good(cert, 'PUMP-4')


def test_pki_renew():
    "pki --est renews with the certificate it has"
    need('pki')
    cert, key = R.path('swan4.pem'), R.path('swan4.key')
    same = R.write('swan4r.csr', device.openssl('x509', '-x509toreq', '-copy_extensions', 'none',
                                                '-in', cert, '-signkey', key))
    renewed = R.write('swan4r.pem', swan(same, '--cert', cert, '--key', key).stdout)
    good(renewed, 'PUMP-4')
    tap.equal(fingerprint(renewed) != fingerprint(cert), True)


def test_pki_label():
    "pki --est --label: with a label in the path it is the same"
    device.add(R, 'PUMP-5')
    csr, _ = pem_csr('swan5', 'PUMP-5')
    secret = device.ticket(R, 'PUMP-5')
    cert = R.write('swan5.pem', swan(csr, '--label', 'pumps', '--userpass',
                                     f'PUMP-5:{secret}').stdout)
    good(cert, 'PUMP-5')


def test_pki_refused():
    "pki --est with a stranger's certificate gets none"
    stranger = device.Factory(R, 'stranger', register=False)
    csr, _ = pem_csr('swan6', 'PUMP-4')
    cert, key = stranger.idevid('PUMP-4')
    done = swan(csr, '--cert', cert, '--key', key, check=False)
    if done.returncode == 0 or b'BEGIN CERTIFICATE' in done.stdout:
        raise AssertionError(done.stdout + done.stderr)


# ---- openssl as verifier ----

def test_openssl_revoked():
    "openssl verify -crl_check finds a revoked certificate, and only that one"
    need('pki')
    R.medseal('device', 'revoke', 'PUMP-5', '--reason', 'lost', by='alice')
    done = verified(R.path('swan5.pem'))
    tap.contains((done.stdout + done.stderr).decode(), 'certificate revoked')
    good(R.path('swan4.pem'), 'PUMP-4')


def test_openssl_purpose():
    "a device's certificate is for TLS, for nothing else"
    need('pki')
    cert = R.path('swan4.pem')
    for purpose, fine in (('sslclient', True), ('codesign', False), ('smimesign', False)):
        tap.equal(verified(cert, '-purpose', purpose).returncode == 0, fine, purpose)


def test_openssl_self_signed_issuer():
    "openssl accepts the whole chain strictly: root, issuing CA, code signing, server"
    for name in ('issuing', 'code-signing', 'tls'):
        done = peer('openssl', 'verify', '-x509_strict', '-CAfile', R.root_cert, '-untrusted',
                    f'{R.dir}/certs/issuing.pem', f'{R.dir}/certs/{name}.pem', check=False)
        tap.equal(done.returncode, 0, f'{name}: {done.stderr.decode()}')


def test_openssl_cms():
    "openssl cms verifies the detached signature of a published release, and not of a changed image"
    image = R.write('firmware.bin', os.urandom(20000))
    release = R.json('release', 'propose', image, '--product', 'pump', '--version', '1.0.0',
                     '--security-counter', '1', '--format', 'plain', by='alice')['id']
    for who in ('bob', 'carol'):
        R.medseal('release', 'approve', release, '--yes-i-have-read', by=who)
    bundle, parts = R.path('firmware.bundle'), R.path('parts')
    R.medseal('release', 'publish', release, '-o', bundle, by='alice')
    R.medseal('release', 'verify', bundle, '--root', R.root_cert, '--log-key', R.log_key,
              '--extract', parts)
    verify = ['openssl', 'cms', '-verify', '-binary', '-inform', 'DER', '-in', f'{parts}/signature.p7s',
              '-CAfile', R.root_cert, '-purpose', 'codesign', '-out', '/dev/null', '-content']
    peer(*verify, image)
    with open(image, 'r+b') as f:
        f.seek(5000)
        f.write(b'changed')
    done = peer(*verify, image, check=False)
    tap.equal(done.returncode != 0, True)
    tap.contains(done.stderr.decode(), 'verification failure')


def test_curl():
    "curl with a client certificate speaks TLS 1.3 to the strict listener"
    need('curl')
    done = peer('curl', '--silent', '--show-error', '--fail', '--tlsv1.3', '--cacert', R.root_cert,
                f'https://localhost:{R.est_port}{device.EST}/cacerts')
    tap.contains(device.openssl('base64', '-d', stdin=done.stdout).hex(), '06092a864886f70d010702')


def test_end():
    "the next client is served, the log verifies, the server stops, no sanitizer has a report"
    device.serves(R)
    R.end()


if __name__ == '__main__':
    with realm.Realm() as made:
        setup(made)
        tap.main()
