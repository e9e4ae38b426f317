"""The manual page tells every option, and its examples run as they stand."""
import os
import re
import subprocess

import realm
import tap

PAGES = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../man')
PAGE = os.path.join(PAGES, 'medseal.1')
READY_SECONDS = 20


def test_lint():
    "mandoc finds nothing wrong with any page"
    pages = sorted(os.path.join(PAGES, f) for f in os.listdir(PAGES) if re.search(r'\.\d$', f))
    if PAGE.replace(PAGES, '') not in [p.replace(PAGES, '') for p in pages]:
        raise AssertionError(pages)
    result = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', *pages], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    tap.equal((result.returncode, result.stdout), (0, ''))


def test_every_option():
    "every command and option of --help is in the manual, and nothing else"
    with open(PAGE, encoding='utf-8') as f:
        page = f.read()
    told = set(re.findall(r'Fl Fl ([a-z0-9-]+)', page))
    known = set()
    with realm.Realm(init=False) as r:
        for command in re.findall(r'(?m)^  medseal ((?:[a-z]+ ?){1,2})\b', r.medseal('--help').stdout):
            tap.contains(page, f'.It Cm {command.strip()}')
            known |= set(re.findall(r'(?m)^  .{0,4}--([a-z0-9-]+)',
                                    r.medseal(*command.split(), '--help').stdout))
    tap.equal(sorted(told), sorted(known))


def examples():
    """The commands of the page: a line with '$ ' begins one, further lines continue it."""
    with open(PAGE, encoding='utf-8') as f:
        text = f.read().split('.Sh EXAMPLES')[1].split('.Sh')[0]
    commands = []
    for block in re.findall(r'\.Bd -literal.*?\n(.*?)\n\.Ed', text, re.S):
        for line in block.splitlines():
            line = line.replace('\\e', '\\')
            if line.startswith('$ '):
                commands.append(line[2:])
            else:
                commands[-1] += '\n' + line
    return commands


def test_examples():
    "the examples run, one after the other"
    if not realm.available('medseald'):
        tap.skip('medseald is not built')
    commands = examples()
    if len(commands) < 12:
        raise AssertionError(commands)
    with realm.Realm(init=False) as r:
        script = 'set -eu\ntrap \'test -z "${server-}" || { kill $server; wait $server; }\' EXIT\n'
        for command in commands:
            script += 'echo "+ next" >&2\n'
            if command.endswith('&'):
                script += (f'{command[:-1]} 2>server.log &\nserver=$!\n'
                           f'for i in $(seq {READY_SECONDS * 20}); do\n'
                           '    grep -q server.ready server.log && break; sleep 0.05\ndone\n')
            else:
                script += command + '\n'
        for port, mine in [('8443', r.est_port), ('8444', r.admin_port)]:
            tap.contains(script, port)
            script = script.replace(port, str(mine))
        os.rename(r.secrets, f'{r.top}/other')
        env = realm.environment()
        env['PATH'] = f'{r.path("bin")}:{env["PATH"]}'
        result = r.run('bash', '-c', script, env=env, check=False)
        tap.equal(result.returncode, 0, result.stdout + result.stderr)
        tap.contains(result.stdout, '"verified"' if '--json' in commands[-1] else 'verified')


tap.main()
