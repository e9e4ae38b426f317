#!/usr/bin/env python3
"""kill -9 of any process of medseald at any moment, while devices enrol and renew.

Each trial: load from several clients, SIGKILL to one process after a random time, then
  - every certificate that a client received is in the database and in the log;
  - no log entry lacks its change, and no change lacks its entry;
  - a ticket is used exactly when its device has a certificate;
  - the log verifies; the server runs (a worker was replaced) or starts again (all else).
MEDSEAL_KILL_TRIALS says how many trials; MEDSEAL_KILL_SEED repeats a run's choices.
"""
import base64
import hashlib
import http.client
import json
import os
import random
import signal
import sqlite3
import ssl
import threading
import time

import device
import realm
import tap

TRIALS = int(os.environ.get('MEDSEAL_KILL_TRIALS', '60'))
SEED = int(os.environ.get('MEDSEAL_KILL_SEED', str(int(time.time()))))
KINDS = ['keeper', 'signer', 'worker', 'parent']
RENEWERS = 4
NEWCOMERS = 2
CSRS = 240
TIMEOUT = 10


# ---- DER, as little as it takes to find a certificate in a certs-only message

def tlv(data, at=0):
    """(tag, start of content, end)."""
    tag, length, at = data[at], data[at + 1], at + 2
    if length & 0x80:
        n = length & 0x7f
        length, at = int.from_bytes(data[at:at + n], 'big'), at + n
    return tag, at, at + length


def certificate(reply):
    """The one certificate of RFC 7030 §4.1.3's message, DER."""
    der = base64.b64decode(reply)
    _, at, _ = tlv(der)                     # ContentInfo
    _, _, at = tlv(der, at)                 # contentType
    _, at, _ = tlv(der, at)                 # [0]
    _, at, end = tlv(der, at)               # SignedData
    while at < end:
        tag, start, stop = tlv(der, at)
        if tag == 0xa0:                     # certificates [0]
            _, _, last = tlv(der, start)
            return der[start:last]
        at = stop
    raise AssertionError('a reply without a certificate')


# ---- the load

class Load:
    """Clients that enrol and renew until told to stop; what each received, by fingerprint."""

    def __init__(self, r):
        self.r = r
        self.received = {}                  # fingerprint -> device serial
        self.lock = threading.Lock()
        self.go = threading.Event()         # set: work; clear: rest
        self.resting = threading.Semaphore(0)
        self.round = 0
        self.done = False
        self.csrs = []
        self.serial = 0
        self.errors = {}
        self.anonymous = device.context(r)
        with open(f'{r.secrets}/alice', encoding='utf-8') as f:
            self.operator = device.context(r, device.operator(r, 'alice'), f.readline().strip())
        self.threads = []

    def make_csr(self, serial, name):
        """A fresh key, and a request for this serial in base64."""
        key = device.new_key(self.r, name)
        return key, base64.encodebytes(device.csr(self.r, key, serial))

    def post(self, connection, path, body, headers):
        connection.request('POST', path, body, headers)
        reply = connection.getresponse()
        text = reply.read()
        if reply.status not in (200, 201):
            raise ValueError(f'{reply.status} {text[:200]!r}')
        return text

    def received_one(self, reply, serial):
        der = certificate(reply)
        with self.lock:
            self.received[hashlib.sha256(der).hexdigest()] = serial
        return der

    def ticket(self, connection, serial):
        kind = {'Content-Type': 'application/json'}
        self.post(connection, '/v1/devices', json.dumps({'serial': serial, 'product': 'pump'}),
                  kind)
        return json.loads(self.post(connection, f'/v1/devices/{serial}/ticket', '{}', kind))[
            'ticket']

    def enrol(self, connection, serial, ticket, csr):
        reply = self.post(connection, device.EST + '/simpleenroll', csr,
                          {'Content-Type': device.CSR_TYPE, **device.basic(serial, ticket)})
        return self.received_one(reply, serial)

    def to_est(self, context):
        return http.client.HTTPSConnection('localhost', self.r.est_port, timeout=TIMEOUT,
                                           context=context)

    def to_admin(self):
        return http.client.HTTPSConnection('localhost', self.r.admin_port, timeout=TIMEOUT,
                                           context=self.operator)

    def prepare(self):
        """Devices that renew, and requests for those that come later."""
        for i in range(RENEWERS):
            serial = f'OLD-{i}'
            key, csr = self.make_csr(serial, serial)
            der = self.enrol(self.to_est(self.anonymous), serial,
                             self.ticket(self.to_admin(), serial), csr)
            with open(key + '.pem', 'w', encoding='ascii') as f:
                f.write(ssl.DER_cert_to_PEM_cert(der))
            # with the certificate's subject, byte for byte
            csr = base64.encodebytes(device.openssl('req', '-outform', 'DER', stdin=device.openssl(
                'x509', '-x509toreq', '-in', key + '.pem', '-key', key)))
            self.threads.append(threading.Thread(
                target=self.work, args=(self.renew, serial, csr,
                                        device.context(self.r, (key + '.pem', key))),
                daemon=True))
        for i in range(CSRS):
            self.csrs.append((f'NEW-{i}', self.make_csr(f'NEW-{i}', 'new')[1]))
        for i in range(NEWCOMERS):
            self.threads.append(threading.Thread(target=self.work, args=(self.newcomer,),
                                                 daemon=True))
        for t in self.threads:
            t.start()

    def renew(self, serial, csr, context):
        connection = self.to_est(context)
        while self.go.is_set():
            reply = self.post(connection, device.EST + '/simplereenroll', csr,
                              {'Content-Type': device.CSR_TYPE})
            self.received_one(reply, serial)

    def newcomer(self):
        admin = self.to_admin()
        while self.go.is_set():
            with self.lock:
                if not self.csrs:
                    break
                serial, csr = self.csrs.pop()
            self.enrol(self.to_est(self.anonymous), serial, self.ticket(admin, serial), csr)

    def work(self, what, *args):
        seen = 0
        while not self.done:
            if self.round == seen:
                time.sleep(0.005)
                continue
            seen = self.round
            while self.go.is_set():
                try:
                    what(*args)
                except (OSError, http.client.HTTPException, ValueError) as e:
                    # the server was shot: what was not received does not count
                    with self.lock:
                        name = type(e).__name__
                        self.errors[name] = self.errors.get(name, 0) + 1
                time.sleep(0.02)
            self.resting.release()

    def begin(self):
        self.go.set()
        self.round += 1

    def rest(self):
        """Returns when every client has heard its last answer."""
        self.go.clear()
        for _ in self.threads:
            if not self.resting.acquire(timeout=3 * TIMEOUT):
                raise AssertionError('a client hangs')


# ---- the processes

def gone(pids):
    end = time.monotonic() + realm.STOP_SECONDS
    while any(alive(p) for p in pids):
        if time.monotonic() > end:
            raise AssertionError(f'{[p for p in pids if alive(p)]} outlived the parent')
        time.sleep(0.01)


def alive(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as f:
            return f.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


# ---- what must hold

def rows(db, query):
    return db.execute(query).fetchall()


def check_database(r, received):
    """One consistent view of the database against what clients have in their hands."""
    db = sqlite3.connect(f'file:{r.dir}/medseal.db?mode=ro', uri=True, timeout=20)
    try:
        db.execute('BEGIN')
        certs = {f.hex(): d for f, d in rows(db, "SELECT fingerprint, device FROM cert "
                                                 "WHERE device IS NOT NULL")}
        entries = [json.loads(e) for (e,) in rows(db, 'SELECT entry FROM log ORDER BY seq')]
        devices = {s: state for s, state in rows(db, 'SELECT serial, state FROM device')}
        tickets = rows(db, 'SELECT serial, used_at FROM ticket')
        db.execute('ROLLBACK')
    finally:
        db.close()
    for number, entry in enumerate(entries):
        tap.equal(entry['seq'], number, 'seq')
    logged = {e['detail']['cert']: e['object'] for e in entries
              if e['act'] in ('device.enrolled', 'device.renewed')}
    for fingerprint, serial in received.items():
        tap.equal(certs.get(fingerprint), serial, f'certificate {fingerprint} in the database')
        tap.equal(logged.get(fingerprint), serial, f'certificate {fingerprint} in the log')
    tap.equal(logged, certs, 'certificates logged and certificates stored')
    tap.equal({e['object'] for e in entries if e['act'] == 'device.added'}, set(devices),
              'devices logged and devices stored')
    tap.equal(sum(e['act'] == 'ticket.issued' for e in entries), len(tickets), 'tickets')
    enrolled = {e['object'] for e in entries if e['act'] == 'device.enrolled'}
    tap.equal({s for s, used in tickets if used}, enrolled, 'used tickets and enrolled devices')
    tap.equal({s for s, state in devices.items() if state == 1}, enrolled, 'enrolled devices')
    return len(certs), len(entries)


def checker_notices(r, received):
    """A check that cannot fail shows nothing: one certificate that was never stored, one mixed up."""
    for lie in ({'00' * 32: 'OLD-0'}, {next(iter(received)): 'NOBODY'}):
        try:
            check_database(r, {**received, **lie})
        except AssertionError:
            continue
        raise AssertionError(f'the check did not notice {lie}')


class Trials:
    def __init__(self, r):
        self.r, self.load = r, Load(r)
        self.count = {k: 0 for k in KINDS}
        self.commits = self.certs = 0

    def trial(self, kind):
        r = self.r
        pids = r.processes()
        tap.equal(bool(pids[kind]), True, f'there is a {kind}')
        victim = random.choice(pids[kind])
        self.load.begin()
        time.sleep(random.uniform(0.01, 0.25))
        os.kill(victim, signal.SIGKILL)
        if kind == 'worker':
            time.sleep(0.05)                # the others go on
            self.load.rest()
            tap.equal(r.server.poll(), None, 'a killed worker is not the end of the server')
        else:
            status = r.server.wait(realm.STOP_SECONDS)
            tap.equal(status != 0, True, f'the exit status after the end of the {kind}')
            gone([p for group in pids.values() for p in group])
            r.server = None
            self.load.rest()
        self.certs, self.commits = check_database(r, self.load.received)
        if kind != 'worker':
            r.start()
        self.count[kind] += 1

    def verify_log(self):
        self.r.medseal('log', 'verify', '--realm', self.r.dir, '--log-key',
                       self.r.log_key)


def test_kill():
    """kill -9 of parent, keeper, signer and workers under load loses nothing"""
    for program in ('medseal', 'medseald'):
        if not realm.available(program):
            tap.skip(f'{program} is not built')
    random.seed(SEED)
    started = time.monotonic()
    with realm.Realm(config=['server.workers = 2']) as r:
        r.start()
        t = Trials(r)
        t.load.prepare()
        for i in range(TRIALS):
            t.trial(KINDS[i % len(KINDS)])
            if i % 10 == 9:
                t.verify_log()
        t.load.begin()
        time.sleep(0.3)
        t.load.rest()
        received = len(t.load.received)
        tap.equal(received > TRIALS, True, f'{received} certificates received under load')
        t.load.done = True
        tap.equal(r.stop(), 0, 'exit status of an orderly stop')
        t.certs, t.commits = check_database(r, t.load.received)
        t.verify_log()
        checker_notices(r, t.load.received)
        tap.comment(f'{sum(t.count.values())} trials ({t.count}), seed {SEED}, '
                    f'{received} certificates received, {t.certs} stored, {t.commits} log entries, '
                    f'clients cut off: {t.load.errors}, {time.monotonic() - started:.0f} s')


if __name__ == '__main__':
    tap.main()
