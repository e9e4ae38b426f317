"""medseal init and status: three folders, whole or not at all, and what is in them."""
import glob
import json
import os
import re
import subprocess

import realm
import tap

R = realm.Realm()       # shared by the cases that only look


def tree(*folders):
    """Every path below with its mode and content."""
    out = {}
    for folder in folders:
        for where, dirs, files in os.walk(folder):
            for name in dirs + files:
                path = os.path.join(where, name)
                content = open(path, 'rb').read() if name in files else None
                out[path] = (os.lstat(path).st_mode, content)
    return out


def openssl(*args, **kw):
    return subprocess.run(['openssl', *args], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **kw)


def nothing_left(r):
    tap.equal(sorted(os.listdir(r.top)), ['bin', 'secrets'])


def test_layout():
    "init makes the realm, the root's folder, and a folder for each operator"
    there = {name for name in os.listdir(R.dir) if not name.startswith('medseal.db-')}
    tap.equal(there - {'medseal.db.lock'}, {'certs', 'images', 'keys', 'medseal.conf', 'medseal.db'})
    tap.equal(sorted(os.listdir(f'{R.dir}/keys')),
              ['code-signing.pem', 'issuing.pem', 'log.pem', 'tls.pem'])
    tap.equal(sorted(os.listdir(f'{R.dir}/certs')),
              ['code-signing.pem', 'issuing.pem', 'log.vkey', 'root.crl', 'root.pem', 'tls.pem'])
    tap.equal(sorted(os.listdir(R.root_dir)), ['root.key.pem', 'root.pem'])
    tap.equal(sorted(os.listdir(R.operators_dir)), ['alice', 'bob', 'carol'])
    tap.equal(sorted(os.listdir(f'{R.operators_dir}/alice')),
              ['ca.pem', 'cert.pem', 'client.conf', 'key.pem', 'log.vkey', 'operator.p12'])


def test_modes():
    "folders are 0700, keys and what holds them 0600"
    for folder in [R.dir, f'{R.dir}/keys', R.root_dir, *glob.glob(f'{R.operators_dir}/*')]:
        tap.equal(os.stat(folder).st_mode & 0o777, 0o700, folder)
    keys = (glob.glob(f'{R.dir}/keys/*') + glob.glob(f'{R.operators_dir}/*/key.pem') +
            glob.glob(f'{R.operators_dir}/*/operator.p12') + [f'{R.root_dir}/root.key.pem'])
    tap.equal(len(keys), 4 + 3 + 3 + 1)
    for path in keys:
        tap.equal(os.stat(path).st_mode & 0o777, 0o600, path)


def test_keys_are_encrypted():
    "every private key is PKCS#8 under scrypt and opens with its own passphrase only"
    keys = {path: 'server' for path in glob.glob(f'{R.dir}/keys/*')}
    keys[f'{R.root_dir}/root.key.pem'] = 'root'
    keys.update({f'{R.operators_dir}/{who}/key.pem': who for who in R.operators})
    for path, who in keys.items():
        text = openssl('asn1parse', '-in', path).stdout
        for part in ['PBES2', 'scrypt', 'aes-256-cbc']:
            tap.contains(text, part)
        tap.equal(openssl('pkey', '-in', path, '-noout', '-passin',
                          f'file:{R.secrets}/{who}').returncode, 0, path)
        other = 'root' if who != 'root' else 'server'
        if openssl('pkey', '-in', path, '-noout', '-passin',
                   f'file:{R.secrets}/{other}').returncode == 0:
            raise AssertionError(f'{path} opens with the passphrase of {other}')


def test_no_foreign_key_in_the_realm():
    "no key of the root or of an operator is anywhere in the realm's folder"
    pub = lambda path, who: openssl('pkey', '-in', path, '-pubout', '-passin',
                                    f'file:{R.secrets}/{who}').stdout
    foreign = {pub(f'{R.root_dir}/root.key.pem', 'root')}
    foreign |= {pub(f'{R.operators_dir}/{who}/key.pem', who) for who in R.operators}
    tap.equal(len(foreign), 4)
    private = [path for path, (_, content) in tree(R.dir).items()
               if content and b'PRIVATE KEY' in content]
    tap.equal(sorted(private), sorted(glob.glob(f'{R.dir}/keys/*')))
    for path in private:
        if pub(path, 'server') in foreign:
            raise AssertionError(path)
    for who in R.operators:
        with open(f'{R.secrets}/{who}', 'rb') as f:
            word = f.read().strip()
        for path, (_, content) in tree(R.dir, R.root_dir, R.operators_dir).items():
            if content and word in content:
                raise AssertionError(f'the passphrase of {who} is in {path}')


def test_openssl_verifies():
    "openssl verifies every certificate, and finds none on the root's CRL"
    root = R.root_cert
    crl = R.path('root.crl.pem')
    tap.equal(openssl('crl', '-inform', 'DER', '-in', f'{R.dir}/certs/root.crl', '-out', crl).returncode, 0)
    direct = [f'{R.dir}/certs/issuing.pem', f'{R.dir}/certs/code-signing.pem',
              *glob.glob(f'{R.operators_dir}/*/cert.pem')]
    for path in direct:
        result = openssl('verify', '-x509_strict', '-crl_check', '-CRLfile', crl, '-CAfile', root, path)
        tap.equal(result.returncode, 0, result.stdout)
    result = openssl('verify', '-x509_strict', '-purpose', 'sslserver', '-verify_hostname', 'localhost',
                     '-CAfile', root, '-untrusted', f'{R.dir}/certs/issuing.pem', f'{R.dir}/certs/tls.pem')
    tap.equal(result.returncode, 0, result.stdout)
    os.unlink(crl)


def test_pkcs12():
    "operator.p12 opens with the operator's passphrase and holds key and chain"
    result = openssl('pkcs12', '-in', f'{R.operators_dir}/bob/operator.p12', '-nodes', '-passin',
                     f'file:{R.secrets}/bob')
    tap.equal(result.returncode, 0, result.stdout)
    tap.equal(result.stdout.count('BEGIN CERTIFICATE'), 2)
    tap.contains(result.stdout, 'PRIVATE KEY')


def test_status():
    "status lists keys, certificates, operators, counts, log and policy from the folder"
    status = R.json('status', R.dir)
    tap.equal(status['realm'], 'Test Pumps')
    tap.equal([k['key'] for k in status['keys']], ['issuing', 'code-signing', 'log', 'tls'])
    tap.equal([c['certificate'] for c in status['certificates']],
              ['root', 'issuing', 'code-signing', 'tls'])
    for c, days in zip(status['certificates'], [3000, 700, 300, 30]):
        if c['days_left'] < days:
            raise AssertionError(c)
    result = openssl('x509', '-in', R.root_cert, '-noout', '-fingerprint', '-sha256').stdout
    tap.equal(status['certificates'][0]['sha256'],
              result.split('=')[1].strip().replace(':', '').lower())
    tap.equal([(o['operator'], o['revoked']) for o in status['operators']],
              [('alice', False), ('bob', False), ('carol', False)])
    tap.equal(status['devices'], {'registered': 0, 'enrolled': 0, 'revoked': 0})
    tap.equal((status['log']['size'], status['log']['checkpoint_size']), (4, 4))
    tap.equal(status['policy']['approvals'], 2)
    text = R.medseal('status', R.dir).stdout
    for part in ['alice', 'code-signing', status['log']['key']]:
        tap.contains(text, part)


def test_log_begins():
    "the log begins with the realm and its operators, and verifies"
    entries = [json.loads(line) for line in
               R.medseal('log', 'show', '--realm', R.dir, '--json').stdout.splitlines()]
    tap.equal([(e['act'], e['object']) for e in entries],
              [('realm.created', 'Test Pumps'), ('operator.added', 'alice'),
               ('operator.added', 'bob'), ('operator.added', 'carol')])
    verdict = R.json('log', 'verify', '--realm', R.dir, '--log-key', R.log_key)
    tap.equal((verdict['verified'], verdict['entries'], verdict['signed_entries']), (True, 4, 4))


def test_existing_realm():
    "init over an existing realm is refused and changes nothing"
    before = tree(R.dir, R.root_dir, R.operators_dir)
    error = R.refused('realm-exists', *R.init_arguments())
    tap.equal(error.returncode, 1)
    tap.equal(tree(R.dir, R.root_dir, R.operators_dir) == before, True)
    if glob.glob(f'{R.top}/*.tmp-*'):
        raise AssertionError(os.listdir(R.top))


def test_other_folders():
    "a folder with something in it is refused, for each of the three; an empty one is taken over"
    for attribute in ['dir', 'root_dir', 'operators_dir']:
        with realm.Realm(init=False) as r:
            folder = getattr(r, attribute)
            os.mkdir(folder, 0o700)
            r.give(folder)
            r.write(f'{os.path.basename(folder)}/note', 'mine')
            r.refused('exists', *r.init_arguments())
            tap.equal(sorted(os.listdir(r.top)), sorted(['bin', 'secrets', os.path.basename(folder)]))
            os.unlink(f'{folder}/note')
            r.init()
            r.medseal('status', r.dir)


def test_weak_passphrase():
    "a passphrase under 12 characters is refused, whosever it is, and nothing is left"
    for who in ['server', 'root', 'bob']:
        with realm.Realm(init=False) as r:
            r.secret(who, 'short11char')
            error = r.refused('passphrase-weak', *r.init_arguments())
            tap.equal(error.returncode, 1)
            nothing_left(r)


def test_same_passphrase():
    "the root's passphrase may not be the server's"
    with realm.Realm(init=False) as r:
        for who in ['server', 'root']:
            r.secret(who, 'correct horse battery')
        r.refused('passphrase-weak', *r.init_arguments())
        nothing_left(r)


def test_readable_passphrase_file():
    "a passphrase file that others may read is refused"
    with realm.Realm(init=False) as r:
        os.chmod(f'{r.secrets}/server', 0o644)
        r.refused('permissions', *r.init_arguments())
        nothing_left(r)


def test_no_terminal():
    "without a file and without a terminal it says so instead of waiting"
    with realm.Realm(init=False) as r:
        args = r.init_arguments()
        at = args.index('--passphrase-file')
        del args[at:at + 2]
        tap.equal(r.refused('no-terminal', *args, timeout=20).returncode, 2)
        nothing_left(r)


def test_too_few_operators():
    "fewer than three operators take a named option; names are checked"
    with realm.Realm(operators=('alice', 'bob'), init=False) as r:
        r.refused('usage', *r.init_arguments())
        nothing_left(r)
        r.init('--few-operators')
        tap.equal(len(r.json('status', r.dir)['operators']), 2)
    for name in ['Alice', '../x', '.x', 'a b', '', 'a' * 65, 'zoë']:
        with realm.Realm(operators=('alice', 'bob'), init=False) as r:
            r.refused('usage', *r.init_arguments(), '--operator', name)
            nothing_left(r)
    with realm.Realm(init=False) as r:
        r.refused('usage', *r.init_arguments(), '--operator', 'alice')


def test_bad_settings():
    "a setting that the server would refuse is refused now"
    with realm.Realm(init=False) as r:
        args = r.init_arguments()
        args[args.index('--listen-est') + 1] = 'no-port'
        result = r.medseal(*args, check=False)
        tap.equal(result.returncode, 2, result.stderr)
        r.refused('usage', *r.init_arguments(), '--log-origin', 'two words')
        r.refused('usage', *r.init_arguments(), '--name', 'again')
        nothing_left(r)


def test_realm_open_to_others():
    "a realm that others can read is refused"
    with realm.Realm() as r:
        os.chmod(r.dir, 0o755)
        tap.equal(r.refused('realm-permissions', 'status', r.dir).returncode, 1)
        os.chmod(r.dir, 0o700)
        os.chmod(f'{r.dir}/keys/issuing.pem', 0o640)
        r.refused('realm-permissions', 'status', r.dir)
        os.chmod(f'{r.dir}/keys/issuing.pem', 0o600)
        r.medseal('status', r.dir)


def test_no_realm():
    "a folder without a realm is said to be none"
    R.refused('realm-missing', 'status', R.secrets)


def test_config():
    "an unknown key in the configuration names file and line"
    with realm.Realm() as r:
        r.configure('colour = blue')
        result = r.refused('config-key', 'status', r.dir)
        if not re.search(r'medseal\.conf.*\d', result.stderr):
            raise AssertionError(result.stderr)


def test_help():
    "every command has help, and unknown words are refused"
    text = R.medseal('--help').stdout
    words = re.findall(r'(?m)^  medseal ((?:[a-z]+ ?){1,2})\b', text)
    if len(words) < 20:
        raise AssertionError(text)
    for command in words:
        tap.contains(R.medseal(*command.split(), '--help').stdout, f'usage: medseal {command.strip()}')
    tap.equal(R.refused('usage', 'frobnicate').returncode, 2)
    R.refused('usage', 'device', 'frobnicate')
    R.refused('usage')
    R.refused('usage', 'status', R.dir, R.dir)
    R.refused('usage', 'status', '--frob')
    tap.contains(R.medseal('--version').stdout, 'medseal ')
    tap.contains(R.medseal('device', '--help').stdout, 'device ticket')


def test_json_error():
    "with --json an error is also an object on standard output"
    result = R.refused('realm-missing', 'status', R.secrets, '--json')
    error = json.loads(result.stdout)
    tap.equal(error['error'], 'realm-missing')
    tap.equal(sorted(error), ['error', 'message', 'object', 'reason'])


def test_full_disk():
    "a full disk leaves nothing behind and says so"
    if os.geteuid() != 0 or subprocess.run(['unshare', '--mount', 'true'], check=False).returncode != 0:
        tap.skip('it takes a small file system of its own (root)')
    with realm.Realm(init=False) as r:
        small = r.path('small')
        os.mkdir(small)
        args = r.init_arguments()
        args[1] = f'{small}/realm'
        script = ('mount -t tmpfs -o size=64k,mode=777 tmpfs "$1" && shift && "$@"; rc=$?; '
                  'ls -A "$0"; exit $rc')
        env = realm.environment()
        result = subprocess.run(['unshare', '--mount', 'sh', '-c', script, small, small,
                                 *r.as_user, r.program('medseal'), *args],
                                text=True, capture_output=True, check=False, env=env)
        tap.contains(result.stderr, '[disk-full]')
        tap.equal((result.returncode, result.stdout), (3, ''))
        tap.equal(sorted(os.listdir(r.top)), ['bin', 'secrets', 'small'])


tap.main()
