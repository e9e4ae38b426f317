"""tools/in-root finds the mirror in the host's own apt configuration, in both of apt's formats."""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'e2e'))
import tap  # noqa: E402

TOOL = os.path.join(HERE, '..', '..', 'tools', 'in-root')
BOOKWORM = 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'


def sources(files, os_release=BOOKWORM, **env):
    """Exit status, and what the root is made from: (URI, suite) in order."""
    with tempfile.TemporaryDirectory() as etc:
        for path, text in {'os-release': os_release, **files}.items():
            os.makedirs(os.path.dirname(os.path.join(etc, path)), exist_ok=True)
            with open(os.path.join(etc, path), 'w', encoding='utf-8') as file:
                file.write(text)
        done = subprocess.run([TOOL, '--sources'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True, env={**os.environ, 'MEDSEAL_ETC': etc, **env})
    rows = [line.split() for line in done.stdout.splitlines()]
    for row in rows:
        tap.equal([row[0], row[1], row[4:]], ['deb', '[signed-by=KEYRING]', ['main']])
    return done.returncode, [(row[2], row[3]) for row in rows]


ALL = [('http://m.test/debian', 'trixie'), ('http://m.test/debian', 'trixie-updates'),
       ('http://s.test/sec', 'trixie-security')]


def test_one_line():
    "sources.list"
    tap.equal(sources({'apt/sources.list':
                       '# deb http://old.test/debian bookworm main\n'
                       'deb-src http://src.test/debian bookworm main\n'
                       'deb [arch=amd64 signed-by=/k.gpg] http://m.test/debian bookworm main contrib # ours\n'
                       'deb http://m.test/debian bookworm-updates main\n'
                       'deb http://s.test/sec bookworm-security main\n'}), (0, ALL))


def test_deb822():
    "*.sources, with continued lines, comments and a stanza that is off"
    tap.equal(sources({'apt/sources.list.d/x.sources':
                       'Types: deb\nURIs: http://off.test/debian\nSuites: bookworm\nComponents: main\n'
                       'Enabled: no\n\n'
                       'Types: deb-src deb\n# URIs: http://wrong.test\nURIs: http://m.test/debian\n'
                       'Suites: bookworm\n bookworm-updates\nComponents: main\n\n\n'
                       'Types: deb\nURIs:  http://s.test/sec\nSuites: bookworm-security\n'
                       'Components: main'}), (0, ALL))


def test_third_party():
    "other people's archives are not the mirror"
    tap.equal(sources({'apt/sources.list': 'deb http://vendor.test/apt vendor main\n'
                                           'deb http://vendor.test/flat ./\n'
                                           'deb cdrom:[Debian]/ bookworm main\n',
                       'apt/sources.list.d/a.list': 'deb http://m.test/debian bookworm main\n'}),
              (0, ALL[:2]))


def test_old_security():
    "the security archive under its old name, on a host of stable"
    tap.equal(sources({'apt/sources.list': 'deb http://m.test/debian stable main\n'
                                           'deb http://s.test/sec stable/updates main\n'}), (0, ALL))


def test_two_files():
    "a file that does not end in an empty line does not run into the next"
    tap.equal(sources({'apt/sources.list.d/a.sources':
                       'Types: deb\nURIs: http://v.test/a\nSuites: other\nComponents: main',
                       'apt/sources.list.d/b.sources':
                       'Types: deb\nURIs: http://m.test/debian\nSuites: bookworm\nComponents: main'}),
              (0, ALL[:2]))


def test_none():
    "a Debian host without a mirror is told so; MEDSEAL_MIRROR names one"
    tap.equal(sources({}), (125, []))
    tap.equal(sources({}, MEDSEAL_MIRROR='http://m.test/debian'), (0, ALL[:2]))


def test_ubuntu():
    "on Ubuntu the archive is mmdebstrap's own"
    files = {'apt/sources.list': 'deb http://u.test/ubuntu noble main\n'}
    tap.equal(sources(files, 'ID=ubuntu\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n'), (0, []))


tap.main()
