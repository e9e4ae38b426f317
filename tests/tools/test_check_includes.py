"""tools/check-includes must be able to fail: each kind of fault in a small tree of its own."""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '..', '..')
sys.path.insert(0, os.path.join(HERE, '..', 'e2e'))
import tap  # noqa: E402

TOOL = os.path.join(ROOT, 'tools', 'check-includes')

# A tree without a fault; each test adds one.
CLEAN = {
    'base/err.h': '#include <stdint.h>\n',
    'base/err.c': '#include "base/err.h"\n',
    'crypto/key.c': '#include "base/err.h"\n#include <openssl/evp.h>\n',
    'crypto/key.h': '',
    'store/store.h': '',
    'store/sqlite.c': '#include <sqlite3.h>\nstatic const char q[] = "SELECT a FROM b";\n',
    'server/main.c': '#include "store/store.h"\n#include <sys/socket.h>\n#include <event2/http.h>\n',
    'server/config.h': '',
    'cli/main.c': '#include "store/store.h"\n',
    'verify/image.h': '#include <stdint.h>\n',
    'verify/image.c': '#include "verify/image.h"\n',
    'firmware/mcuboot.c': '#include "verify/image.h"\n',
    'protocol/est.h': '',
    'authority/enrol.c': '',
    'ipc/frame.h': '',
    'merkle/tree.h': '',
    'tests/unit/helper.h': '',
    'tests/unit/test_x.c': '#include "tests/unit/helper.h"\n#include "crypto/key.h"\n',
}


def check(extra):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**CLEAN, **extra}.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), 'w', encoding='utf-8') as file:
                file.write(text)
        done = subprocess.run([sys.executable, TOOL, root], stdout=subprocess.PIPE, text=True)
    return done.returncode, done.stdout.splitlines()


def fails(path, text, complaint):
    """The one fault is complained about in exactly these words."""
    status, lines = check({path: text})
    tap.equal(lines[:-1], [complaint])
    tap.contains(lines[-1], 'files read, 1 faults')
    tap.equal(status, 1)


def test_clean():
    "a tree without a fault passes"
    tap.equal(check({}), (0, [f'{len(CLEAN)} files read, 0 faults']))


def test_empty():
    "a tree without a file fails"
    with tempfile.TemporaryDirectory() as root:
        done = subprocess.run([sys.executable, TOOL, root], stdout=subprocess.PIPE, text=True)
    tap.equal((done.returncode, done.stdout), (1, '0 files read, 0 faults\n'))


def test_upward():
    "an include that points upward"
    fails('authority/bad.c', '\n#include "protocol/est.h"\n',
          'authority/bad.c:2: authority/ is below protocol/; includes point downward')


def test_sideways():
    "an include across one floor that is not listed"
    fails('ipc/bad.c', '#include "merkle/tree.h"\n',
          'ipc/bad.c:1: ipc/ and merkle/ are on one floor and no arrow between them is listed')


def test_programs():
    "the programs do not include each other"
    fails('cli/bad.c', '#include "server/config.h"\n',
          'cli/bad.c:1: cli/ and server/ are on one floor and no arrow between them is listed')


def test_relative():
    "a path that does not begin at the root"
    fails('base/bad.c', '#include "err.h"\n',
          'base/bad.c:1: "err.h" is not a file; paths begin at the root')


def test_missing():
    "a header that is not there"
    fails('base/bad.c', '#include "base/none.h"\n',
          'base/bad.c:1: "base/none.h" is not a file; paths begin at the root')


def test_tests():
    "product code that includes a test's header"
    fails('base/bad.c', '#include "tests/unit/helper.h"\n', 'base/bad.c:1: nothing includes tests/')


def test_no_floor():
    "a new folder without a floor"
    fails('attic/new.c', '', 'attic/: has no floor; give it one in tools/check-includes')


def test_freestanding_room():
    "verify/ that includes another room"
    fails('verify/bad.c', '#include "base/err.h"\n',
          'verify/bad.c:1: verify/ is freestanding and includes nothing of base/')


def test_freestanding_libc():
    "verify/ that wants more of libc than a bootloader has"
    fails('verify/bad.c', '#include <stdlib.h>\n',
          'verify/bad.c:1: verify/ is freestanding; <stdlib.h> is not there in a bootloader')


def power(path, header, kind):
    status, lines = check({path: f'#include {header}\n'})
    tap.equal((status, len(lines)), (1, 2))
    start = f'{path}:1: <{header[1:-1]}>: {kind} headers appear only in '
    tap.equal(lines[0][:len(start)], start)


def test_openssl():
    "OpenSSL outside crypto/ and x509/"
    power('authority/bad.c', '<openssl/evp.h>', 'OpenSSL')
    power('authority/bad.c', '"openssl/evp.h"', 'OpenSSL')
    power('firmware/mcuboot.c', '<openssl/sha.h>', 'OpenSSL')
    power('server/keeper.c', '<openssl/ssl.h>', 'OpenSSL')


def test_openssl_allowed():
    "OpenSSL where it belongs"
    for path in ('x509/a.c', 'firmware/cms.c', 'server/tls_key.c', 'bench/a.c', 'tests/unit/a.c'):
        tap.equal(check({path: '#include <openssl/evp.h>\n'})[0], 0, path)


def test_database():
    "a database header outside store/"
    power('audit/bad.c', '<sqlite3.h>', 'database')
    power('server/keeper.c', '<libpq-fe.h>', 'database')


def test_socket():
    "a socket header outside server/, ipc/ and the clients"
    for header in ('<sys/socket.h>', '<sys/un.h>', '<netinet/in.h>', '<arpa/inet.h>', '<netdb.h>',
                   '<event2/event.h>'):
        power('protocol/bad.c', header, 'socket')


def test_sandbox():
    "a seccomp or Landlock header outside sandbox/"
    power('server/worker.c', '<seccomp.h>', 'sandbox')
    power('server/worker.c', '<linux/landlock.h>', 'sandbox')


def test_sql():
    "an SQL statement outside store/"
    for text in ('SELECT a FROM b', 'INSERT OR IGNORE INTO t', 'UPDATE t SET a=1', 'DELETE FROM t',
                 'CREATE TABLE t', 'PRAGMA user_version'):
        fails('authority/bad.c', f'const char *q = "{text}";\n',
              'authority/bad.c:1: SQL appears only in store/')


def test_banned():
    "a banned function"
    fails('base/bad.c', 'void f(char *a) {\n\tstrcpy (a, "x");\n}\n',
          'base/bad.c:2: strcpy() is banned: it knows no size; use the byte cursor')
    fails('tests/unit/bad.c', 'int f(void) { return system("ls"); }\n',
          'tests/unit/bad.c:1: system() is banned: it starts a shell')


def test_words():
    "a banned name in a comment, a string, a member or a longer name is no call"
    tap.equal(check({'base/ok.c': '// strcpy(a)\n/* system(\n "x") */\nconst char *s = "gets(";\n'
                                  'void f(void) { a->rand(); b.random(); my_rand(); atoi_ct(); }\n'})[0], 0)


def test_commented():
    "an include in a comment is none"
    tap.equal(check({'base/ok.c': '/*\n#include "cli/x.h"\n*/\n'})[0], 0)


def test_no_circle():
    "the listed sideways arrows make no circle"
    names = {}
    with open(TOOL, encoding='utf-8') as file:
        text = file.read()
    exec(text[text.index('FLOORS ='):text.index('# Freestanding')], names)
    arrows = set(names['SIDEWAYS'])
    while True:
        more = {(a, d) for a, b in arrows for c, d in arrows if b == c} - arrows
        if not more:
            break
        arrows |= more
    tap.equal([a for a, b in arrows if a == b], [])
    for a, b in names['SIDEWAYS']:
        tap.equal(names['FLOOR'][a], names['FLOOR'][b], f'{a} and {b} are on one floor')


tap.main()
