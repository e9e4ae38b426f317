"""Damaged inputs: each fault is named with its place, and what stands behind it is read."""
import base64
import gzip
import json
import os
import resource
import struct
import subprocess

import reading
from reading import path, read, run
import tap

DER = ('-outform', 'DER')
RECORD_MAX = 1 << 24


def cert_of(subject, *options):
    run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
        '-keyout', path('key'), '-subj', subject, '-days', '9', '-out', path('cert'), *options)
    with open(path('cert'), 'rb') as file:
        return file.read()


PEM = [cert_of(f'/CN=number {i}') for i in range(4)]
RAW = [run('openssl', 'x509', *DER, data=pem) for pem in PEM]
SPKI = [read(pem).spkis()[0] for pem in PEM]


def length(n):
    if n < 0x80:
        return bytes([n])
    size = (n.bit_length() + 7) // 8
    return bytes([0x80 | size]) + n.to_bytes(size, 'big')


def tlv(tag, *parts):
    body = b''.join(parts)
    return bytes([tag]) + length(len(body)) + body


def integer(octets):
    return tlv(2, octets)


def flaws(found):
    return [(flaw['code'], flaw['offset'], flaw['line']) for flaw in found.flaws]


# ---- PEM ----

def test_pem_cut_in_the_middle():
    "a bundle that lost the end of a block: that block is named, the next is read"
    lines = PEM[1].splitlines(keepends=True)
    for cut in (b''.join(lines[:4]), b''.join(lines[:4])[:-30]):
        data = PEM[0] + cut + PEM[2]
        found = read(data)
        tap.equal(found.spkis(), [SPKI[0], SPKI[2]])
        start = len(PEM[0])
        tap.equal(flaws(found), [('truncated', start, data[:start].count(b'\n') + 1)])
        tap.equal([key['record'] for key in found.keys], [1, 3])
        tap.equal(found.keys[1]['offset'], start + len(cut))


def test_pem_cut_at_the_end():
    "the end of the input inside a block"
    found = read(PEM[0] + PEM[1][:300])
    tap.equal(found.spkis(), [SPKI[0]])
    tap.equal(flaws(found), [('truncated', len(PEM[0]), PEM[0].count(b'\n') + 1)])


def test_pem_garbage():
    "a character that is no base64: its byte and line are told"
    at = 200
    bad = PEM[0][:at] + b'\x01' + PEM[0][at + 1:]
    found = read(b'# two\n' + bad + PEM[1])
    tap.equal(found.spkis(), [SPKI[1]])
    tap.equal(flaws(found), [('base64', 6, 2)])
    line = (b'# two\n' + bad[:at]).count(b'\n') + 1
    tap.contains(found.flaws[0]['reason'], f'character 0x01 at byte {6 + at}, line {line}')


def test_pem_too_long():
    "a block longer than a record may be does not stop the next"
    head = b'-----BEGIN CERTIFICATE-----\n'
    data = head + (b'A' * 76 + b'\n') * (RECORD_MAX // 77 + 1000) + PEM[1]
    found = read(data)
    tap.equal(flaws(found), [('limit', 0, 1)])
    tap.equal(found.spkis(), [SPKI[1]])
    tap.equal(found.keys[0]['line'], data.count(b'\n') - PEM[1].count(b'\n') + 1)


def test_pem_nothing_in_it():
    "a block that holds no key is named; blocks that are known to hold none are not"
    found = read(b'-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
                 b'-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n' + PEM[0])
    tap.equal(found.spkis(), [SPKI[0]])
    tap.equal([flaw['record'] for flaw in found.flaws], [1])


def test_private_key_is_not_kept():
    "a private key without its public half is named, and nothing of it comes out"
    secret = run('openssl', 'genpkey', '-algorithm', 'X25519')
    found = read(PEM[0] + secret)
    tap.equal([flaw['code'] for flaw in found.flaws], ['key-format'])
    tap.contains(found.flaws[0]['reason'], 'private key, not read')


# ---- DER ----

def test_der_too_long_lengths():
    "lengths that lie, one byte and 4 GiB too long: the next object is found"
    for lie in (b'\x30\x84\xff\xff\xff\xf0', b'\x30\x82\xff\xff', b'\x30\x83\x20\x00\x00'):
        bad = lie + RAW[1][4:]
        found = read(RAW[0] + bad + RAW[2])
        tap.equal([spki for spki in found.spkis() if spki != SPKI[1]], [SPKI[0], SPKI[2]])
        tap.equal(found.flaws[0]['offset'], len(RAW[0]))
        tap.equal(found.flaws[0]['code'] in ('limit', 'truncated', 'malformed'), True)
        # the key inside the damaged one is found by its own header
        tap.equal(SPKI[1] in found.spkis(), True)


def test_der_too_short_length():
    "a length that is too short"
    body = RAW[1][4:]
    bad = b'\x30\x82' + struct.pack('>H', len(body) - 40) + body
    found = read(RAW[0] + bad + RAW[2])
    tap.equal([found.spkis()[0], found.spkis()[-1]], [SPKI[0], SPKI[2]])
    tap.equal(SPKI[1] in found.spkis(), True)
    tap.equal(found.flaws[0]['offset'], len(RAW[0]))


def test_der_cut():
    "a certificate cut in the middle of others; its key is salvaged once"
    behind_key = RAW[1].index(SPKI[1]) + len(SPKI[1]) + 10
    for keep, salvaged in ((behind_key, True), (60, False)):
        found = read(RAW[0] + RAW[1][:keep] + RAW[2] + RAW[3])
        want = [SPKI[0]] + ([SPKI[1]] if salvaged else []) + [SPKI[2], SPKI[3]]
        tap.equal(found.spkis(), want)
        tap.equal(found.keys[-1]['offset'], len(RAW[0]) + keep + len(RAW[2]))
        tap.equal([flaw['offset'] for flaw in found.flaws], [len(RAW[0])])
    # cut inside the signature: it seems whole, with the beginning of the next one in it
    found = read(RAW[0] + RAW[1][:-20] + RAW[2] + RAW[3])
    tap.equal(found.spkis(), SPKI)
    tap.equal([flaw['offset'] for flaw in found.flaws], [len(RAW[0]) + len(RAW[1])])


def test_der_noise():
    "noise between certificates"
    noise = bytes((i * 37 + 11) & 0xff for i in range(5000))
    found = read(RAW[0] + noise + RAW[1])
    tap.equal(found.spkis(), [SPKI[0], SPKI[1]])
    tap.equal([flaw['offset'] for flaw in found.flaws], [len(RAW[0])])
    tap.equal(found.keys[1]['offset'], len(RAW[0]) + len(noise))


def test_der_laxness():
    "lengths in longer forms, as BER allows: the key is that of the certificate, in DER"
    outer = RAW[0][4:]
    tbs_size = struct.unpack('>H', outer[2:4])[0]
    tbs, rest = outer[4:4 + tbs_size], outer[4 + tbs_size:]
    lax = b'\x30\x84' + struct.pack('>I', len(tbs)) + tbs + rest
    found = read(b'\x30\x83' + struct.pack('>I', len(lax))[1:] + lax + RAW[1])
    tap.equal(found.flaws, [])
    tap.equal(found.spkis(), SPKI[:2])
    spki = SPKI[2]
    lax_spki = b'\x30\x81' + spki[1:]
    tap.equal(read(lax_spki).spkis(), [spki])


def rsa_spki(n, e=b'\x01\x00\x01'):
    algorithm = bytes.fromhex('300d06092a864886f70d0101010500')
    return tlv(0x30, algorithm, tlv(3, b'\0', tlv(0x30, integer(n), integer(e))))


def test_numbers():
    "a negative modulus is read as unsigned and marked; 0, 1 and even ones are keys"
    big = bytes([0xc5]) + bytes(range(1, 128))
    found = read(rsa_spki(big) + rsa_spki(b'\0' + big) + rsa_spki(b'\0') + rsa_spki(b'\1')
                 + rsa_spki(b'\x40' + bytes(63)))
    tap.equal(found.flaws, [])
    tap.equal([key['negative'] for key in found.keys], [True, False, False, False, False])
    tap.equal([key['modulus'] for key in found.keys],
              [big.hex(), big.hex(), '', '01', '40' + 63 * '00'])
    # in a certificate, and in RSAPublicKey
    cert = RAW[0].replace(SPKI[0], b'')
    tap.equal(cert == RAW[0], False)
    info = tlv(0x30, b'\xa0\x03\x02\x01\x02', integer(b'\1'), tlv(0x30, b'\x06\x01\x2a'),
               tlv(0x30), tlv(0x30), tlv(0x30), rsa_spki(big))
    found = read(tlv(0x30, info, tlv(0x30, b'\x06\x01\x2a'), tlv(3, b'\0\0')))
    tap.equal([(key['negative'], key['modulus']) for key in found.keys], [(True, big.hex())])
    found = read(tlv(0x30, integer(big), integer(b'\3')))
    tap.equal([(key['negative'], key['modulus'], key['exponent']) for key in found.keys],
              [(True, big.hex(), '03')])


def pem(label, der):
    body = base64.encodebytes(der).decode()
    return f'-----BEGIN {label}-----\n{body}-----END {label}-----\n'


def ssh_string(data):
    return struct.pack('>I', len(data)) + data


def test_a_million_bits():
    "a modulus of 1,000,000 bits in every format; more than 2^20 is a flaw"
    n = b'\x7f' + b'\xa5' * 124999
    wide = b'\x7f' + b'\xa5' * ((1 << 20) // 8 + 10)

    def url(data):
        return base64.urlsafe_b64encode(data).rstrip(b'=').decode()

    def inputs(n):
        ssh = ssh_string(b'ssh-rsa') + ssh_string(b'\1\0\1') + ssh_string(n)
        return [tlv(0x30, integer(n), integer(b'\3')), rsa_spki(n), pem('PUBLIC KEY', rsa_spki(n)).encode(),
                json.dumps({'kty': 'RSA', 'n': url(n), 'e': 'AQAB'}).encode(),
                b'ssh-rsa ' + base64.b64encode(ssh) + b' huge\n', n.hex().encode() + b'\n']
    for data in inputs(n):
        found = read(data)
        tap.equal(found.flaws, [])
        tap.equal([(key['bits'], key['modulus'] == n.hex()) for key in found.keys], [(999999, True)])
    for data in inputs(wide):
        found = read(data)
        tap.equal(found.keys, [])
        tap.equal([flaw['code'] for flaw in found.flaws][:1], ['limit'])


# ---- lines ----

def test_ssh_lines():
    "lines that cannot be read are named with line and column, and the others are read"
    run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', path('id'))
    with open(path('id.pub'), encoding='utf-8') as file:
        good = file.read()
    kind, blob, _ = good.split(' ', 2)
    bad = [f'{kind} {blob[:20]}!{blob[21:]} x\n', f'{kind} {blob[:40]} cut\n', f'ssh-new {blob} y\n',
           'ssh-unknown ' + base64.b64encode(ssh_string(b'ssh-unknown') + bytes(40)).decode() + '\n',
           'no key at all\n', f'{kind} {base64.b64encode(base64.b64decode(blob) + b"z").decode()} long\n']
    found = read(good + ''.join(bad) + good)
    tap.equal([flaw['line'] for flaw in found.flaws], [2, 3, 5, 6, 7])
    tap.equal([flaw['code'] for flaw in found.flaws],
              ['base64', 'truncated', 'key-algorithm', 'malformed', 'trailing-bytes'])
    tap.contains(found.flaws[0]['reason'], 'column 33')
    # the type of line 4 lies, its blob does not; line 7 holds a whole key
    tap.equal([key['line'] for key in found.keys], [1, 4, 7, 8])


def test_long_lines():
    "lines longer than a record may be"
    good = 'c5' * 64
    for form, head in (('csv-hex', b''), ('ssh', b'ssh-rsa AAAA')):
        data = head + b'a' * (2 * RECORD_MAX) + b'\n'
        tail = f'{good}\n'.encode() if form == 'csv-hex' else b'ssh-rsa AAAA x\n'
        found = read(data + tail, form)
        tap.equal(flaws(found)[0], ('limit', 0, 1))
        last = (found.keys + found.flaws)[0 if form == 'csv-hex' else -1]
        tap.equal((last['offset'], last['line']), (len(data), 2))


# ---- JSON ----

def jwk(i):
    return {'kty': 'OKP', 'crv': 'Ed25519', 'kid': str(i), 'x': base64.b64encode(bytes([i]) * 32).decode()}


def test_json():
    "damaged objects in a set: the others are read"
    texts = [json.dumps(jwk(i)) for i in range(4)]
    lost_quote = texts[1].replace('"kid": "1"', '"kid": "1')
    lost_brace = texts[1][:-1]
    wrong = texts[1].replace('"Ed25519"', '"Ed9"')
    for bad in (lost_quote, lost_brace, wrong, texts[1].replace('"x"', '"q"'), texts[1].replace('"x": "', '"x": "*')):
        for sep in (',', ',\n'):
            text = '{"keys": [' + sep.join([texts[0], bad, texts[2], texts[3]]) + ']}'
            found = read(text)
            names = [key['name'] for key in found.keys]
            tap.equal([name for name in names if name != '1'], ['0', '2', '3'], bad)
            tap.equal(len(found.flaws) >= 1, True)
            tap.equal(found.flaws[0]['offset'], text.index(bad))


def test_json_cut():
    "an answer that ends too early"
    text = json.dumps({'keys': [jwk(1), jwk(2)]})
    found = read(text[:-20])
    tap.equal([key['name'] for key in found.keys], ['1'])
    tap.equal(flaws(found), [('truncated', text.rindex('{'), 1)])


def test_json_cut_between():
    "a list that ends early is not whole, wherever between its objects"
    text = json.dumps({'keys': [jwk(1), jwk(2)], 'a': '[[', 'b': [[]]})
    tap.equal(flaws(read(text)), [])
    for end in text.index('{', 1), text.rindex('{"'), text.index(']') + 1:
        found = read(text[:end])
        tap.equal([code for code, _, _ in flaws(found)], ['truncated'], text[:end][-20:])
    tap.equal([code for code, _, _ in flaws(read('{"keys":[', 'jwk'))], ['truncated'])


def test_json_too_large():
    "an object over the limit, and objects too deep inside each other"
    big = dict(jwk(1), note='z' * (1 << 21))
    found = read(json.dumps({'keys': [jwk(0), big, jwk(2)]}))
    tap.equal([key['name'] for key in found.keys], ['0', '2'])
    tap.equal([flaw['code'] for flaw in found.flaws], ['limit'])
    found = read('{"a":' * 40 + json.dumps(jwk(3)) + '}' * 40)
    tap.equal([key['name'] for key in found.keys], ['3'])
    tap.equal(found.flaws[0]['code'], 'limit')


# ---- OpenPGP ----

def packet(tag, body):
    return bytes([0xc0 | tag, 0xff]) + struct.pack('>I', len(body)) + body


def pgp_key(i):
    n = bytes([0xc5]) + bytes([i]) * 127
    body = b'\x04' + bytes(4) + b'\x01' + struct.pack('>H', 1024) + n + b'\x00\x11\x01\x00\x01'
    return packet(6, body)


def pgp_cert(i):
    return pgp_key(i) + packet(13, b'user %d' % i) + packet(2, b'\x04' + bytes(70))


def test_openpgp():
    "packets with lengths that lie, bytes lost and added: the next key is found"
    certs = [pgp_cert(i) for i in range(1, 5)]
    start = len(certs[0])
    lie = certs[1][:2] + struct.pack('>I', 5000) + certs[1][6:]
    huge = certs[1][:2] + b'\xff\xff\xff\xff' + certs[1][6:]
    for bad in (lie, huge, certs[1][:60], certs[1][:20] + certs[1][30:], b'\x01\x02\x03' + certs[1]):
        found = read(certs[0] + bad + certs[2] + certs[3])
        names = [key['name'] for key in found.keys]
        tap.equal([name for name in names if name not in ('user 2', '')], ['user 1', 'user 3', 'user 4'])
        tap.equal(len(found.flaws) >= 1, True)
        # noise is told at the packet before it, whose length may be what lies
        tap.equal(found.flaws[0]['offset'], start if bad[0] >= 0x80 else start - len(packet(2, bytes(71))))
    unknown = packet(6, b'\x04' + bytes(4) + b'\x63' + bytes(40))
    found = read(certs[0] + unknown + certs[1])
    tap.equal([flaw['code'] for flaw in found.flaws], ['key-algorithm'])
    tap.equal([key['name'] for key in found.keys], ['user 1', 'user 2'])


def armour(data):
    body = base64.b64encode(data).decode()
    lines = [body[i:i + 64] for i in range(0, len(body), 64)]
    return ('-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\n' + '\n'.join(lines)
            + '\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n')


def test_openpgp_armour():
    "armour: a bad character costs the packet it is in; blocks without an end"
    text = armour(pgp_cert(1) + pgp_cert(2) + pgp_cert(3))
    lines = text.split('\n')
    lines[7] = lines[7][:5] + '*' + lines[7][6:]
    found = read('\n'.join(lines))
    tap.equal(found.flaws[0]['line'], 8)
    tap.equal([key['name'] for key in found.keys if key['name'] != 'user 2'], ['user 1', 'user 3'])
    cut = '\n'.join(text.split('\n')[:-6])
    found = read(cut + '\n' + armour(pgp_cert(4)))
    tap.equal('truncated' in [flaw['code'] for flaw in found.flaws], True)
    tap.equal(found.keys[-1]['name'], 'user 4')


# ---- CT ----

def opaque24(data):
    return struct.pack('>I', len(data))[1:] + data


def tile_leaf(cert):
    return struct.pack('>QH', 1735689600000, 0) + opaque24(cert) + b'\0\0' + struct.pack('>H', 32) + bytes(32)


def test_tile():
    "a tile with an entry cut, and one with a damaged certificate"
    leaves = [tile_leaf(cert) for cert in RAW]
    bad_cert = RAW[1][:30] + b'\xff' * 60 + RAW[1][90:]
    for bad in (leaves[1][:-50], leaves[1][5:], tile_leaf(bad_cert)):
        found = read(leaves[0] + bad + leaves[2] + leaves[3])
        tap.equal(found.spkis()[-1:], SPKI[3:])
        tap.equal(found.spkis()[0], SPKI[0])
        tap.equal(len(found.flaws) >= 1, True)
        if bad != leaves[1][:-50]:
            tap.equal(SPKI[2] in found.spkis(), True)
            tap.equal(found.flaws[0]['offset'], len(leaves[0]))


def test_entries():
    "get-entries: without extra_data, with a damaged leaf"
    leaf = struct.pack('>BBQH', 0, 0, 1735689600000, 0) + opaque24(RAW[0]) + b'\0\0'

    def entry(leaf, extra):
        return {'leaf_input': base64.b64encode(leaf).decode(), 'extra_data': extra}
    found = read(json.dumps({'entries': [entry(leaf, '!'), entry(leaf[:-9], 'AAAA'), entry(leaf, 'AAAA')]}))
    tap.equal(found.spkis(), [SPKI[0], SPKI[0]])
    tap.equal([flaw['record'] for flaw in found.flaws], [1, 2])


# ---- the input as a whole ----

def test_nothing():
    "an empty input and one of no format are refused"
    for data, reason in ((b'', 'empty'), (b'hello, world\n', 'none of the formats'), (bytes(1000), 'none'),
                         (os.urandom(40) + b'\0', 'none')):
        found = read(data)
        tap.equal(found.end['code'], 'malformed')
        tap.contains(found.end['reason'], reason)


def test_directory():
    "what cannot be read is an error that names it"
    found = reading.read_file(reading.DIR, 'pem')
    tap.equal(found.end['code'], 'io')


def test_resume():
    "going on at any key gives that key and the rest, with the same lines and records"
    run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', path('id2'))
    with open(path('id2.pub'), 'rb') as file:
        ssh = file.read()
    inputs = {'pem': b'text\n' + PEM[0] + PEM[1][:200] + PEM[2] + PEM[3], 'der': RAW[0] + RAW[1][:99] + RAW[2] + RAW[3],
              'ssh': ssh + b'# c\n' + ssh + b'bad\n' + ssh, 'jwk': json.dumps({'keys': [jwk(1), {}, jwk(2)]}).encode(),
              'openpgp': pgp_cert(1) + pgp_key(2) + pgp_cert(3), 'csv-hex': b'c5' * 40 + b'\n\n' + b'ab' * 50 + b'\n',
              'ct-tile': tile_leaf(RAW[0]) + tile_leaf(RAW[1])}
    inputs['armour'] = armour(inputs['openpgp']).encode()
    for form, data in inputs.items():
        for packed in (False, True):
            data = gzip.compress(data) if packed else data
            whole = read(data)
            tap.equal(len(whole.keys) >= 2, True)
            for key in whole.keys:
                rest = read(data, start=key['offset'])
                tap.equal(rest.keys, [one for one in whole.keys if one['offset'] >= key['offset']], form)
                tap.equal(rest.flaws, [one for one in whole.flaws if one['offset'] >= key['offset']], form)


def rss_of(megabytes):
    """Peak memory, in KiB, of reading so many megabytes from a pipe; and the keys."""
    code = ('import subprocess, sys, resource\n'
            'p = subprocess.Popen(sys.argv[1:4], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n'
            'data = open(sys.argv[4], "rb").read()\n'
            f'for _ in range({megabytes}):\n'
            '    p.stdin.write(data)\n'
            'p.stdin.close()\n'
            'out = p.stdout.read().decode()\n'
            'p.wait()\n'
            'print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, out)\n')
    piece = PEM[0] * (1000000 // len(PEM[0]))
    env = dict(os.environ, ASAN_OPTIONS='quarantine_size_mb=1')
    out = run('python3', '-c', code, reading.DUMP, 'count', '-', reading.write('piece', piece), env=env).decode()
    rss, end = out.split(' ', 1)
    tap.equal(json.loads(end)['keys'], megabytes * (1000000 // len(PEM[0])))
    return int(rss)


def test_memory():
    "a long stream needs no more memory than a short one"
    short, long = rss_of(10), rss_of(100)
    tap.comment(f'{short} KiB for 10 MB, {long} KiB for 100 MB')
    tap.equal(long < short + 8192, True)


tap.main()
