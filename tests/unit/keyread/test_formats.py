"""Every format, as programs that nobody here wrote make it; the keys that come out are theirs."""
import base64
import gzip
import json
import os
import struct

import reading
from reading import path, read, read_file, run
import tap

DER = ('-outform', 'DER')


def spki_of(key):
    """The SubjectPublicKeyInfo, as OpenSSL says it is."""
    return run('openssl', 'pkey', '-in', key, '-pubout', *DER)


def make_key(name, *options):
    run('openssl', 'genpkey', '-out', path(name), *options)
    return path(name)


RSA = make_key('rsa.pem', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048')
EC = make_key('ec.pem', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256')
ED = make_key('ed.pem', '-algorithm', 'ED25519')
ML = make_key('ml.pem', '-algorithm', 'ML-DSA-44')


def certificate(key, subject, *options):
    """PEM, self-signed."""
    return run('openssl', 'req', '-x509', '-key', key, '-subj', subject, '-days', '30', *options)


RSA_CERT = certificate(RSA, '/C=CH/O=Maker/CN=rsa')
EC_CERT = certificate(EC, '/CN=ec')
ED_CERT = certificate(ED, '/CN=ed')


def der(pem):
    return run('openssl', 'x509', *DER, data=pem)


def names(found):
    return [key['name'] for key in found.keys]


def clean(found, *spkis):
    """Exactly these keys, and no flaw."""
    tap.equal([flaw['reason'] for flaw in found.flaws], [])
    tap.equal(found.end['code'], 'ok')
    tap.equal(found.spkis(), list(spkis))


def test_certificates_pem():
    "certificates in PEM, with text around them, at their lines and offsets"
    bundle = b'# roots\n' + RSA_CERT + b'\nnext one:\n' + EC_CERT + ED_CERT
    for pipe in (False, True):
        found = read(bundle, pipe=pipe)
        clean(found, spki_of(RSA), spki_of(EC), spki_of(ED))
        tap.equal(names(found), ['C=CH, O=Maker, CN=rsa', 'CN=ec', 'CN=ed'])
        for key, begin in zip(found.keys, (RSA_CERT, EC_CERT, ED_CERT)):
            tap.equal(key['offset'], bundle.index(begin))
            tap.equal(key['line'], bundle[:key['offset']].count(b'\n') + 1)
        tap.equal([key['record'] for key in found.keys], [1, 2, 3])
        tap.equal([key['form'] for key in found.keys], ['certificate'] * 3)


def test_certificates_der():
    "certificates in DER, one after the other"
    first, second = der(RSA_CERT), der(EC_CERT)
    found = read(first + second)
    clean(found, spki_of(RSA), spki_of(EC))
    tap.equal([key['offset'] for key in found.keys], [0, len(first)])
    tap.equal([key['line'] for key in found.keys], [0, 0])


def test_signatures():
    "ECDSA signatures come with what they sign; an issuer is named unless it is the key itself"
    reading.write('ca.pem', EC_CERT)
    request = run('openssl', 'req', '-new', '-key', RSA, '-subj', '/CN=leaf')
    leaf = run('openssl', 'x509', '-req', '-CA', path('ca.pem'), '-CAkey', EC, '-days', '3',
               data=request)
    own = run('openssl', 'req', '-new', '-key', EC, '-subj', '/CN=own')
    found = read(EC_CERT + leaf + own)
    tap.equal([s['self'] for s in found.signatures], [True, False, True])
    tap.equal(found.signatures[1]['issuer'], found.keys[0]['subject'])
    tap.equal(found.signatures[1]['authority_key_id'], found.keys[0]['subject_key_id'])
    tap.equal(len(found.keys[0]['subject_key_id']), 40)
    reading.write('pub.pem', run('openssl', 'pkey', '-in', EC, '-pubout'))
    for seen in found.signatures:
        reading.write('tbs', bytes.fromhex(seen['tbs']))
        reading.write('sig', bytes.fromhex(seen['sig']))
        tap.contains(run('openssl', 'dgst', '-sha256', '-verify', path('pub.pem'), '-signature',
                         path('sig'), path('tbs')), b'Verified OK')


def test_requests():
    "requests in PEM and DER"
    pem = run('openssl', 'req', '-new', '-key', RSA, '-subj', '/CN=device 7')
    raw = run('openssl', 'req', *DER, data=pem)
    for data in (pem, raw):
        found = read(data)
        clean(found, spki_of(RSA))
        tap.equal(names(found), ['CN=device 7'])
        tap.equal(found.keys[0]['form'], 'request')


def test_pkcs7():
    "PKCS#7 bags of certificates, DER, PEM and with indefinite lengths"
    for name, pem in (('a.pem', RSA_CERT), ('b.pem', EC_CERT)):
        reading.write(name, pem)
    bag = ('openssl', 'crl2pkcs7', '-nocrl', '-certfile', path('a.pem'), '-certfile', path('b.pem'))
    stream = run('openssl', 'cms', '-sign', '-stream', '-nodetach', '-signer', path('a.pem'),
                 '-inkey', RSA, '-certfile', path('b.pem'), *DER, '-binary', data=b'text')
    tap.equal(stream[1], 0x80)
    for data in (run(*bag), run(*bag, *DER), stream):
        found = read(data)
        tap.equal(sorted(found.spkis()), sorted([spki_of(RSA), spki_of(EC)]))
        clean(found, *found.spkis())
        tap.equal(found.keys[0]['form'], 'certificate in PKCS#7')
        tap.equal([key['record'] for key in found.keys], [1, 1])


def test_public_keys():
    "SubjectPublicKeyInfo and RSAPublicKey, PEM and DER"
    for key in (RSA, EC, ED, ML):
        clean(read(run('openssl', 'pkey', '-in', key, '-pubout')), spki_of(key))
        clean(read(spki_of(key)), spki_of(key))
    pkcs1 = ('openssl', 'rsa', '-in', RSA, '-RSAPublicKey_out')
    clean(read(run(*pkcs1)), spki_of(RSA))
    clean(read(run(*pkcs1, *DER)), spki_of(RSA))
    clean(read(run(*pkcs1, *DER) + spki_of(EC)), spki_of(RSA), spki_of(EC))


def test_private_keys():
    "of a private key only the public half comes out, and what hides it is named"
    for options in ((), ('-traditional',)):
        for key in (RSA, EC):
            pem = run('openssl', 'pkey', '-in', key, *options)
            raw = run('openssl', 'pkey', '-in', key, *options, *DER)
            for data in (pem, raw):
                found = read(data)
                clean(found, spki_of(key))
                tap.equal(found.keys[0]['form'], 'public half of a private key')
    run('openssl', 'genpkey', '-genparam', '-algorithm', 'DSA', '-pkeyopt',
        'dsa_paramgen_bits:1024', '-out', path('dsaparam.pem'))
    run('openssl', 'genpkey', '-paramfile', path('dsaparam.pem'), '-out', path('dsa.pem'))
    old = run('openssl', 'pkey', '-in', path('dsa.pem'), '-traditional')
    clean(read(old), spki_of(path('dsa.pem')))
    tap.equal(read(old).keys[0]['bits'], 1024)
    locked = run('openssl', 'pkey', '-in', RSA, '-aes256', '-passout', 'pass:secret')
    old = run('openssl', 'rsa', '-in', RSA, '-aes256', '-passout', 'pass:secret', '-traditional')
    for data in (locked, old, run('openssl', 'pkey', '-in', ED)):
        found = read(data + EC_CERT)
        tap.equal(found.spkis(), [spki_of(EC)])
        tap.equal([flaw['code'] for flaw in found.flaws], ['key-format'])
        tap.contains(found.flaws[0]['reason'], 'private key, not read')


# ---- SSH ----

def ssh_key(kind, *options):
    name = f'ssh-{kind}'
    run('ssh-keygen', '-q', '-t', kind, '-N', '', '-C', f'{kind} of alice', '-f', path(name), *options)
    with open(path(name + '.pub'), encoding='utf-8') as file:
        return path(name), file.read()


def ssh_spki(name):
    """By way of OpenSSH's own export; Ed25519 has none."""
    pem = run('ssh-keygen', '-e', '-m', 'PKCS8', '-f', name)
    return run('openssl', 'pkey', '-pubin', '-pubout', *DER, data=pem)


SSH = {kind: ssh_key(kind, *options) for kind, options in
       (('rsa', ('-b', '2048')), ('ecdsa', ('-b', '384')), ('ed25519', ()))}


def ed25519_spki(line):
    blob = base64.b64decode(line.split()[1])
    return bytes.fromhex('302a300506032b6570032100') + blob[-32:]


def ssh_spkis():
    return [ssh_spki(SSH['rsa'][0]), ssh_spki(SSH['ecdsa'][0]), ed25519_spki(SSH['ed25519'][1])]


def test_ssh_public():
    ".pub files and authorized_keys, with options that have spaces and quotes"
    rsa, ecdsa, ed25519 = (SSH[kind][1] for kind in ('rsa', 'ecdsa', 'ed25519'))
    text = ('# who may\n\n' + rsa + 'command="echo \\"ssh-rsa AAAA\\" ok",no-pty ' + ecdsa
            + 'from="10.0.0.0/8" \t' + ed25519.rstrip('\n'))
    found = read(text)
    clean(found, *ssh_spkis())
    tap.equal(names(found), ['rsa of alice', 'ecdsa of alice', 'ed25519 of alice'])
    tap.equal([key['line'] for key in found.keys], [3, 4, 5])
    tap.equal(found.keys[1]['offset'], text.index('command='))


def test_ssh_known_hosts():
    "known_hosts, plain, hashed and with markers"
    lines = [line.rsplit(' ', 3)[0] for line in (SSH['rsa'][1], SSH['ecdsa'][1], SSH['ed25519'][1])]
    plain = f'gw.example,10.0.0.1 {lines[0]}\n[h]:2222 {lines[1]}\n@revoked * {lines[2]}\n'
    found = read(plain)
    clean(found, *ssh_spkis())
    tap.equal(names(found), ['gw.example,10.0.0.1', '[h]:2222', '*'])
    reading.write('known_hosts', f'gw.example {lines[0]}\nother {lines[1]}\n')
    run('ssh-keygen', '-q', '-H', '-f', path('known_hosts'))
    with open(path('known_hosts'), encoding='utf-8') as file:
        hashed = file.read()
    tap.contains(hashed, '|1|')
    clean(read(hashed), *ssh_spkis()[:2])


def test_ssh_block():
    "RFC 4716 blocks"
    blocks = [run('ssh-keygen', '-e', '-m', 'RFC4716', '-f', SSH[kind][0]).decode()
              for kind in ('rsa', 'ecdsa', 'ed25519')]
    found = read(''.join(blocks))
    clean(found, *ssh_spkis())
    tap.equal(found.keys[1]['line'], blocks[0].count('\n') + 1)
    tap.equal(found.keys[0]['name'].split(',')[0], '2048-bit RSA')
    # forced, and among lines
    clean(read(SSH['rsa'][1] + blocks[1], 'ssh'), *ssh_spkis()[:2])


def test_ssh_certificate():
    "OpenSSH certificates: the key, the authority's key and its signature"
    for kind in ('rsa', 'ecdsa', 'ed25519'):
        run('ssh-keygen', '-q', '-s', SSH['ecdsa'][0], '-I', 'id', '-n', 'alice', SSH[kind][0] + '.pub')
        with open(SSH[kind][0] + '-cert.pub', encoding='utf-8') as file:
            found = read(file.read())
        subject = ssh_spkis()[('rsa', 'ecdsa', 'ed25519').index(kind)]
        clean(found, subject, ssh_spkis()[1])
        tap.equal([key['form'] for key in found.keys],
                  ['SSH certificate', 'authority of an SSH certificate'])
        tap.equal(len(found.signatures), 1)
        reading.write('tbs', bytes.fromhex(found.signatures[0]['tbs']))
        reading.write('sig', bytes.fromhex(found.signatures[0]['sig']))
        reading.write('pub.pem', run('ssh-keygen', '-e', '-m', 'PKCS8', '-f', SSH['ecdsa'][0]))
        run('openssl', 'dgst', '-sha384', '-verify', path('pub.pem'), '-signature', path('sig'),
            path('tbs'))


def ssh_string(data):
    return struct.pack('>I', len(data)) + data


def test_ssh_security_key():
    "keys of security tokens, and DSA"
    point = bytes.fromhex(read(SSH['ed25519'][1]).keys[0]['point'])
    blob = (ssh_string(b'sk-ssh-ed25519@openssh.com') + ssh_string(point) + ssh_string(b'ssh:'))
    line = 'sk-ssh-ed25519@openssh.com ' + base64.b64encode(blob).decode() + ' token\n'
    clean(read(line), ed25519_spki(SSH['ed25519'][1]))
    run('openssl', 'genpkey', '-genparam', '-algorithm', 'DSA', '-pkeyopt',
        'dsa_paramgen_bits:1024', '-out', path('dsaparam.pem'))
    run('openssl', 'genpkey', '-paramfile', path('dsaparam.pem'), '-out', path('dsa.pem'))
    from cryptography.hazmat.primitives import serialization
    with open(path('dsa.pem'), 'rb') as file:
        key = serialization.load_pem_private_key(file.read(), None).public_key()
    line = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    clean(read(line + b' old\n'), spki_of(path('dsa.pem')))


def test_ssh_private():
    "OpenSSH private keys: the public half, locked or not"
    run('ssh-keygen', '-q', '-t', 'ed25519', '-N', 'secret', '-f', path('locked'))
    with open(path('locked.pub'), encoding='utf-8') as file:
        public = file.read()
    for name, spki in ((SSH['rsa'][0], ssh_spkis()[0]), (path('locked'), ed25519_spki(public))):
        with open(name, 'rb') as file:
            clean(read(file.read()), spki)


# ---- JWK ----

def number(n):
    return base64.urlsafe_b64encode(n.to_bytes((n.bit_length() + 7) // 8, 'big')).rstrip(b'=').decode()


def jwk_of(name, kid):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    with open(name, 'rb') as file:
        key = serialization.load_pem_private_key(file.read(), None).public_key()
    if isinstance(key, rsa.RSAPublicKey):
        n = key.public_numbers()
        return {'kty': 'RSA', 'kid': kid, 'n': number(n.n), 'e': number(n.e), 'use': 'sig'}
    if isinstance(key, ec.EllipticCurvePublicKey):
        n = key.public_numbers()
        return {'kty': 'EC', 'crv': 'P-256', 'kid': kid, 'x': number(n.x), 'y': number(n.y)}
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {'kty': 'OKP', 'crv': 'Ed25519', 'kid': kid,
            'x': base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}


def test_jwk():
    "a key, a set, a set a line, a list, a map: RSA, EC and OKP"
    keys = [jwk_of(RSA, 'one "quoted"'), jwk_of(EC, 'two'), jwk_of(ED, 'three')]
    spkis = [spki_of(RSA), spki_of(EC), spki_of(ED)]
    whole = {'keys': keys}
    for text in (json.dumps(whole), json.dumps(whole, indent=2), json.dumps(keys),
                 '\n'.join(json.dumps(key) for key in keys),
                 json.dumps({key['kid']: key for key in keys}),
                 json.dumps({'issuer': 'x', 'jwks': whole})):
        found = read(text)
        clean(found, *spkis)
        tap.equal(names(found), ['one "quoted"', 'two', 'three'])
    text = json.dumps(whole, indent=2)
    found = read(text)
    tap.equal([key['offset'] for key in found.keys],
              [i for i in range(len(text)) if text[i] == '{'][1:])
    tap.equal(found.keys[1]['line'], text[:found.keys[1]['offset']].count('\n') + 1)
    clean(read(json.dumps(keys[0])), spkis[0])


def test_jwk_chain():
    "certificates in x5c; a private key's public half; a symmetric key is named"
    key = jwk_of(RSA, 'k')
    key['x5c'] = [base64.b64encode(der(RSA_CERT)).decode()]
    found = read(json.dumps({'keys': [key]}))
    clean(found, spki_of(RSA), spki_of(RSA))
    tap.equal(found.keys[1]['form'], 'certificate in a JWK')
    private = dict(jwk_of(ED, 'p'), d='c2VjcmV0')
    found = read(json.dumps({'keys': [private, {'kty': 'oct', 'k': 'AAAA'}, jwk_of(EC, 'e')]}))
    tap.equal(found.spkis(), [spki_of(ED), spki_of(EC)])
    tap.equal(found.keys[0]['form'], 'public half of a private JWK')
    tap.equal([flaw['code'] for flaw in found.flaws], ['key-format'])


# ---- OpenPGP ----

GPG_HOME = path('gnupg')
os.mkdir(GPG_HOME, 0o700)
GPG = ('gpg', '--homedir', GPG_HOME, '--batch', '--quiet', '--pinentry-mode', 'loopback',
       '--passphrase', '', '--faked-system-time', '20250101T000000!')


def gpg_keys():
    """uid -> (algorithm of the key, algorithm of its subkey)"""
    made = {'Alice <alice@example>': ('rsa2048', 'rsa2048'), 'Bob <bob@example>': ('ed25519', 'cv25519'),
            'Carol': ('nistp256', 'nistp256'), 'Dave': ('dsa1024', 'elg1024')}
    for uid, (key, sub) in made.items():
        run(*GPG, '--quick-gen-key', uid, key, 'sign', 'never')
        out = run(*GPG, '--with-colons', '--list-keys', uid).decode()
        fingerprint = [line.split(':')[9] for line in out.splitlines() if line.startswith('fpr')][0]
        run(*GPG, '--quick-add-key', fingerprint, sub, 'encr', 'never')
    return made


MADE = gpg_keys()


def gpg_moduli():
    """The moduli and points that gpg itself lists."""
    rows = run(*GPG, '--with-colons', '--with-key-data', '--list-keys').decode().splitlines()
    return [row.split(':')[3] for row in rows if row.startswith('pkd:')]


def test_openpgp():
    "keys and subkeys that gpg makes, binary and armoured; a user id is the name"
    binary, armoured = run(*GPG, '--export'), run(*GPG, '--armor', '--export')
    kinds = ['RSA', 'RSA', 'Ed25519', 'X25519', 'EC', 'EC', 'DSA', 'other']
    found = read(binary)
    clean(found, *found.spkis())
    tap.equal([key['kind'] for key in found.keys], kinds)
    tap.equal(names(found), [uid for uid in MADE for _ in range(2)])
    tap.equal([key['form'] for key in found.keys], ['OpenPGP key', 'OpenPGP subkey'] * 4)
    tap.equal([key['bits'] for key in found.keys], [2048, 2048, 255, 255, 256, 256, 1024, 0])
    again = read(b'some text\n\n' + armoured)
    clean(again, *found.spkis())
    tap.equal(names(again), names(found))
    # the line on which the packet begins
    start = armoured.index(b'\n\n') + 2
    for key, plain in zip(again.keys, found.keys):
        line = plain['offset'] // 48
        tap.equal(key['offset'], len(b'some text\n\n') + start + line * 65)
        tap.equal(key['line'], (b'some text\n\n' + armoured[:start]).count(b'\n') + 1 + line)


def test_openpgp_numbers():
    "the numbers are those that gpg lists"
    listed = ''.join(gpg_moduli()).upper()
    found = read(run(*GPG, '--export'))
    for key in found.keys:
        if key['kind'] == 'RSA':
            tap.contains(listed, key['modulus'].upper())
        elif key['kind'] != 'other' and key['kind'] != 'DSA':
            tap.contains(listed, key['point'].upper())


def test_openpgp_secret():
    "of secret keys only the public halves come out"
    public = read(run(*GPG, '--export'))
    for data in (run(*GPG, '--export-secret-keys'), run(*GPG, '--armor', '--export-secret-keys')):
        found = read(data)
        clean(found, *public.spkis())
        tap.equal({key['form'] for key in found.keys}, {'public half of an OpenPGP secret key'})


def new_packet(tag, body, partial=False):
    head = bytes([0xc0 | tag])
    if partial:
        return head + bytes([0xe0 + 6]) + body[:64] + b'\xff' + struct.pack('>I', len(body) - 64) + body[64:]
    if len(body) < 192:
        return head + bytes([len(body)]) + body
    if len(body) < 8384:
        n = len(body) - 192
        return head + bytes([192 + (n >> 8), n & 255]) + body
    return head + b'\xff' + struct.pack('>I', len(body)) + body


def test_openpgp_versions():
    "version 3, 4 and 6 keys; old and new headers; partial lengths; the algorithms of RFC 9580"
    raw = bytes.fromhex(read(run('openssl', 'pkey', '-in', ED, '-pubout')).keys[0]['point'])
    n = int(read(run('openssl', 'pkey', '-in', RSA, '-pubout')).keys[0]['modulus'], 16)
    mpi = lambda x: struct.pack('>H', x.bit_length()) + x.to_bytes((x.bit_length() + 7) // 8, 'big')
    rsa = mpi(n) + mpi(65537)
    time = struct.pack('>I', 1735689600)
    v3 = b'\x03' + time + b'\x00\x00\x01' + rsa
    v4 = b'\x04' + time + b'\x01' + rsa
    v6 = b'\x06' + time + b'\x1b' + struct.pack('>I', 32) + raw
    uid = new_packet(13, b'uid')
    old = bytes([0x80 | 6 << 2 | 1]) + struct.pack('>H', len(v3)) + v3
    data = old + uid + new_packet(6, v4) + uid + new_packet(6, v4, partial=True) + uid \
        + new_packet(6, v6) + uid
    found = read(data)
    clean(found, spki_of(RSA), spki_of(RSA), spki_of(RSA), spki_of(ED))
    tap.equal(names(found), ['uid'] * 4)
    # RFC 9580's Ed25519 in a key of version 4
    clean(read(new_packet(6, b'\x04' + time + b'\x1b' + raw) + uid), spki_of(ED))


def gpg_count(name):
    out = run('gpg', '--homedir', GPG_HOME, '--batch', '--show-keys', '--with-colons', name)
    out = out.decode('utf-8', 'replace')
    rows = [line.split(':') for line in out.splitlines()]
    return sorted((row[0], int(row[2])) for row in rows if row[0] in ('pub', 'sub') and row[3] == '1')


def test_keyrings():
    "the keyrings of Debian and Ubuntu: as many RSA keys, of the same sizes, as gpg counts"
    folder = '/usr/share/keyrings'
    rings = [name for name in os.listdir(folder) if name.endswith('.gpg')]
    if len(rings) < 10:
        tap.skip('debian-keyring is not installed')
    total = 0
    for name in sorted(rings):
        found = read_file(os.path.join(folder, name))
        tap.equal(found.flaws, [])
        got = sorted(('sub' if key['form'] == 'OpenPGP subkey' else 'pub', key['bits'])
                     for key in found.keys if key['kind'] == 'RSA')
        tap.equal(got, gpg_count(os.path.join(folder, name)), name)
        total += len(got)
    tap.comment(f'{total} RSA keys in {len(rings)} keyrings')


# ---- moduli as text ----

def modulus(name):
    return read(run('openssl', 'pkey', '-in', name, '-pubout')).keys[0]['modulus']


def test_csv():
    "hexadecimal moduli: bare, with 0x, in a column, from openssl -modulus"
    n = modulus(RSA)
    small = 'c5' * 32
    for text, line in ((f'# moduli\n\n{n}\n0x{small}\n', 3), (f'{n.upper()}\r\n{small}\r\n', 1),
                       (f'id,bits,modulus\n1,2048,{n}\n2,256,0X{small}\n', 2),
                       (f'7;2025-01-01;"{n}"\n8;2025-01-02;"{small}"\n', 1),
                       (f'e,n\n10001,{n}\n3,{small}\n', 2),
                       (f'Modulus={n}\nModulus={small}', 1)):
        found = read(text)
        tap.equal(found.flaws, [])
        tap.equal([key['modulus'] for key in found.keys], [n, small])
        tap.equal([key['exponent'] for key in found.keys], ['', ''])
        tap.equal([key['line'] for key in found.keys], [line, line + 1])
    found = read('sha512,modulus\n' + f'{"ab" * 64},{small}\n')
    tap.equal([key['modulus'] for key in found.keys], [small])


def test_byte_order_mark():
    "a byte order mark before text"
    mark = b'\xef\xbb\xbf'
    for data in (RSA_CERT, SSH['rsa'][1].encode(), (modulus(RSA) + '\n').encode(),
                 json.dumps(jwk_of(RSA, 'k')).encode()):
        found = read(mark + data)
        tap.equal([(key['bits'], key['offset'], key['line']) for key in found.keys], [(2048, 3, 1)])
        tap.equal(found.flaws, [])


def test_csv_forced():
    "told so, any number is a modulus: 0, 1, even ones, an odd number of digits"
    found = read('0\n1\n3\n10\nabc\n', 'csv-hex')
    tap.equal([key['modulus'] for key in found.keys], ['', '01', '03', '10', '0abc'])
    tap.equal(found.flaws, [])
    found = read('zz\n-5\n' + modulus(RSA) + '\n', 'csv-hex')
    tap.equal([(flaw['code'], flaw['line']) for flaw in found.flaws],
              [('malformed', 1), ('malformed', 2)])
    tap.equal(len(found.keys), 1)


# ---- certificate transparency ----

def opaque24(data):
    return struct.pack('>I', len(data))[1:] + data


def leaf_of(cert, tbs=None):
    head = struct.pack('>BBQ', 0, 0, 1735689600000)
    if tbs is None:
        return head + b'\0\0' + opaque24(cert) + b'\0\0'
    return head + b'\0\1' + bytes(32) + opaque24(tbs) + b'\0\0'


def chain_of(*certs):
    return opaque24(b''.join(opaque24(cert) for cert in certs))


def tbs_of(cert):
    from cryptography import x509
    return x509.load_der_x509_certificate(cert).tbs_certificate_bytes


def entry(leaf, extra):
    return {'leaf_input': base64.b64encode(leaf).decode(), 'extra_data': base64.b64encode(extra).decode()}


def test_ct_json():
    "get-entries: certificates, precertificates and chains; an issuer once a file"
    rsa, ec, ed = der(RSA_CERT), der(EC_CERT), der(ED_CERT)
    entries = [entry(leaf_of(rsa), chain_of(ec)),
               entry(leaf_of(None, tbs_of(ed)), opaque24(ed) + chain_of(ec, rsa)),
               entry(leaf_of(None, tbs_of(rsa)), opaque24(rsa) + chain_of(ec))]
    want = [('certificate in a CT log', spki_of(RSA)), ('certificate in a CT chain', spki_of(EC)),
            ('precertificate', spki_of(ED)), ('certificate in a CT chain', spki_of(RSA)),
            ('precertificate', spki_of(RSA))]
    for text in (json.dumps({'entries': entries}), json.dumps({'entries': entries}, indent=1),
                 '\n'.join(json.dumps({'entries': [one]}) for one in entries)):
        found = read(text)
        clean(found, *(spki for _, spki in want))
        tap.equal([key['form'] for key in found.keys], [form for form, _ in want])
        tap.equal([key['record'] for key in found.keys], [1, 1, 2, 2, 3])


def tile_leaf(cert, precert=None):
    leaf = leaf_of(cert if precert is None else None, None if precert is None else cert)[2:]
    return leaf + (opaque24(precert) if precert is not None else b'') + struct.pack('>H', 64) + bytes(64)


def test_ct_tile():
    "data tiles, plain and gzip"
    rsa, ec, ed = der(RSA_CERT), der(EC_CERT), der(ED_CERT)
    leaves = [tile_leaf(rsa), tile_leaf(tbs_of(ec), ec), tile_leaf(ed)]
    tile = b''.join(leaves)
    for data in (tile, gzip.compress(tile), gzip.compress(leaves[0]) + gzip.compress(tile[len(leaves[0]):])):
        found = read(data)
        clean(found, spki_of(RSA), spki_of(EC), spki_of(ED))
        tap.equal([key['offset'] for key in found.keys],
                  [0, len(leaves[0]), len(leaves[0]) + len(leaves[1])])
        tap.equal([key['form'] for key in found.keys],
                  ['certificate in a CT log', 'precertificate', 'certificate in a CT log'])


def test_gzip():
    "any format may be packed; a packed file that is cut gives what it held"
    bundle = RSA_CERT + EC_CERT
    clean(read(gzip.compress(bundle)), spki_of(RSA), spki_of(EC))
    clean(read(gzip.compress(bundle) + bytes(512)), spki_of(RSA), spki_of(EC))
    packed = gzip.compress(bundle * 50)
    found = read(packed[:len(packed) - 20])
    tap.equal(found.flaws[-1]['form'], 'gzip')
    tap.contains(found.flaws[-1]['reason'], 'gzip')
    tap.equal(len(found.keys) >= 1, True)


tap.main()
