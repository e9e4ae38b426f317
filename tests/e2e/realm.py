"""A realm of its own for a test: folder, passphrases, operators, and its server.

    import realm
    with realm.Realm() as r:            # medseal init in a temporary folder
        r.start()                       # medseald, ready when this returns
        r.medseal('device', 'add', 'PUMP-1', '--product', 'pump', by='alice')
        ticket = r.json('device', 'ticket', 'PUMP-1', by='alice')['ticket']
        r.refused('device-unknown', 'device', 'show', 'PUMP-9', by='alice')
        os.kill(r.process('keeper'), signal.SIGKILL)

The programs are those of the build folder in $MEDSEAL_BUILD. As root they run as the user medseal,
copied to where that user can reach them: nothing here needs to be root.
"""
import atexit
import base64
import glob
import json
import os
import pty
import pwd
import re
import select
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import tap

BUILD = os.environ.get('MEDSEAL_BUILD') or os.path.join(os.path.dirname(__file__), '../../build-check')
PROGRAMS = {'medseal': 'cli', 'medseald': 'server', 'medseal-agent': 'agent'}
USER = 'medseal'
START_SECONDS = 20      # under ASan, with a busy neighbour
STOP_SECONDS = 20
TAIL_LINES = 40         # of the server's log, shown when a case fails
SANITIZER = re.compile(r'^.*(?:ERROR: \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer).*$', re.M)


def available(program):
    return os.access(os.path.join(BUILD, PROGRAMS[program], program), os.X_OK)


def free_ports(n):
    socks = [socket.socket() for _ in range(n)]
    for s in socks:
        s.bind(('127.0.0.1', 0))
    ports = [s.getsockname()[1] for s in socks]
    for s in socks:
        s.close()
    return ports


def environment(*asan):
    """The caller's, with leak checks off: the programs forbid ptrace, which LSan needs."""
    env = dict(os.environ)
    env['ASAN_OPTIONS'] = ':'.join(filter(None, [env.get('ASAN_OPTIONS'), 'detect_leaks=0', *asan]))
    env.pop('MEDSEAL_OPERATOR', None)
    env.pop('CREDENTIALS_DIRECTORY', None)
    return env


def at(when, env):
    """With libfaketime: a process whose clock begins at `when`, as 'YYYY-MM-DD hh:mm:ss' in UTC."""
    found = glob.glob('/usr/lib/*/faketime/libfaketimeMT.so.1')
    if not found:
        tap.skip('libfaketime is not installed')
    asan = env.get('ASAN_OPTIONS', '') + ':verify_asan_link_order=0'
    return {**env, 'LD_PRELOAD': found[0], 'FAKETIME': f'@{when}', 'TZ': 'UTC', 'ASAN_OPTIONS': asan,
            'FAKETIME_DISABLE_SHM': '1', 'FAKETIME_DONT_FAKE_MONOTONIC': '1'}


def no_sanitizer_report(text):
    found = SANITIZER.search(text)
    if found:
        raise AssertionError(f'a sanitizer report: {text[found.start():found.start() + 4000]}')


def proc(pid, what):
    """A file of /proc/PID, '' when the process is gone."""
    try:
        with open(f'/proc/{pid}/{what}', encoding='utf-8', errors='replace') as f:
            return f.read()
    except OSError:
        return ''


def descriptors(pid):
    """What the open descriptors of a process lead to."""
    found = []
    try:
        for fd in os.listdir(f'/proc/{pid}/fd'):
            try:
                found.append(os.readlink(f'/proc/{pid}/fd/{fd}'))
            except OSError:
                pass
    except OSError:
        pass
    return found


def listening(port):
    """The socket, as a descriptor leads to it, that listens on a TCP port of 127.0.0.1."""
    with open('/proc/net/tcp', encoding='ascii') as f:
        for line in f.readlines()[1:]:
            fields = line.split()
            if fields[3] == '0A' and int(fields[1].split(':')[1], 16) == port:
                return f'socket:[{fields[9]}]'
    return None


class Failed(AssertionError):
    def __init__(self, args, result):
        super().__init__(f'{" ".join(map(str, args))}: exit status {result.returncode}\n'
                         f'{result.stdout}{result.stderr}')
        self.result = result


class Realm:
    """`init=False` makes the folders and passphrases only; `init_args` are added to `medseal init`."""

    def __init__(self, name='Test Pumps', operators=('alice', 'bob', 'carol'), init=True,
                 init_args=(), config=(), asan=()):
        self.name, self.operators, self.asan = name, list(operators), asan
        self.top = tempfile.mkdtemp(prefix='medseal-test-')
        self.dir, self.root_dir = f'{self.top}/realm', f'{self.top}/root'
        self.operators_dir, self.secrets = f'{self.top}/operators', f'{self.top}/secrets'
        self.est_port, self.compat_port, self.admin_port = free_ports(3)
        self.server = None
        self.log_path = f'{self.top}/server.log'
        self.as_user = []
        self._bin = f'{self.top}/bin'
        atexit.register(self.close)
        tap.at_failure.append(self.show_log)
        try:
            self._prepare()
            if init:
                self.init(*init_args)
                if config:
                    self.configure(*config)
        except BaseException:
            self.close()
            raise

    # ---- folders, programs, passphrases ----

    def _prepare(self):
        os.mkdir(self._bin, 0o755)
        os.mkdir(self.secrets, 0o700)
        for program, folder in PROGRAMS.items():
            source = os.path.join(BUILD, folder, program)
            if os.access(source, os.X_OK):
                shutil.copy2(source, self._bin)
        for who in ['server', 'root', *self.operators]:
            self.secret(who)
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            self.as_user = ['setpriv', f'--reuid={USER}', f'--regid={user.pw_gid}', '--clear-groups']
            for path in [self.top, self._bin, self.secrets,
                         *(os.path.join(self.secrets, f) for f in os.listdir(self.secrets))]:
                os.chown(path, user.pw_uid, user.pw_gid)

    def secret(self, name, text=None):
        """A passphrase file; the path."""
        path = f'{self.secrets}/{name}'
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, 'w') as f:
            f.write((text if text is not None
                     else base64.b64encode(secrets.token_bytes(18)).decode()) + '\n')
        self.give(path)
        return path

    def give(self, path):
        """To the user that the programs run as."""
        if self.as_user:
            user = pwd.getpwnam(USER)
            os.chown(path, user.pw_uid, user.pw_gid)
        return path

    def path(self, *parts):
        return os.path.join(self.top, *parts)

    def write(self, name, data):
        """A file in the temporary folder that the programs can read; its path."""
        path = self.path(name)
        with open(path, 'wb') as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        return self.give(path)

    def write_tree(self, name, source):
        """A copy of a folder that the programs can read; its path."""
        path = self.path(name)
        shutil.copytree(source, path)
        for where, dirs, files in os.walk(path):
            for part in ['.', *dirs, *files]:
                self.give(os.path.join(where, part))
        return path

    @property
    def root_cert(self):
        return f'{self.dir}/certs/root.pem'

    @property
    def log_key(self):
        return f'{self.dir}/certs/log.vkey'

    # ---- running ----

    def run(self, *args, check=True, **kw):
        """Any command, as the user; text in and out."""
        args = [str(a) for a in args]
        kw.setdefault('cwd', self.top)
        result = subprocess.run(self.as_user + args, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, stdin=kw.pop('stdin', subprocess.DEVNULL),
                                env=kw.pop('env', environment()), start_new_session=True, **kw)
        no_sanitizer_report(result.stderr)
        if check and result.returncode != 0:
            raise Failed(args, result)
        return result

    def terminal(self, args, answers, seconds=60):
        """Run with a terminal of its own; `answers`: (pattern, line to type) in turn.  Status, text."""
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.top)
            os.execvpe((self.as_user + args)[0], self.as_user + args, environment())
        out, answers, end = '', list(answers), time.monotonic() + seconds
        while time.monotonic() < end:
            if answers and re.search(answers[0][0], out):
                time.sleep(0.2)         # what is typed before the question is thrown away
                os.write(fd, (answers.pop(0)[1] + '\n').encode())
            if select.select([fd], [], [], 0.1)[0]:
                try:
                    piece = os.read(fd, 65536)
                except OSError:         # the other side is closed
                    break
                if not piece:
                    break
                out += piece.decode(errors='replace')
        else:
            os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(fd)
        return status, out.replace('\r\n', '\n')

    def program(self, name):
        return f'{self._bin}/{name}'

    def medseal(self, *args, by=None, check=True, **kw):
        """`by`: an operator, whose identity and passphrase are added."""
        extra = []
        if by is not None:
            extra = ['--operator', f'{self.operators_dir}/{by}', '--passphrase-file',
                     f'{self.secrets}/{by}']
        return self.run(self.program('medseal'), *args, *extra, check=check, **kw)

    def json(self, *args, by=None):
        return json.loads(self.medseal(*args, '--json', by=by).stdout)

    def refused(self, code, *args, by=None, **kw):
        """It must fail with exactly this code; the result."""
        result = self.medseal(*args, by=by, check=False, **kw)
        if result.returncode == 0 or f'[{code}]' not in result.stderr:
            raise Failed([f'(wanted {code})', *args], result)
        return result

    def init_arguments(self):
        args = ['init', self.dir, '--name', self.name, '--root-out', self.root_dir,
                '--operators-out', self.operators_dir,
                '--passphrase-file', f'{self.secrets}/server',
                '--root-passphrase-file', f'{self.secrets}/root',
                '--operator-passphrases', self.secrets,
                '--listen-est', f'127.0.0.1:{self.est_port}',
                '--listen-est-compat', f'127.0.0.1:{self.compat_port}',
                '--listen-admin', f'127.0.0.1:{self.admin_port}',
                '--server-name', 'localhost', '--server-name', '127.0.0.1']
        for who in self.operators:
            args += ['--operator', who]
        return args

    def init(self, *more):
        return self.medseal(*self.init_arguments(), *more)

    def configure(self, *settings):
        """Replace lines of medseal.conf: 'workers = 1'."""
        path = f'{self.dir}/medseal.conf'
        with open(path, encoding='utf-8') as f:
            text = f.read()
        for setting in settings:
            key = setting.split('=')[0].strip()
            text, n = re.subn(rf'(?m)^#?\s*{re.escape(key)}\s*=.*$', setting, text)
            if n == 0:
                text += setting + '\n'
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)

    # ---- the server ----

    def start(self, *more, wait=True, clock=None):
        """medseald in the background; returns when it says that it is ready. `clock`: see at()."""
        env = environment('symbolize=0', *self.asan)    # the sandbox forbids what symbols need
        with open(self.log_path, 'ab') as log:
            offset = log.tell()
            self.server = subprocess.Popen(
                self.as_user + [self.program('medseald'), '--realm', self.dir, '--passphrase-file',
                                f'{self.secrets}/server', *more],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.top,
                env=at(clock, env) if clock else env)
        end = time.monotonic() + START_SECONDS
        while wait:
            text = self.log(offset)
            if re.search(r'server\.ready', text):
                break
            if self.server.poll() is not None or time.monotonic() > end:
                raise AssertionError(f'medseald did not become ready:\n{text}')
            time.sleep(0.02)
        return self

    def log(self, offset=0):
        with open(self.log_path, encoding='utf-8', errors='replace') as f:
            f.seek(offset)
            return f.read()

    def show_log(self):
        """The end of the server's log, as comments of the test's output."""
        if os.path.exists(self.log_path):
            tap.comment('the server\'s log ends:')
            tap.comment('\n'.join(self.log().splitlines()[-TAIL_LINES:]))

    def processes(self):
        """Process ids by role: {'parent': [..], 'keeper': [..], 'signer': [..], 'worker': [..]}."""
        pid = self.server.pid
        found = {'parent': [pid], 'keeper': [], 'signer': [], 'worker': []}
        listener = listening(self.est_port)
        for child in map(int, proc(pid, f'task/{pid}/children').split()):
            open_files = descriptors(child)
            if listener in open_files:
                found['worker'].append(child)
            elif f'{self.dir}/medseal.db' in open_files:
                found['keeper'].append(child)
            elif open_files:
                found['signer'].append(child)
        return found

    def process(self, role):
        """The one process of a role."""
        found = self.processes()
        if len(found[role]) != 1:
            raise AssertionError(f'one {role} is wanted, there are: {found}')
        return found[role][0]

    def wait_log(self, pattern, offset=0, seconds=START_SECONDS):
        """Until the server's log, from an offset in bytes on, has this; the match."""
        end = time.monotonic() + seconds
        while True:
            text = self.log(offset)
            found = re.search(pattern, text)
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError(f'no {pattern!r} in the server\'s log:\n{text[-4000:]}')
            time.sleep(0.02)

    def log_size(self):
        return os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0

    def verify_log(self):
        """The audit log, verified from an export, without the server; the export's text."""
        path = self.path('export.txt')
        if os.path.exists(path):
            os.unlink(path)
        self.medseal('log', 'export', '--output', path, by=self.operators[0])
        self.medseal('log', 'verify', path, '--log-key', self.log_key)
        with open(path, encoding='utf-8') as f:
            return f.read()

    def end(self):
        """The last case of a test: the log verifies, the server stops well, nothing was reported."""
        self.verify_log()
        tap.equal(self.stop(), 0, 'exit status of medseald')
        no_sanitizer_report(self.log())

    def stop(self, how=signal.SIGTERM):
        """The exit status."""
        if self.server is None:
            return None
        if self.server.poll() is None:
            self.server.send_signal(how)
        try:
            return self.server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
            raise AssertionError(f'medseald did not stop:\n{self.log()}') from None
        finally:
            self.server = None

    def close(self):
        if self.server is not None and self.server.poll() is None:
            self.server.kill()
            self.server.wait()
        if self.show_log in tap.at_failure:
            tap.at_failure.remove(self.show_log)
        shutil.rmtree(self.top, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *exc):
        try:
            if kind is None or kind is SystemExit:
                no_sanitizer_report(self.log() if os.path.exists(self.log_path) else '')
            else:
                self.show_log()
        finally:
            self.close()
