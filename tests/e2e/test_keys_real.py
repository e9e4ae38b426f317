"""medseal keys audit on thousands of real keys: the key rings of Debian and Ubuntu."""
import glob
import os
import subprocess

import keys
import tap

KEYRINGS = '/usr/share/keyrings'
# All of them take a minute and a half on two processors: when it is asked for. Else the beginning of
# each, which of the largest has keys of CVE-2017-15361.
ALL = os.environ.get('MEDSEAL_ALL_KEYRINGS')
SIZE_MAX = 1 << 20
RSA_MIN = 200           # fewer would mean that they are not read, and not that they are good
RSA_SHARE_OF_ROCA = 50  # more than one in so many would not be chance and a few old smart cards


def key_rings():
    files = sorted(f for f in glob.glob(f'{KEYRINGS}/*.[gp][pg][gp]') if not os.path.islink(f))
    if not any('debian-' in f for f in files) or not any('ubuntu-' in f for f in files):
        tap.skip('debian-keyring or ubuntu-keyring is not installed')
    return [f if ALL or os.path.getsize(f) <= SIZE_MAX else beginning(f) for f in files]


def beginning(file):
    """A copy of the first certificates, cut before a primary key's packet (RFC 9580 §4.2)."""
    with open(file, 'rb') as f:
        data = f.read(2 * SIZE_MAX)
    at, end = 0, 0
    while at < SIZE_MAX:
        head = data[at]
        tag = head & 0x3f if head & 0x40 else head >> 2 & 15
        if tag == 6:
            end = at
        if not head & 0x40:                 # the old form
            octets = 1 << (head & 3)
            size, at = int.from_bytes(data[at + 1:at + 1 + octets], 'big'), at + 1 + octets
        elif data[at + 1] < 192:
            size, at = data[at + 1], at + 2
        elif data[at + 1] < 224:
            size, at = (data[at + 1] - 192 << 8) + data[at + 2] + 192, at + 3
        else:
            size, at = int.from_bytes(data[at + 2:at + 6], 'big'), at + 6
        at += size
    return keys.write(f'rings/{os.path.basename(file)}', data[:end])


def by_gpg(files):
    """Of the RSA keys and subkeys: (keygrip, bits), as gpg sees them, each once."""
    home = keys.path('gpg')
    os.makedirs(home, 0o700, exist_ok=True)
    found, rsa_bits = set(), None
    for one in files:
        out = subprocess.run(['gpg', '--homedir', home, '--no-options', '--batch', '--quiet',
                              '--with-colons', '--with-keygrip', '--show-keys', one], check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        for line in out.decode(errors='replace').splitlines():
            field = line.split(':')
            if field[0] in ('pub', 'sub'):
                rsa_bits = int(field[2]) if field[3] in ('1', '2', '3') else None
            elif field[0] == 'grp' and rsa_bits:
                found.add((field[9], rsa_bits))
    return found


def test_key_rings():
    "as many RSA keys of each size as gpg counts, none shares a prime, errors are of ROCA keys alone"
    files = key_rings()
    # Every modulus is wanted, so every key gets a finding.
    found = keys.audit(*files, '--min-bits', '1000000', '--fail-on', 'never')
    tap.equal(found.flaws, [])
    tap.equal(found.status, 0)
    want = by_gpg(files)
    sizes = {s['bits']: s['keys'] for s in found.counts['sizes'] if s['kind'] == 'RSA'}
    # gpg's keygrip is of the modulus alone
    moduli = {k['modulus']: k['bits'] for k in found.keys.values() if k['kind'] == 'RSA'}
    tap.equal(count(moduli.values()), count(bits for _, bits in want))
    tap.equal(found.counts['rsa_moduli'], len(want))
    tap.equal(sum(sizes.values()) >= len(moduli), True)
    tap.equal('shared-prime' in found.counts['checks'], False)

    flagged = {k['modulus'] for i, k in found.keys.items() if 'rsa-roca' in found.checks(i)}
    # The other way round too: no key of that form is missed.
    tap.equal({m for m in moduli if keys.is_roca(int(m, 16))}, flagged)
    tap.equal({f['check'] for k in found.keys.values() for f in k['findings'] if f['severity'] == 'error'},
              {'rsa-roca'} if flagged else set())
    tap.comment(f'{len(files)} key rings, {len(moduli)} RSA moduli of {found.counts["keys"]} keys in '
                f'{found.counts["sources"]} places; {len(flagged)} of CVE-2017-15361; '
                f'{found.lines[-1]["times"]["all"]:.1f} s')
    if len(moduli) < RSA_MIN or len(flagged) * RSA_SHARE_OF_ROCA > len(moduli):
        raise AssertionError('that cannot be')


def count(values):
    out = {}
    for v in values:
        out[v] = out.get(v, 0) + 1
    return out


def test_the_question_about_roca_can_be_answered_both_ways():
    "what this test itself calls a ROCA modulus"
    tap.equal(keys.is_roca(keys.roca_prime(512) * keys.roca_prime(512)), True)
    p, q = keys.primes(512, 2)
    tap.equal(keys.is_roca(p * q), False)
    tap.equal(keys.is_roca(pow(65537, 12345, 2 * 3 * 5 * 7 * 11)), False)


tap.main()
