"""Stopping, starting, reading the configuration again, and processes that die."""
import base64
import json
import os
import re
import signal
import socket
import threading
import time

import device
import realm
import tap

R = None
FACTORY = None
STOP_LIMIT = 6      # seconds: what a stop may wait for requests of which no more comes, and some
CACERTS = f'{device.EST}/cacerts'


def setup(r):
    global R, FACTORY
    R = r
    r.configure('server.workers = 2')
    r.start()
    FACTORY = device.Factory(r)


def show(serial):
    return device.show(R, serial)


def new_device(serial):
    """Registered, with an identity and a request."""
    device.add(R, serial, 'factory')
    return FACTORY.idevid(serial), device.csr(R, device.new_key(R, serial), serial)


def enrolled(serial):
    identity, request = new_device(serial)
    return device.certificate(R, device.enrol(R, request, identity=identity), serial)


def certificate_serial(cert):
    text = device.openssl('x509', '-in', cert, '-noout', '-serial').decode()
    return text.strip().split('=')[1].lower()


def reload():
    offset = R.log_size()
    R.server.send_signal(signal.SIGHUP)
    return offset


def gone(pid, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if realm.proc(pid, 'stat').split(')')[-1].split()[:1] in ([], ['Z']):
            return
        time.sleep(0.02)
    raise AssertionError(f'process {pid} is still there')


def settled(role, count, seconds=10):
    """Until there are so many of a role; their process ids."""
    end = time.monotonic() + seconds
    while True:
        found = R.processes()[role]
        if len(found) == count:
            return found
        if time.monotonic() > end:
            raise AssertionError(f'{count} of {role} are wanted, there are {found}')
        time.sleep(0.05)


def half_posted(serial):
    """A connection on which an enrolment was begun; and the rest of it."""
    identity, request = new_device(serial)
    body = base64.encodebytes(request)
    s = device.connect(R, identity=identity)
    head = (f'POST {device.EST}/simpleenroll HTTP/1.1\r\nHost: localhost\r\n'
            f'Content-Type: {device.CSR_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n').encode()
    s.sendall(head + body[:50])
    time.sleep(0.3)     # it is read
    return s, body[50:]


def read_all(s):
    answer = b''
    try:
        while chunk := s.recv(65536):
            answer += chunk
    except OSError:
        pass
    return answer


def test_start_time():
    "from start to the first answer; how much memory all processes take when idle"
    tap.equal(R.stop(), 0)
    begin = time.monotonic()
    R.start()
    tap.equal(device.https(R, CACERTS).status, 200)
    tap.comment(f'{time.monotonic() - begin:.2f} s (this build, with its sanitizers)')
    total = 0
    for pids in R.processes().values():
        for pid in pids:
            total += int(re.search(r'Pss:\s+(\d+)', realm.proc(pid, 'smaps_rollup')).group(1))
    tap.comment(f'{total / 1024:.1f} MiB (sum of PSS; this build, with its sanitizers)')


def test_who():
    "no process runs as root; each but the parent is confined; none holds a port it does not serve"
    for role, pids in R.processes().items():
        for pid in pids:
            status = realm.proc(pid, 'status')
            uids = re.search(r'Uid:\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)', status).groups()
            if '0' in uids:
                raise AssertionError(f'{role} runs as root')
            if role != 'parent':
                tap.contains(status, 'NoNewPrivs:\t1')
                tap.contains(status, 'Seccomp:\t2')
            tap.contains(status, 'CapEff:\t0000000000000000')
            if role in ('keeper', 'signer'):
                held = realm.descriptors(pid)
                for port in (R.est_port, R.admin_port, R.compat_port):
                    if realm.listening(port) in held:
                        raise AssertionError(f'the {role} holds port {port}')
    for pid in R.processes()['worker']:
        files = [f for f in realm.descriptors(pid) if f.startswith(R.dir)]
        tap.equal(files, [], 'files of the realm open in a worker')


def refuses_soon(seconds=2):
    """Until a new connection is refused: the workers close their listeners one after the other."""
    end = time.monotonic() + seconds
    while True:
        try:
            device.connect(R, seconds=2).close()
        except OSError:
            return
        if time.monotonic() > end:
            raise AssertionError('a new connection was taken after SIGTERM')
        time.sleep(0.05)


def test_graceful():
    "SIGTERM: a request that was begun is finished and answered, idle connections are closed, 0"
    s, rest = half_posted('PUMP-1')
    idle = device.connect(R)
    server = R.server
    server.send_signal(signal.SIGTERM)
    tap.equal(read_all(idle), b'', 'the idle connection')
    refuses_soon()
    s.sendall(rest)
    answer = read_all(s)
    if not answer.startswith(b'HTTP/1.1 200 '):
        raise AssertionError(repr(answer[:400]))
    tap.contains(answer, b'Connection: close')
    tap.equal(server.wait(realm.STOP_SECONDS), 0)
    R.server = None
    R.start()
    tap.equal(len(show('PUMP-1')['certificates']), 1, 'what the client was given is recorded')


def test_stop_with_unfinished():
    "SIGTERM with three half-finished requests and half a handshake: ends all the same, soon, with 0"
    head = (f'POST {device.EST}/simpleenroll HTTP/1.1\r\nHost: localhost\r\n'
            f'Content-Type: {device.CSR_TYPE}\r\nContent-Length: 900\r\n').encode()
    socks = []
    try:
        for part in (head[:20], head, head + b'\r\n' + b'A' * 100):
            s = device.connect(R)
            socks.append(s)
            s.sendall(part)
        half = socket.create_connection(('127.0.0.1', R.est_port), device.SECONDS)
        socks.append(half)
        half.sendall(b'\x16\x03\x01\x02\x00\x01')     # a record's head and no more
        time.sleep(0.3)
        begin = time.monotonic()
        status = R.stop()
        took = time.monotonic() - begin
    finally:
        for s in socks:
            s.close()
    tap.comment(f'stopped after {took:.1f} s')
    tap.equal(status, 0, 'exit status')
    if took > STOP_LIMIT:
        raise AssertionError(f'it took {took:.1f} s')
    R.start()


def test_keeps_everything():
    "a restart keeps devices, certificates, tickets, the log"
    enrolled('PUMP-2')
    device.add(R, 'PUMP-3')
    secret = device.ticket(R, 'PUMP-3')
    before = R.medseal('device', 'list', '--json', by='alice').stdout, show('PUMP-2'), R.verify_log()
    tap.equal(R.stop(), 0)
    R.start()
    tap.equal(R.medseal('device', 'list', '--json', by='alice').stdout, before[0])
    tap.equal(show('PUMP-2'), before[1])
    entries = [line for line in before[2].splitlines() if line.startswith('{')]
    now = [line for line in R.verify_log().splitlines() if line.startswith('{')]
    tap.equal(now[:len(entries)], entries)
    answer = device.enrol(R, device.csr(R, device.new_key(R, 'x3'), 'PUMP-3'),
                          headers=device.basic('PUMP-3', secret))
    device.certificate(R, answer)


def test_interrupt():
    "SIGINT stops it as SIGTERM does, and leaves no file that says it runs"
    tap.equal(R.stop(signal.SIGINT), 0)
    left = [f for f in os.listdir(f'{R.dir}/run') if f != 'lock']
    tap.equal(left, [])
    R.start()


def test_reload():
    "SIGHUP: new settings hold, and a connection that was there goes on"
    client = device.Client(R)
    tap.equal(client.request(CACERTS).status, 200)
    before = R.processes()['worker']
    R.configure('server.workers = 3', 'log.format = json')
    offset = reload()
    end = time.monotonic() + realm.START_SECONDS
    while '"event":"server.ready"' not in R.log(offset).replace(' ', ''):
        if time.monotonic() > end:
            raise AssertionError(R.log(offset))
        time.sleep(0.05)
    tap.equal(client.request(CACERTS).status, 200, 'on the old connection')
    client.close()
    tap.equal(device.https(R, CACERTS).status, 200, 'on a new connection')
    for pid in before:
        gone(pid, 40)
    tap.equal(len(settled('worker', 3)), 3)
    for line in R.log(offset).splitlines():
        if line.startswith('{'):
            json.loads(line)
    R.configure('server.workers = 2', 'log.format = logfmt')
    offset = reload()
    R.wait_log('server.ready', offset)
    settled('worker', 2, 40)


def test_reload_under_load():
    "reloads drop no request: each one that was sent is answered"
    stop, failed, counts = threading.Event(), [], []

    def load():
        n = 0
        client = None
        while not stop.is_set():
            try:
                if client is None:
                    client = device.Client(R)
                answer = client.request(CACERTS)
                if answer.status != 200:
                    failed.append(repr(answer))
                n += 1
                if answer.headers['Connection'] == 'close':
                    client.close()
                    client = None
            except OSError as e:
                # a kept connection may be closed between two requests, as in any HTTP
                failed.append(repr(e))
                client = None
        counts.append(n)
    threads = [threading.Thread(target=load) for _ in range(3)]
    for t in threads:
        t.start()
    for _ in range(3):
        time.sleep(0.5)
        R.wait_log('server.ready', reload())
    time.sleep(0.5)
    stop.set()
    for t in threads:
        t.join()
    tap.comment(f'{sum(counts)} requests were answered over 3 reloads')
    tap.equal(failed, [])
    settled('worker', 2, 40)


def test_bad_reload():
    "a configuration that is wrong at a reload is refused with its place; the old one stays"
    path = f'{R.dir}/medseal.conf'
    with open(path, encoding='utf-8') as f:
        good = f.read()
    before = R.processes()['worker']
    for bad, code in (('colour = blue\n', 'config-key'), ('nothing\n', 'config-syntax')):
        with open(path, 'w', encoding='utf-8') as f:
            f.write(good + bad)
        offset = reload()
        line = R.wait_log('.*server.reload_refused.*', offset).group()
        tap.contains(line, code)
        tap.contains(line, f'medseal.conf:{good.count(chr(10)) + 1}')
        tap.equal(device.https(R, CACERTS).status, 200)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(good.replace(f'listen.est = 127.0.0.1:{R.est_port}', 'listen.est = 127.0.0.1:1'))
    R.wait_log('server.reload_refused', reload())
    with open(path, 'w', encoding='utf-8') as f:
        f.write(good)
    tap.equal(R.processes()['worker'], before)


def test_worker_killed():
    "kill -9 of a worker: its own connections end, the others go on, another worker takes its place"
    clients = {}
    before = R.processes()
    for n in range(40):
        # whichever worker is awake takes a connection: each must have its share
        asleep = before['worker'][n % 2]
        os.kill(asleep, signal.SIGSTOP)
        try:
            clients[n] = device.Client(R)
            clients[n].request(CACERTS)
        finally:
            os.kill(asleep, signal.SIGCONT)
    victim = before['worker'][0]
    theirs = {n for n, c in clients.items() if socket_of(c) in holders(victim)}
    others = set(clients) - theirs
    if not theirs or not others:
        raise AssertionError(f'{len(theirs)} of 40 connections are with the first worker')
    offset = R.log_size()
    os.kill(victim, signal.SIGKILL)
    R.wait_log('process.ended', offset)
    settled('worker', 2)
    for n in others:
        tap.equal(clients[n].request(CACERTS).status, 200, 'a connection of the other worker')
    for n in theirs:
        try:
            clients[n].http.auto_open = 0
            clients[n].request(CACERTS)
        except Exception:
            continue
        raise AssertionError('a connection of the killed worker answered')
    after = R.processes()
    tap.equal((after['keeper'], after['signer']), (before['keeper'], before['signer']))
    tap.comment(f'{len(theirs)} connections ended, {len(others)} went on')
    enrolled('PUMP-4')


def socket_of(client):
    """The client's port."""
    return client.http.sock.getsockname()[1]


def holders(pid):
    """The clients' ports of the connections that a process holds."""
    inodes = {d for d in realm.descriptors(pid) if d.startswith('socket:')}
    found = set()
    with open('/proc/net/tcp', encoding='ascii') as f:
        for line in f.readlines()[1:]:
            fields = line.split()
            if f'socket:[{fields[9]}]' in inodes and fields[3] == '01':
                found.add(int(fields[2].split(':')[1], 16))
    return found


def test_workers_killed_again_and_again():
    "workers that die again and again are replaced, and the server never stops"
    for _ in range(5):
        for pid in R.processes()['worker']:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)
    settled('worker', 2, 30)
    R.wait_log('.', 0)
    device.serves(R)


def fails_closed(role):
    """Kill a role under load: no client gets a certificate that is not recorded; the server ends."""
    serials = [f'{role.upper()}-{n}' for n in range(24)]
    ready = {serial: new_device(serial) for serial in serials}
    issued, other = {}, []

    def enrol(todo):
        for serial in todo:
            identity, request = ready[serial]
            try:
                answer = device.enrol(R, request, identity=identity)
                if answer.status == 200:
                    issued[serial] = answer
                else:
                    other.append(f'{answer.status} {answer.code}')
            except OSError as e:
                other.append(type(e).__name__)
    threads = [threading.Thread(target=enrol, args=(serials[n::4],)) for n in range(4)]
    victim = R.process(role)
    pids = [pid for pids in R.processes().values() for pid in pids]
    for t in threads:
        t.start()
    end = time.monotonic() + device.SECONDS
    while len(issued) < 4 and time.monotonic() < end:
        time.sleep(0.001)
    os.kill(victim, signal.SIGKILL)
    for t in threads:
        t.join()
    tap.equal(R.server.wait(realm.STOP_SECONDS), 70, 'exit status')
    R.server = None
    for pid in pids:
        gone(pid)
    tap.comment(f'{len(issued)} certificates before, then {sorted(set(other))}')
    if not other or not issued:
        raise AssertionError('all or none went through: nothing was shown')
    R.start()
    log = R.verify_log()
    for serial in serials:
        recorded = [c['serial'].lower() for c in show(serial)['certificates']]
        if serial in issued:
            got = device.certificate(R, issued[serial], f'got-{serial}')
            tap.contains(recorded, certificate_serial(got))
        for one in recorded:
            tap.contains(log, one)
    # who got no answer may ask again
    for serial in serials:
        identity, request = ready[serial]
        answer = device.enrol(R, request, identity=identity)
        tap.equal(answer.status, 200, f'{serial} again: {answer!r}')


def test_keeper_killed():
    "kill -9 of the keeper under load: no certificate without a record; all processes end, status 70"
    fails_closed('keeper')


def test_signer_killed():
    "kill -9 of the signer under load: the same"
    fails_closed('signer')


def test_parent_killed():
    "kill -9 of the parent: its children end themselves, and a new server can start"
    pids = [pid for pids in R.processes().values() for pid in pids]
    R.server.kill()
    R.server.wait()
    R.server = None
    for pid in pids:
        gone(pid)
    R.start()
    enrolled('PUMP-5')


def test_end():
    "the next client is served, the log verifies, the server stops, no sanitizer has a report"
    device.serves(R)
    R.end()


if __name__ == '__main__':
    with realm.Realm() as made:
        setup(made)
        tap.main()
