"""medseal operator add, revoke, crl: with the root's key, on the realm's folder."""
import os
import subprocess

import realm
import tap

R = realm.Realm()


def root_args(r=R, passphrase='root'):
    return ['--realm', r.dir, '--root', r.root_dir, '--root-passphrase-file', f'{r.secrets}/{passphrase}']


def crl_text():
    return subprocess.run(['openssl', 'crl', '-inform', 'DER', '-in', f'{R.dir}/certs/root.crl', '-noout',
                           '-text', '-CAfile', R.root_cert], text=True, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


def operators():
    return {o['operator']: o['revoked'] for o in R.json('status', R.dir)['operators']}


def test_add():
    "another operator gets a folder, a row, a log entry, and a certificate by the root"
    out = f'{R.operators_dir}/dave'
    answer = R.json('operator', 'add', 'dave', *root_args(), '--out', out,
                    '--operator-passphrase-file', R.secret('dave'))
    tap.equal(answer['name'], 'dave')
    tap.equal(sorted(os.listdir(out)),
              ['ca.pem', 'cert.pem', 'client.conf', 'key.pem', 'log.vkey', 'operator.p12'])
    tap.equal(operators(), {'alice': False, 'bob': False, 'carol': False, 'dave': False})
    tap.equal(subprocess.run(['openssl', 'verify', '-CAfile', R.root_cert, f'{out}/cert.pem'],
                             stdout=subprocess.DEVNULL).returncode, 0)
    with open(f'{R.operators_dir}/alice/client.conf') as a, open(f'{out}/client.conf') as b:
        tap.equal(b.read(), a.read())
    last = R.medseal('log', 'show', '--realm', R.dir).stdout.splitlines()[-1]
    tap.contains(last, 'operator.added')
    tap.contains(last, answer['cert'])


def test_add_again():
    "a name that is there already is refused and nothing is left"
    out = R.path('again')
    before = R.medseal('log', 'show', '--realm', R.dir).stdout
    R.refused('exists', 'operator', 'add', 'dave', *root_args(), '--out', out,
              '--operator-passphrase-file', f'{R.secrets}/dave')
    tap.equal([n for n in os.listdir(R.top) if n.startswith('again')], [])
    tap.equal(R.medseal('log', 'show', '--realm', R.dir).stdout, before)


def test_wrong_passphrase():
    "a wrong passphrase does not open the root's key"
    error = R.refused('passphrase', 'operator', 'add', 'erin', *root_args(passphrase='server'),
                      '--out', R.path('erin'), '--operator-passphrase-file', R.secret('erin'))
    tap.equal(error.returncode, 1)
    R.refused('passphrase', 'operator', 'revoke', 'bob', *root_args(passphrase='server'))
    tap.equal(operators()['bob'], False)


def test_other_root():
    "the root of another realm is refused"
    with realm.Realm(name='Other') as other:
        R.refused('peer-untrusted', 'operator', 'revoke', 'bob', '--realm', R.dir,
                  '--root', R.write_tree('other-root', other.root_dir),
                  '--root-passphrase-file', R.secret('other-root',
                                                     open(f'{other.secrets}/root').read().strip()))
    tap.equal(operators()['bob'], False)


def test_revoke():
    "a revoked operator has a row, a log entry, and a line in the root's CRL"
    tap.contains(crl_text(), 'No Revoked Certificates')
    R.medseal('operator', 'revoke', 'bob', *root_args())
    tap.equal(operators(), {'alice': False, 'bob': True, 'carol': False, 'dave': False})
    serial = subprocess.run(['openssl', 'x509', '-in', f'{R.operators_dir}/bob/cert.pem', '-noout', '-serial'],
                            text=True, check=True, stdout=subprocess.PIPE).stdout.split('=')[1].strip()
    tap.contains(crl_text(), serial)
    tap.contains(R.medseal('log', 'show', '--realm', R.dir).stdout.splitlines()[-1], 'operator.revoked')


def test_revoke_twice():
    "an operator that is not there, or is revoked already, is said to be"
    R.refused('not-found', 'operator', 'revoke', 'nobody', *root_args())
    before = crl_text()
    R.refused('operator-revoked', 'operator', 'revoke', 'bob', *root_args())
    tap.equal(crl_text(), before)


def test_crl():
    "the root's next CRL keeps who was revoked, and has a higher number"
    number = lambda: int(crl_text().split('X509v3 CRL Number:')[1].split()[0], 0)
    before = number()
    R.medseal('operator', 'crl', *root_args())
    if number() <= before:
        raise AssertionError(f'{before} -> {number()}')
    tap.equal(crl_text().count('Serial Number:'), 1)
    R.medseal('log', 'verify', '--realm', R.dir, '--log-key', R.log_key)


tap.main()
