"""tools/check-spec and tools/check-keys must be able to fail."""
import base64
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.join(HERE, '..', '..', 'tools')
sys.path.insert(0, os.path.join(HERE, '..', 'e2e'))
import tap  # noqa: E402


def check(tool, files, git=False):
    with tempfile.TemporaryDirectory() as root:
        for path, data in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), 'wb') as file:
                file.write(data if isinstance(data, bytes) else data.encode())
        if git:
            subprocess.run(['git', 'init', '-q', root], check=True)
        done = subprocess.run([sys.executable, os.path.join(TOOLS, tool), root],
                              stdout=subprocess.PIPE, text=True)
    return done.returncode, done.stdout.splitlines()


def spec(code, page):
    return check('check-spec', {'firmware/bundle.h': code, 'docs/spec/bundle.md': page})


SAYS = '# Bundle\n\nIts version is {0}.\n\n<!-- number: BUNDLE_VERSION = {0} in firmware/bundle.h -->\n'


def test_number_equal():
    "a number that is the same, however it is written"
    for code in ('#define BUNDLE_VERSION 2\n', '#define BUNDLE_VERSION 0x02u /* of the file */\n',
                 'enum { BUNDLE_VERSION = 2, };\n', '#define BUNDLE_VERSION UINT32_C(2)\n'):
        tap.equal(spec(code, SAYS.format(2)), (0, ['1 pages read, 0 faults']), code)


def test_number_differs():
    "a number that differs"
    status, lines = spec('#define BUNDLE_VERSION 3\n', SAYS.format(2))
    tap.equal((status, lines[0]),
              (1, 'docs/spec/bundle.md: BUNDLE_VERSION is 2 here and 3 in firmware/bundle.h'))


def test_text_differs():
    "a text that differs"
    status, lines = spec('#define BUNDLE_VERSION "medseal-2"\n', SAYS.format('"medseal-1"'))
    tap.equal((status, len(lines)), (1, 2))
    tap.equal(spec('#define BUNDLE_VERSION "medseal-1"\n', SAYS.format('"medseal-1"'))[0], 0)


def test_number_gone():
    "a number that the code no longer has, and a file that is not there"
    tap.equal(spec('#define OTHER 1\n// BUNDLE_VERSION = 2\n', SAYS.format(2))[1][0],
              'docs/spec/bundle.md: BUNDLE_VERSION: firmware/bundle.h does not define it')
    tap.equal(check('check-spec', {'docs/spec/bundle.md': SAYS.format(2)}),
              (1, ['docs/spec/bundle.md: BUNDLE_VERSION: there is no firmware/bundle.h',
                   '1 pages read, 1 faults']))


def test_page_without():
    "a page that names no number"
    tap.equal(spec('', '# Bundle\n')[1][0], 'docs/spec/bundle.md: names no number of the code; see tools/check-spec')


def test_page_text():
    "a page that tells its reader another number"
    page = SAYS.format(2).replace('Its version is 2', 'Its version is 3')
    tap.equal(spec('#define BUNDLE_VERSION 2\n', page)[1][0],
              'docs/spec/bundle.md: BUNDLE_VERSION: the text does not say 2')


def test_packages():
    "a package without a row, and a row without its package"
    status, lines = check('check-spec', {
        'tools/packages': '# list\na-dev\nb  # for b\nc\n',
        'docs/dependencies.md': '| package |\n|---|\n| `a-dev`, `b` | for `x` |\n| `d` | |\n'})
    tap.equal((status, lines), (1, ['docs/dependencies.md: no row for c of tools/packages',
                                    'docs/dependencies.md: d is not in tools/packages',
                                    '0 pages read, 2 faults']))


def new_key(*options):
    return subprocess.run(['openssl', 'genpkey', '-algorithm', 'EC', '-pkeyopt',
                           'ec_paramgen_curve:P-256', *options], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def test_key_found():
    "a private key in any form, with and without git"
    pem = new_key()
    old = subprocess.run(['openssl', 'pkey', '-traditional'], input=pem, check=True,
                         stdout=subprocess.PIPE).stdout
    locked = new_key('-aes-256-cbc', '-pass', 'pass:x')
    for name, data in (('pkcs8', pem), ('traditional', old), ('encrypted', locked),
                       ('DER', new_key('-outform', 'DER')), ('in text', b'const char k[] =\n' + pem)):
        for git in (False, True):
            tap.equal(check('check-keys', {'server/a': data, 'server/b': ''}, git),
                      (1, ['server/a: holds a private key; only tests/ may', '2 files read, 1 faults']),
                      name)


def test_key_in_tests():
    "tests/ may hold a key"
    tap.equal(check('check-keys', {'tests/keys/a.pem': new_key(), 'README': 'x'})[0], 0)


def test_key_marker():
    "the marker alone, a public key and a certificate are no private key"
    pem = new_key()
    public = subprocess.run(['openssl', 'pkey', '-pubout'], input=pem, check=True,
                            stdout=subprocess.PIPE).stdout
    tap.equal(check('check-keys', {'a/a.c': '"-----BEGIN PRIVATE KEY-----\\n"', 'a/b.pem': public,
                                   'a/c.der': base64.b64decode(b''.join(public.split(b'\n')[1:-2]))})[0], 0)


tap.main()
