"""What a device and its maker have, for tests: keys, requests, certificates, and raw HTTPS.

    maker = device.Factory(r, 'factory')            # a CA by openssl, registered as a manufacturer
    device.add(r, 'PUMP-1', 'factory')
    key = device.new_key(r, 'pump1')
    answer = device.enrol(r, device.csr(r, key, 'PUMP-1'), identity=maker.idevid('PUMP-1'))
    tap.equal((answer.status, answer.code), (200, None))

Everything is made by the openssl program: nothing here shares code with what is tested.
"""
import base64
import http.client
import json
import os
import re
import socket
import ssl
import subprocess

import tap

SECONDS = 30            # for one answer, under ASan with a busy neighbour
EST = '/.well-known/est'
CSR_TYPE = 'application/pkcs10'


def openssl(*args, stdin=None, check=True):
    """The openssl program; its standard output as bytes."""
    done = subprocess.run(['openssl', *map(str, args)], input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f'openssl {" ".join(map(str, args))}: {done.stderr.decode()}')
    return done.stdout


def new_key(r, name, *options):
    """A private key file (P-256 unless `options` of genpkey say otherwise); its path."""
    path = r.write(f'{name}.key', b'')
    openssl('genpkey', *(options or ('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256')),
            '-out', path)
    return path


def csr(r, key, serial, *options, subject=None):
    """A PKCS#10 request in DER."""
    return openssl('req', '-new', '-config', '/dev/null', '-key', key, '-subj',
                   subject or f'/CN={serial}', '-outform', 'DER', *options)


class Factory:
    """A manufacturer's device CA; registered unless `register` is false. `files`: what its files are
    called, for a second one of the same name."""

    def __init__(self, r, name='factory', register=True, files=None):
        self.r, self.name, self.files = r, name, files or name
        self.key = new_key(r, f'ca-{self.files}')
        self.cert = r.write(f'ca-{self.files}.pem', b'')
        openssl('req', '-x509', '-config', '/dev/null', '-key', self.key, '-out', self.cert, '-days',
                '3650', '-subj', f'/O={name}/CN={name} device CA',
                '-addext', 'basicConstraints=critical,CA:TRUE',
                '-addext', 'keyUsage=critical,keyCertSign,cRLSign',
                '-addext', 'subjectKeyIdentifier=hash')
        if register:
            r.medseal('manufacturer', 'add', name, '--cert', self.cert, by=r.operators[0])

    def idevid(self, serial, *options, key=None):
        """A device's manufacturer certificate and key (IEEE 802.1AR): their paths. `key`: a file."""
        name = f'idevid-{self.files}-{serial}'
        key = key or new_key(self.r, name)
        request = self.r.write(f'{name}.csr', openssl(
            'req', '-new', '-config', '/dev/null', '-key', key, '-subj',
            f'/O={self.name}/serialNumber={serial}'))
        extensions = self.r.write(f'{name}.ext', 'basicConstraints=CA:FALSE\n'
                                  'keyUsage=critical,digitalSignature\n')
        cert = self.r.write(f'{name}.pem', b'')
        openssl('x509', '-req', '-in', request, '-CA', self.cert, '-CAkey', self.key, '-extfile',
                extensions, '-out', cert, *(options or ('-days', '3650')))
        return cert, key


def operator(r, name):
    """An operator's certificate and encrypted private key: their paths."""
    return f'{r.operators_dir}/{name}/cert.pem', f'{r.operators_dir}/{name}/key.pem'


# ---- HTTPS ----

class Answer:
    """status, headers, body (bytes), code: the refusal's name or None."""

    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.body = response.read()
        self.code = self.headers.get('Medseal-Code')
        if self.code is None and self.status >= 400 and self.body.startswith(b'{'):
            self.code = json.loads(self.body)['error']

    def __repr__(self):
        return f'<{self.status} {self.code} {dict(self.headers)} {self.body[:300]!r}>'


def context(r, identity=None, password=None, versions=(ssl.TLSVersion.TLSv1_3,) * 2):
    """TLS that trusts the realm's root and nothing else."""
    c = ssl.create_default_context(cafile=r.root_cert)
    c.minimum_version, c.maximum_version = versions
    if identity:
        c.load_cert_chain(*identity, password=password)
    return c


def connect(r, port=None, identity=None, seconds=SECONDS, **kw):
    """A TLS connection after its handshake, for raw bytes."""
    s = socket.create_connection(('127.0.0.1', port or r.est_port), seconds)
    try:
        return context(r, identity, **kw).wrap_socket(s, server_hostname='localhost')
    except BaseException:
        s.close()
        raise


class Client:
    """One kept-alive connection."""

    def __init__(self, r, port=None, identity=None, **kw):
        self.http = http.client.HTTPSConnection('localhost', port or r.est_port, timeout=SECONDS,
                                                context=context(r, identity, **kw))

    def request(self, path, method='GET', body=None, headers=None):
        self.http.request(method, path, body=body, headers=headers or {})
        return Answer(self.http.getresponse())

    def close(self):
        self.http.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def https(r, path, method='GET', body=None, headers=None, **kw):
    """One request on a connection of its own."""
    with Client(r, **kw) as client:
        return client.request(path, method, body, headers)


def plain_operator(r, name):
    """Certificate and opened private key: the CLI opens it anew for each call, at scrypt's price."""
    cert, key = operator(r, name)
    opened = r.path(f'{name}.opened')
    if not os.path.exists(opened):
        r.write(f'{name}.opened', openssl('pkey', '-in', key, '-passin', f'file:{r.secrets}/{name}'))
    return cert, opened


def api(r, path, body=None, method=None):
    """One call of the operators' API by the first operator; the answer's JSON."""
    answer = https(r, path, method or ('GET' if body is None else 'POST'),
                   None if body is None else json.dumps(body),
                   {} if body is None else {'Content-Type': 'application/json'},
                   port=r.admin_port, identity=plain_operator(r, r.operators[0]))
    if answer.status >= 400:
        raise AssertionError(f'{path}: {answer!r}')
    return json.loads(answer.body)


def add(r, serial, manufacturer=None):
    api(r, '/v1/devices', {'serial': serial, 'product': 'pump',
                           **({'manufacturer': manufacturer} if manufacturer else {})})
    return serial


def show(r, serial):
    return api(r, f'/v1/devices/{serial}')


def ticket(r, serial):
    return api(r, f'/v1/devices/{serial}/ticket', {})['ticket']


def basic(serial, secret):
    """The Authorization header of a ticket."""
    return {'Authorization': 'Basic ' + base64.b64encode(f'{serial}:{secret}'.encode()).decode()}


def enrol(r, request, operation='simpleenroll', client=None, headers=None, content_type=CSR_TYPE,
          encode=base64.encodebytes, **kw):
    """POST a request to EST; `encode=bytes` for a body as it is."""
    headers = {'Content-Type': content_type, **(headers or {})}
    path = f'{EST}/{operation}'
    if client is not None:
        return client.request(path, 'POST', encode(request), headers)
    return https(r, path, 'POST', encode(request), headers, **kw)


def certificate(r, answer, name='issued'):
    """The one certificate of a certs-only answer, as a PEM file; its path."""
    tap.equal((answer.status, answer.code), (200, None), repr(answer))
    text = openssl('pkcs7', '-inform', 'DER', '-print_certs', stdin=base64.b64decode(answer.body))
    found = re.findall(rb'-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n', text, re.S)
    tap.equal(len(found), 1, 'certificates in the answer')
    return r.write(f'{name}.pem', found[0])


def serves(r):
    """The next client is served: over TLS, down to the keeper."""
    answer = https(r, f'{EST}/cacerts')
    tap.equal(answer.status, 200, repr(answer))
    api(r, '/v1/status')
