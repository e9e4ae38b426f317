"""What a worker does between TLS and the keeper: channel binding, large bodies, its own limits."""
import base64
import hashlib
import ssl

import device
import realm
import tap

R = None
FACTORY = None
TLS12 = (ssl.TLSVersion.TLSv1_2,) * 2


def setup(r):
    global R, FACTORY
    R = r
    r.start()
    FACTORY = device.Factory(r)


def bound_csr(name, binding):
    """A request whose challengePassword is this text (RFC 7030 section 3.5)."""
    config = R.write(f'{name}.cnf', '[req]\nprompt=no\ndistinguished_name=dn\nattributes=at\n'
                     f'[dn]\nCN={name}\n[at]\nchallengePassword={binding}\n')
    return device.openssl('req', '-new', '-config', config, '-key', device.new_key(R, name),
                          '-outform', 'DER')


def post(sock, request):
    """One enrolment on a connection; status and refusal's name."""
    body = base64.encodebytes(request)
    sock.sendall(b'POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: localhost\r\n'
                 b'Content-Type: application/pkcs10\r\nContent-Length: %d\r\n'
                 b'Connection: close\r\n\r\n' % len(body) + body)
    text = b''
    while True:
        part = sock.recv(65536)
        if not part:
            break
        text += part
    head = text.split(b'\r\n\r\n')[0].decode().split('\r\n')
    code = [line.split(': ')[1] for line in head if line.startswith('Medseal-Code: ')]
    return int(head[0].split()[1]), code[0] if code else None


def test_tls_unique():
    "a request bound to its own TLS 1.2 connection is accepted"
    device.add(R, 'B-1', 'factory')
    with device.connect(R, R.compat_port, FACTORY.idevid('B-1'), versions=TLS12) as s:
        binding = base64.b64encode(s.get_channel_binding('tls-unique')).decode()
        tap.equal(post(s, bound_csr('B-1', binding)), (200, None))


def test_other_connection():
    "a request bound to another connection is refused: somebody stands between"
    device.add(R, 'B-2', 'factory')
    identity = FACTORY.idevid('B-2')
    with device.connect(R, R.compat_port, identity, versions=TLS12) as other:
        binding = base64.b64encode(other.get_channel_binding('tls-unique')).decode()
    request = bound_csr('B-2', binding)
    with device.connect(R, R.compat_port, identity, versions=TLS12) as s:
        tap.equal(post(s, request), (400, 'csr-channel-binding'))
    with device.connect(R, R.est_port, identity) as s:      # TLS 1.3 has another binding
        tap.equal(post(s, request), (400, 'csr-channel-binding'))


def test_image():
    "an image of 10 MB passes through a worker whole"
    image = hashlib.shake_128(b'image').digest(10_000_000)
    cert, key = device.operator(R, 'alice')
    with open(f'{R.secrets}/alice', encoding='ascii') as f:
        password = f.read().strip()
    with device.Client(R, R.admin_port, (cert, key), password=password) as client:
        headers = {'Content-Type': 'application/octet-stream'}
        answer = client.request('/v1/images', 'POST', image, headers)
        tap.equal((answer.status, answer.code), (201, None), repr(answer))
        tap.contains(answer.body.decode(), hashlib.sha256(image).hexdigest())
        again = client.request('/v1/status')        # the connection is still in step
        tap.equal(again.status, 200)


def test_image_of_a_stranger():
    "the image of a client that is no operator is not read"
    # A device's maker signs its own identity; behind this listener it is nobody.
    answer = device.https(R, '/v1/images', 'POST', b'x' * 100_000,
                          {'Content-Type': 'application/octet-stream'}, port=R.admin_port,
                          identity=FACTORY.idevid('B-3'))
    tap.equal((answer.status, answer.code), (403, 'peer-untrusted'))
    tap.equal(answer.headers['Connection'], 'close')


def test_descriptors():
    "without room for its connections it does not start: sandbox, 70, and says what to raise"
    tap.equal(R.stop(), 0)
    offset = R.log_size()
    as_user = R.as_user
    R.as_user = [*as_user, 'prlimit', '--nofile=1024:1024']
    try:
        R.start(wait=False)
        tap.equal(R.server.wait(realm.START_SECONDS), 70)
        tap.contains(R.log(offset), 'code=sandbox object=RLIMIT_NOFILE')
    finally:
        R.as_user = as_user
        R.server = None
    R.start()


def test_end():
    "the next client is served, the log verifies, the server stops, no sanitizer has a report"
    device.serves(R)
    R.end()


if __name__ == '__main__':
    with realm.Realm() as made:
        setup(made)
        tap.main()
