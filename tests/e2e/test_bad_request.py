"""Requests that a device could send and should not: each a clear error with its own code, and the
next client is served."""
import base64
import json
import os
import time

import device
import realm
import rsa
import tap

# An answer within this: no key, however large, may keep a worker busy. ASan, a busy neighbour.
SECONDS = 1.0

R = None
FACTORY = None
IDEVID = None       # of PUMP-1
KEY = None          # that PUMP-1 asks a certificate for
BODY_MAX = 10 << 20


def setup(r):
    global R, FACTORY, IDEVID, KEY
    R = r
    r.start()
    FACTORY = device.Factory(r)
    IDEVID = FACTORY.idevid('PUMP-1')
    KEY = device.new_key(r, 'pump1')
    device.add(r, 'PUMP-1', 'factory')


def good():
    return device.csr(R, KEY, 'PUMP-1')


def refused(status, code, request, what='', **kw):
    """The request is refused with this status and code, and leaves no certificate behind."""
    begin = time.monotonic()
    answer = device.enrol(R, request, identity=IDEVID, **kw)
    took = time.monotonic() - begin
    tap.equal((answer.status, answer.code), (status, code), f'{what}: {answer!r}')
    if took > SECONDS:
        raise AssertionError(f'{what or code}: it took {took:.2f} s')
    # RFC 7030 §4.2.3: a text that says why
    tap.contains(answer.headers['Content-Type'], 'text/plain')
    tap.contains(answer.body.decode(), code)
    return answer


def certificates():
    return device.show(R, 'PUMP-1')['certificates']


def test_malformed_base64():
    "malformed base64"
    text = base64.encodebytes(good())
    for what, body in (('other characters', b'!!!!'), ('padding inside', b'MII=AAAA'),
                       ('one character short', text.rstrip()[:-1]),
                       ('a character more', text.rstrip() + b'A'),
                       ('base64url', text.replace(b'M', b'_', 1)),
                       ('bits that are not zero', b'MB=='), ('a NUL', text[:8] + b'\0' + text[8:]),
                       ('PEM lines', b'-----BEGIN CERTIFICATE REQUEST-----\n' + text)):
        refused(400, 'base64', body, what, encode=bytes)


def test_no_request():
    "an empty body, and DER that is no request"
    refused(400, 'csr-form', b'', 'empty')
    refused(400, 'csr-form', b'\x30\x00', 'an empty sequence')
    refused(400, 'csr-form', b'\x30\x84\xff\xff\xff\xff\x00', 'a length of 4 GiB')
    refused(400, 'csr-form', b'\x30\x80\x00\x00', 'an indefinite length')
    refused(400, 'csr-form', os.urandom(300), 'noise')
    refused(400, 'csr-form', b'\x30\x82\x03\xe8' * 500, 'deep nesting')


def test_cut_off():
    "a request that ends too early, at every byte of its first 64 and at its last"
    der = good()
    with device.Client(R, identity=IDEVID) as client:
        for n in [*range(1, 64), len(der) - 1]:
            answer = device.enrol(R, der[:n], client=client)
            tap.equal((answer.status, answer.code), (400, 'csr-form'), f'{n} bytes')


def test_trailing_bytes():
    "DER with trailing bytes"
    refused(400, 'csr-trailing-bytes', good() + b'\0', 'a zero byte')
    refused(400, 'csr-trailing-bytes', good() + good(), 'a second request')


def test_false_signature():
    "a request whose self-signature fails"
    der = bytearray(good())
    der[-1] ^= 1
    refused(400, 'csr-signature', bytes(der), 'a changed signature')
    other = device.csr(R, KEY, 'PUMP-2').replace(b'PUMP-2', b'PUMP-1')
    refused(400, 'csr-signature', other, 'a changed subject')


def test_weak_hash():
    "a request signed with SHA-1"
    refused(400, 'signature-algorithm', device.csr(R, KEY, 'PUMP-1', '-sha1'))


def test_small_key():
    "an RSA key of 512 bits, of 1024 and of 2048"
    for bits in (512, 1024, 2048):
        refused(400, 'key-size', rsa.Key(bits).csr('PUMP-1'), f'{bits} bits')


def test_large_key():
    "an RSA key of 16384 bits costs no time, not even with an exponent as large"
    refused(400, 'key-size', rsa.Key(16384).csr('PUMP-1'), '16384 bits')
    request = rsa.Key(16384, (1 << 16000) + 1).csr('PUMP-1')
    begin = time.monotonic()
    with device.Client(R, identity=IDEVID) as client:
        for _ in range(20):
            tap.equal(device.enrol(R, request, client=client).status, 400)
    took = time.monotonic() - begin
    tap.comment(f'20 requests with such a key on one connection: {took:.3f} s')
    if took > 2 * SECONDS:
        raise AssertionError(f'20 requests took {took:.2f} s')


def test_other_keys():
    "keys of algorithms that are not accepted"
    for options in (('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp256k1'),
                    ('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-224'),
                    ('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-pkeyopt',
                     'ec_param_enc:explicit')):
        key = device.new_key(R, 'odd', *options)
        refused(400, 'key-algorithm', device.csr(R, key, 'PUMP-1'), ' '.join(options))
    key = device.new_key(R, 'odd', '-algorithm', 'ED448')
    refused(400, 'signature-algorithm', device.csr(R, key, 'PUMP-1'), 'Ed448')


def test_large_names():
    "a subject and a subjectAltName of more than 4096 bytes"
    units = ''.join(f'/OU={"x" * 60}{n:03}' for n in range(70))
    refused(400, 'csr-subject', device.csr(R, KEY, '', subject=f'/CN=PUMP-1{units}'), 'subject')
    names = ','.join(f'DNS:{"x" * 60}{n:03}.example' for n in range(70))
    refused(400, 'csr-extension', device.csr(R, KEY, 'PUMP-1', '-addext', f'subjectAltName={names}'),
            'subjectAltName')


def test_other_subject():
    "a request for another serial, for none, and for more than a device may have"
    refused(400, 'csr-subject', device.csr(R, KEY, 'PUMP-2'), 'another serial')
    refused(400, 'csr-subject', device.csr(R, KEY, '', subject='/CN=PUMP-1/CN=PUMP-2'), 'two names')
    for extension in ('basicConstraints=CA:TRUE', 'keyUsage=keyCertSign',
                      'extendedKeyUsage=codeSigning', 'extendedKeyUsage=OCSPSigning',
                      'extendedKeyUsage=anyExtendedKeyUsage',
                      '1.2.3.4.5=critical,DER:0500'):
        refused(400, 'csr-extension', device.csr(R, KEY, 'PUMP-1', '-addext', extension), extension)


def test_content_type():
    "wrong content types"
    for wrong in ('text/plain', 'application/pkcs7-mime', 'application/pkcs10x', 'application/json',
                  'application/x-www-form-urlencoded', 'pkcs10', ''):
        refused(415, 'http-content-type', good(), wrong, content_type=wrong)
    answer = device.https(R, f'{device.EST}/simpleenroll', 'POST', base64.b64encode(good()),
                          {}, identity=IDEVID)
    tap.equal((answer.status, answer.code), (415, 'http-content-type'), 'none at all')


def test_method_and_path():
    "wrong methods and paths"
    for method, path, status, code in (
            ('PUT', '/simpleenroll', 405, 'http-method'), ('GET', '/simpleenroll', 405, 'http-method'),
            ('POST', '/cacerts', 405, 'http-method'), ('DELETE', '/cacerts', 405, 'http-method'),
            ('TRACE', '/cacerts', 405, 'http-method'), ('GET', '/serverkeygen', 404, 'http-path'),
            ('GET', '/cacerts/', 404, 'http-path'), ('GET', '/../est/cacerts', 404, 'http-path'),
            ('GET', '/%63acerts', 404, 'http-path'), ('GET', '', 404, 'http-path'),
            ('GET', '/../../../etc/passwd', 404, 'http-path')):
        body = b'' if method in ('POST', 'PUT') else None
        answer = device.https(R, device.EST + path, method, body)
        tap.equal((answer.status, answer.code), (status, code), f'{method} {path}: {answer!r}')
        if status == 405 and not answer.headers['Allow']:
            raise AssertionError(f'{method} {path}: no Allow (RFC 9110 §15.5.6)')


def test_authorization():
    "Authorization headers that are none"
    for wrong in ('', 'Basic', 'Basic !!!!', 'Basic ' + base64.b64encode(b'PUMP-1').decode(),
                  'Basic ' + base64.b64encode(b':x').decode(), 'Bearer abc',
                  'Basic ' + base64.b64encode(b'PUMP-1:a\0b').decode()):
        answer = device.enrol(R, good(), headers={'Authorization': wrong})
        if answer.status not in (400, 401) or answer.code not in ('http-auth-form', 'auth-required'):
            raise AssertionError(f'{wrong!r}: {answer!r}')
    answer = device.enrol(R, good())
    tap.equal((answer.status, answer.code), (401, 'auth-required'), 'no Authorization')
    tap.contains(answer.headers['WWW-Authenticate'], 'Basic')


def large(headers, body, **kw):
    """Sends as much as the server takes; its answer's first bytes."""
    with device.connect(R, identity=IDEVID, **kw) as s:
        s.sendall(f'POST {device.EST}/simpleenroll HTTP/1.1\r\nHost: localhost\r\n'
                  f'Content-Type: {device.CSR_TYPE}\r\n{headers}\r\n'.encode())
        sent = 0
        try:
            while sent < len(body):
                sent += s.send(body[sent:sent + 65536])
        except OSError:
            pass        # it has heard enough
        answer = b''
        try:
            while chunk := s.recv(65536):
                answer += chunk
        except OSError:
            pass
    return answer, sent


def test_large_body():
    "a body of 10 MB, announced with and without waiting, and one that is a lie"
    body = b'A' * BODY_MAX
    for headers in (f'Content-Length: {BODY_MAX}\r\n',
                    f'Content-Length: {BODY_MAX}\r\nExpect: 100-continue\r\n'):
        answer, sent = large(headers, body)
        tap.comment(f'{sent} bytes were sent')
        if not answer.startswith(b'HTTP/1.1 413 '):
            raise AssertionError(f'{headers}: {answer[:300]!r}')
        tap.contains(answer.decode(), 'Medseal-Code: http-body-size\r\n')
    answer, _ = large('Content-Length: 999999999999999999\r\n', b'')
    if not answer.startswith(b'HTTP/1.1 413 '):
        raise AssertionError(repr(answer[:300]))


def test_admin_bodies():
    "the operators' API: no JSON, too much of it, wrong types"
    alice = device.plain_operator(R, 'alice')

    def post(body, kind='application/json', path='/v1/devices'):
        return device.https(R, path, 'POST', body, {'Content-Type': kind}, port=R.admin_port,
                            identity=alice)
    for body in (b'', b'{', b'[]', b'null', b'{"serial":"A-1","product":"p",}', b'\xff\xfe{}',
                 b'{"serial":1,"product":"p"}', b'{"serial":"A-1"}', b'[' * 40000,
                 b'{"serial":"A-1","product":"p"} {}', b'{"serial":"A-1","product":"p","x":1}',
                 b'{"serial":"A-1","serial":"A-2","product":"p"}'):
        answer = post(body)
        if answer.status != 400 or answer.code not in ('json', 'malformed'):
            raise AssertionError(f'{body[:60]!r}: {answer!r}')
    for wrong in ('../x', 'A B', 'A\u0000', '', 'x' * 300, 'A/B', '\u202eA'):
        answer = post(('{"serial":' + json.dumps(wrong) + ',"product":"p"}').encode())
        if answer.status not in (400, 413):
            raise AssertionError(f'{wrong!r}: {answer!r}')
    tap.equal(post(b'{}', 'text/plain').code, 'http-content-type')
    answer = post(b'{"serial":"' + b'A' * 100000 + b'"}')
    tap.equal((answer.status, answer.code), (413, 'http-body-size'))


def test_next_client():
    "after all that nothing was issued, and the next client is served"
    device.serves(R)
    tap.equal(certificates(), [], 'certificates of PUMP-1')
    device.certificate(R, device.enrol(R, good(), identity=IDEVID))
    tap.equal(len(certificates()), 1, 'certificates of PUMP-1')


def test_key_of_another():
    "a key that another device has already"
    device.add(R, 'PUMP-2', 'factory')
    answer = device.enrol(R, device.csr(R, KEY, 'PUMP-2'), identity=FACTORY.idevid('PUMP-2'))
    tap.equal((answer.status, answer.code), (403, 'key-reused'), repr(answer))


def test_end():
    "the log verifies, the server stops, no sanitizer has a report"
    R.end()


if __name__ == '__main__':
    with realm.Realm() as made:
        setup(made)
        tap.main()
