"""Bundles judged by somebody who has only the pages of docs/spec/: Python and openssl, none of our code."""
import base64
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import tap  # noqa: E402

GOLDEN = os.path.join(HERE, '..', 'golden', 'release')
WHEN = '1767225600'     # 2026-01-01T00:00:00Z, when the golden bundles were published


def read(name):
    with open(os.path.join(GOLDEN, name), 'rb') as file:
        return file.read()


def sections(data):
    """(type, bytes) of each section."""
    tap.equal(data[:10], b'MSEALBDL\x00\x01')
    at, found = 10, []
    while at < len(data):
        kind, size = struct.unpack('>HQ', data[at:at + 10])
        found.append((kind, data[at + 10:at + 10 + size]))
        at += 10 + size
    tap.equal(at, len(data))
    tap.equal([kind for kind, _ in found], [1, 2, 3, 3, 4, 5, 6, 7, 8])
    return found


def openssl(*args, ok=True):
    done = subprocess.run(['openssl', *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if ok and done.returncode != 0:
        raise AssertionError(f'openssl {" ".join(args)}: {done.stdout.decode()}')
    return done


class Folder:
    """Files for openssl."""
    def __init__(self):
        self.dir = tempfile.TemporaryDirectory()
        self.n = 0

    def put(self, data):
        self.n += 1
        path = os.path.join(self.dir.name, str(self.n))
        with open(path, 'wb') as file:
            file.write(data)
        return path

    def pem(self, der):
        path = self.put(b'')
        openssl('x509', '-inform', 'DER', '-in', self.put(der), '-out', path)
        return path

    def key_of(self, pem):
        path = self.put(b'')
        openssl('x509', '-in', pem, '-noout', '-pubkey', '-out', path)
        return path


def sha(data):
    return hashlib.sha256(data).hexdigest()


def person(files, root, envelope, meaning, statement):
    """Check one envelope; the name that was signed."""
    outer = json.loads(envelope)
    tap.equal(outer['payloadType'], 'application/vnd.medseal.approval+json')
    payload = base64.b64decode(outer['payload'], validate=True)
    signature, = outer['signatures']
    pem = files.pem(base64.b64decode(signature['cert'], validate=True))
    pae = b'DSSEv1 %d %s %d %s' % (len(outer['payloadType']), outer['payloadType'].encode(),
                                   len(payload), payload)
    openssl('dgst', '-sha256', '-verify', files.key_of(pem), '-signature',
            files.put(base64.b64decode(signature['sig'], validate=True)), files.put(pae))
    openssl('verify', '-attime', WHEN, '-CAfile', root, pem)
    said = json.loads(payload)
    tap.equal(said['meaning'], meaning)
    tap.equal(payload.endswith(b'"release":' + statement + b'}'), True)
    text = openssl('x509', '-in', pem, '-noout', '-ext', 'extendedKeyUsage').stdout.decode()
    tap.contains(text, '2.25.310206194926841906358214713389184375081')
    name = openssl('x509', '-in', pem, '-noout', '-subject', '-nameopt', 'utf8,sep_multiline')
    tap.contains(name.stdout.decode(), 'CN=' + said['name'])
    return said['name']


def root_of(leaf, index, size, path):
    """RFC 9162, 2.1.3.2."""
    fn, sn, node = index, size - 1, leaf
    for p in path:
        tap.equal(sn != 0, True, 'the path is too long')
        if fn & 1 or fn == sn:
            node = hashlib.sha256(b'\x01' + p + node).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = hashlib.sha256(b'\x01' + node + p).digest()
        fn, sn = fn >> 1, sn >> 1
    tap.equal(sn, 0, 'the path is too short')
    return node


def log_proof(files, entry, proof):
    """The entry is in the tree that the log's key has signed."""
    head, note = proof.split(b'\n\n', 1)
    lines = head.decode().split('\n')
    tap.equal(lines[0], 'c2sp.org/tlog-proof@v1')
    index = int(lines[1].removeprefix('index '))
    path = [base64.b64decode(line, validate=True) for line in lines[2:]]
    text, signatures = note.split(b'\n\n', 1)
    origin, size, root = (text + b'\n').decode().splitlines()
    tap.equal(root_of(hashlib.sha256(b'\x00' + entry).digest(), index, int(size), path),
              base64.b64decode(root, validate=True))
    name, key_id, key = read('log.vkey').decode().strip().split('+', 2)
    tap.equal(origin, name)
    public = base64.b64decode(key, validate=True)
    tap.equal(hashlib.sha256(name.encode() + b'\n' + public).hexdigest()[:8], key_id)
    raw = base64.b64decode(signatures.decode().split(' ')[2].strip(), validate=True)
    tap.equal(raw[:4].hex(), key_id)
    # SubjectPublicKeyInfo of Ed25519 (RFC 8410)
    spki = files.put(bytes.fromhex('302a300506032b6570032100') + public[1:])
    openssl('pkeyutl', '-verify', '-pubin', '-keyform', 'DER', '-inkey', spki, '-rawin', '-in',
            files.put(text + b'\n'), '-sigfile', files.put(raw[4:]))


def judge(name):
    """All of a bundle but its signature and image; (files, root, sections)."""
    files = Folder()
    parts = [data for _, data in sections(read(name))]
    statement, proposal, first, second, cert, signature, entry, proof, _ = parts
    root = files.pem(read('root.der'))
    names = [person(files, root, proposal, 'propose', statement),
             person(files, root, first, 'approve', statement),
             person(files, root, second, 'approve', statement)]
    tap.equal(names, ['alice', 'bob', 'Carol Müller'])
    log_proof(files, entry, proof)
    said = json.loads(entry)
    tap.equal(said['act'], 'release.published')
    tap.equal(said['object'], sha(statement)[:32])
    approvals = sha(bytes.fromhex(sha(first)) + bytes.fromhex(sha(second)))
    for key, want in {'statement': sha(statement), 'proposal': sha(proposal),
                      'approvals': approvals, 'cert': sha(cert),
                      'signature': sha(signature)}.items():
        tap.equal(said['detail'][key], want, key)
    signer = files.pem(cert)
    openssl('verify', '-attime', WHEN, '-CAfile', root, signer)
    return files, root, signer, parts


def test_plain():
    "a plain bundle holds: people, log, certificate, and openssl cms on the image"
    files, root, _, parts = judge('plain.bundle')
    release = json.loads(parts[0])
    image = parts[8]
    tap.equal((sha(image), len(image)), (release['image']['sha256'], release['image']['size']))
    args = ['cms', '-verify', '-binary', '-inform', 'DER', '-in', files.put(parts[5]), '-CAfile',
            root, '-attime', WHEN, '-purpose', 'codesign', '-out', os.devnull, '-content']
    openssl(*args, files.put(image))
    changed = bytes([image[0] ^ 1]) + image[1:]
    tap.equal(openssl(*args, files.put(changed), ok=False).returncode != 0, True)


def test_mcuboot():
    "a MCUboot bundle holds: the image's digest is the one approved, and the signature in it is good"
    files, _, signer, parts = judge('mcuboot.bundle')
    release = json.loads(parts[0])
    image, size = parts[8], release['image']['size']
    tap.equal(sha(image[:size]), release['image']['sha256'])
    tap.equal(image.endswith(parts[5]), True, 'the signature ends the image')
    openssl('dgst', '-sha256', '-verify', files.key_of(signer), '-signature', files.put(parts[5]),
            files.put(image[:size]))


def test_a_false_one_is_seen():
    "this judge sees a changed log entry"
    files = Folder()
    parts = [data for _, data in sections(read('plain.bundle'))]
    try:
        log_proof(files, parts[6].replace(b'"pump"', b'"pomp"'), parts[7])
    except AssertionError:
        return
    raise AssertionError('a changed entry passed')


tap.main()
