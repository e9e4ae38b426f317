"""Clients that are slow, silent, or very many: each is closed in time, and the others are served."""
import os
import resource
import select
import socket
import ssl
import threading
import time

import device
import realm
import tap

IDLE, REQUEST = 3, 4        # seconds, in the configuration
SLACK = 3                   # how much later than its time a connection may be closed
IDLE_WANTED = 10000
DESCRIPTORS_SPARE = 300     # this process's own
HEAD = b'GET ' + device.EST.encode() + b'/cacerts HTTP/1.1\r\nHost: localhost\r\n'

R = None


def setup(r):
    global R
    R = r
    r.configure(f'connections.idle_timeout = {IDLE}s', f'connections.request_timeout = {REQUEST}s',
                'server.workers = 2')
    r.start()


def closed_by(s, deadline, feed=None):
    """Seconds until the server closes `s`, while `feed()` is sent once a second."""
    begin, last = time.monotonic(), 0
    raw = s.fileno()
    while time.monotonic() - begin < deadline:
        if feed and time.monotonic() - last >= 1:
            last = time.monotonic()
            try:
                s.sendall(feed())
            except OSError:
                return time.monotonic() - begin
        if select.select([raw], [], [], 0.1)[0]:
            try:
                if s.recv(65536) == b'':
                    return time.monotonic() - begin
            except (ssl.SSLWantReadError, TimeoutError):
                continue
            except OSError:
                return time.monotonic() - begin
    raise AssertionError(f'after {deadline} s it is still open')


def serve_meanwhile(seconds, longest):
    """Other clients, as long as the slow ones are there: how long the slowest answer took."""
    end, slowest = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        begin = time.monotonic()
        tap.equal(device.https(R, f'{device.EST}/cacerts').status, 200)
        slowest = max(slowest, time.monotonic() - begin)
        time.sleep(0.1)
    if slowest > longest:
        raise AssertionError(f'another client waited {slowest:.2f} s')
    return slowest


def plain():
    return socket.create_connection(('127.0.0.1', R.est_port), device.SECONDS)


def tls():
    return device.connect(R)


def drip(data):
    """A byte at a time, forever the last one."""
    left = list(data)
    return lambda: bytes([left.pop(0) if len(left) > 1 else left[0]])


def client_hello():
    out = ssl.MemoryBIO()
    c = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname='localhost')
    try:
        c.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def half_handshake():
    s = plain()
    hello = client_hello()
    s.sendall(hello)
    return s


def half_request(data):
    s = tls()
    s.sendall(data)
    return s


def after_request():
    s = tls()
    s.sendall(HEAD + b'\r\n')
    time.sleep(0.2)
    s.recv(65536)
    return s


SLOW = {
    'a connection that says nothing': (plain, None, REQUEST),
    'a handshake that stops after its first flight': (half_handshake, None, REQUEST),
    'a handshake of a byte a second': (plain, lambda: drip(client_hello()), REQUEST),
    'no request after the handshake': (tls, None, max(IDLE, REQUEST)),
    'no second request': (after_request, None, IDLE),
    'a request line that stops': (lambda: half_request(b'GET /'), None, REQUEST),
    'a request line of a byte a second': (tls, lambda: drip(HEAD), max(IDLE, REQUEST) + REQUEST),
    'header lines without end, one a second': (lambda: half_request(HEAD),
                                               lambda: lambda: b'X: a\r\n', REQUEST),
    'a body of a byte a second': (lambda: half_request(
        b'POST ' + device.EST.encode() + b'/simpleenroll HTTP/1.1\r\nHost: localhost\r\n'
        b'Content-Type: application/pkcs10\r\nContent-Length: 1000\r\n\r\n'),
        lambda: lambda: b'A', REQUEST),
}


def test_slow():
    "slow clients of nine kinds, all at once, are closed within their time; others are served"
    results = {}

    def run(what, make, feed, limit):
        try:
            with make() as s:
                results[what] = closed_by(s, limit + SLACK, feed and feed())
        except Exception as e:      # shown by the case, not by the thread
            results[what] = e
    threads = [threading.Thread(target=run, args=(what, *how)) for what, how in SLOW.items()]
    for t in threads:
        t.start()
    slowest = serve_meanwhile(REQUEST, 2)
    for t in threads:
        t.join()
    for what, took in results.items():
        tap.comment(f'{what}: {took if isinstance(took, Exception) else format(took, ".1f") + " s"}')
    tap.comment(f'slowest answer to another client meanwhile: {slowest:.2f} s')
    bad = [what for what, took in results.items() if isinstance(took, Exception)]
    tap.equal(bad, [], 'not closed')


def test_many_slow():
    "300 clients that send a byte a second do not slow down the next one"
    stop = threading.Event()
    socks = []
    for _ in range(300):
        s = plain()
        s.setblocking(False)
        socks.append(s)

    def feed():
        while not stop.wait(1):
            for s in socks:
                try:
                    s.send(b'\x16')
                except OSError:
                    pass
    thread = threading.Thread(target=feed)
    thread.start()
    try:
        tap.comment(f'slowest answer: {serve_meanwhile(3, 2):.2f} s')
    finally:
        stop.set()
        thread.join()
        for s in socks:
            s.close()


def test_never_reads():
    "a client that asks and never reads is closed; the server keeps no mountain of answers for it"
    workers = R.processes()['worker']
    before = sum(memory(p) for p in workers)
    with tls() as s:
        s.settimeout(1)
        begin = time.monotonic()
        sent = 0
        try:
            while time.monotonic() - begin < REQUEST + IDLE + SLACK:
                try:
                    sent += s.send((HEAD + b'\r\n') * 100)
                except TimeoutError:
                    continue
        except OSError:
            pass
        else:
            raise AssertionError('it is still open')
        took = time.monotonic() - begin
    grown = sum(memory(p) for p in workers) - before
    tap.comment(f'closed after {took:.1f} s, {sent >> 10} KiB of requests; workers grew by {grown} KiB')
    if grown > 64 << 10:
        raise AssertionError(f'the workers grew by {grown} KiB')
    device.serves(R)


def memory(pid):
    """Resident KiB."""
    return int([line.split()[1] for line in realm.proc(pid, 'status').splitlines()
                if line.startswith('VmRSS')][0])


def test_workers_unharmed():
    "after all that the workers are the ones of the start"
    tap.equal(R.log().count('process.ended'), 0)


# ---- very many idle connections ----

def may_open():
    """How many connections this process and a worker may hold, after asking for more."""
    wanted = IDLE_WANTED + DESCRIPTORS_SPARE
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if os.geteuid() == 0 and hard < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            hard = wanted
        except (ValueError, OSError):
            pass
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, wanted), hard))
    return min(IDLE_WANTED, hard - DESCRIPTORS_SPARE)


def open_idle(n):
    """n TLS connections after a handshake, as cheap as it comes; threads share the work. One that
    has to make room before its handshake is done is left out."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ecdh_curve('prime256v1')
    made, lock = [], threading.Lock()
    todo = iter(range(n))

    def work():
        while True:
            with lock:
                if next(todo, None) is None:
                    return
            s = socket.create_connection(('127.0.0.1', R.est_port), device.SECONDS)
            try:
                made.append(context.wrap_socket(s, server_hostname='localhost'))
            except OSError:
                s.close()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return made


def still_open(socks):
    n = 0
    for s in socks:
        s.setblocking(False)
        try:
            n += s.recv(1) != b''
        except ssl.SSLWantReadError:
            n += 1
        except OSError:
            pass
    return n


def test_idle():
    "10,000 idle TLS connections; the next client is served"
    n = may_open()
    if n < IDLE_WANTED:
        tap.comment(f'the hard limit of open files allows {n} here, not {IDLE_WANTED}')
    R.stop()
    R.configure('connections.idle_timeout = 600s', f'connections.max = {IDLE_WANTED + 100}')
    R.start()
    begin = time.monotonic()
    before = sum(memory(p) for p in R.processes()['worker'])
    socks = open_idle(n)
    try:
        after = sum(memory(p) for p in R.processes()['worker'])
        tap.comment(f'{len(socks)} connections in {time.monotonic() - begin:.0f} s, '
                    f'{(after - before) / max(len(socks), 1):.1f} KiB each in the workers')
        tap.equal(len(socks), n, 'connections made')
        device.serves(R)
        tap.comment(f'slowest answer beside them: {serve_meanwhile(2, 2):.2f} s')
        tap.equal(still_open(socks), n, 'connections still open')
        R.verify_log()
    finally:
        for s in socks:
            s.close()
    device.serves(R)


def test_more_than_the_limit():
    "more connections than connections.max: the oldest idle one makes room, the next client is served"
    R.stop()
    R.configure('connections.max = 100', 'server.workers = 1')
    R.start()
    socks = open_idle(300)
    try:
        device.serves(R)
        left = still_open(socks)
        tap.comment(f'{left} of {len(socks)} are still open')
        tap.equal(len(socks) > 200, True, 'connections made')
        if not 50 <= left <= 100:
            raise AssertionError(f'{left} of {len(socks)} are still open')
    finally:
        for s in socks:
            s.close()
    device.serves(R)


def test_handshakes_never_finished():
    "more handshakes than connections.max that are never finished do not keep the next client out"
    hello = client_hello()
    socks = []
    try:
        for _ in range(300):
            s = plain()
            s.sendall(hello)
            socks.append(s)
        time.sleep(1)       # by now as many as may be are in their handshake
        tap.comment(f'slowest answer: {serve_meanwhile(1, 2):.2f} s')
    finally:
        for s in socks:
            s.close()


def test_end():
    "the log verifies, the server stops, no sanitizer has a report"
    R.end()


if __name__ == '__main__':
    # what ASan keeps after it was freed is not what the server holds
    with realm.Realm(asan=('quarantine_size_mb=4',)) as made:
        setup(made)
        tap.main()
