"""tools/walk goes through, and says so when a step does not go as it should."""
import os
import re
import subprocess
import tempfile

import realm
import tap

WALK = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../tools/walk')
SECONDS = 240

# A verifier that says yes to everything, and a log that nobody may export.
YES_MAN = '''#!/bin/sh
case "$1 $2" in
"release verify") echo verified; exit 0 ;;
"log export") echo "medseal: no [permissions]" >&2; exit 1 ;;
esac
exec REAL "$@"
'''


def walk(first_in_path=None, *args):
    env = realm.environment()
    path = [os.path.abspath(os.path.join(realm.BUILD, folder)) for folder in ('cli', 'server', 'agent')]
    env['PATH'] = ':'.join(filter(None, [first_in_path, *path, env['PATH']]))
    return subprocess.run([WALK, *args], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors='replace', timeout=SECONDS)


def test_it_goes_through():
    "every step goes as it should, attacks included; a folder that was named stays"
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o711)
        result = walk(None, '--dir', f'{top}/walk')
        tap.equal((result.returncode, re.findall(r'(?m)^not ok.*', result.stdout)), (0, []),
                  result.stdout[-6000:])
        tap.contains(result.stdout, 'steps went as they should')
        for code in ['device-unknown', 'ticket-used', 'ticket-serial', 'peer-untrusted', 'approval-self',
                     'bundle-image', 'release-image', 'bundle-rollback', 'log-edited', 'log-cut-off']:
            tap.contains(result.stdout, f'refused, {code}')
        tap.contains(result.stdout, 'ok  medseal keys audit finds both')
        tap.contains(os.listdir(f'{top}/walk'), 'realm')


def test_it_can_fail():
    "a refusal that does not come, and a step that fails, are not ok, and the status is 1"
    with tempfile.TemporaryDirectory() as shim:
        real = os.path.abspath(os.path.join(realm.BUILD, 'cli', 'medseal'))
        with open(f'{shim}/medseal', 'w', encoding='utf-8') as f:
            f.write(YES_MAN.replace('REAL', real))
        os.chmod(f'{shim}/medseal', 0o755)
        result = walk(shim)
        tap.equal(result.returncode, 1)
        wrong = '\n'.join(re.findall(r'(?m)^not ok.*', result.stdout))
        for part in ['wanted the refusal bundle-image', 'wanted the refusal bundle-rollback',
                     'the log is exported', 'steps did not go as they should']:
            tap.contains(wrong, part)


def test_its_call():
    "a word it does not know is refused"
    result = walk(None, '--frob')
    tap.equal(result.returncode, 2)
    tap.contains(result.stdout, '--keep')


tap.main()
