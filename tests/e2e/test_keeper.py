#!/usr/bin/env python3
"""The keeper at work: checkpoints by itself, the last one at the stop, nobody waits for a worker."""
import http.client
import os
import signal
import sqlite3
import time

import device
import realm
import tap

for program in ('medseal', 'medseald'):
    if not realm.available(program):
        print(f'1..0 # SKIP {program} is not built')
        raise SystemExit

R = realm.Realm(config=['server.workers = 2'])


def database(query):
    db = sqlite3.connect(f'file:{R.dir}/medseal.db?mode=ro', uri=True, timeout=20)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def sizes():
    """(entries in the log, entries under the newest checkpoint, checkpoints)."""
    return (database('SELECT count(*) FROM log')[0][0],
            *database('SELECT max(size), count(*) FROM checkpoint')[0])


def covered():
    entries, size, _ = sizes()
    return entries == size


def wait(what, seconds):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_first_answer():
    """a request right after the start is answered"""
    started = time.monotonic()
    R.start(wait=False)
    while True:
        try:
            answer = device.https(R, device.EST + '/cacerts')
            break
        except OSError:
            tap.equal(time.monotonic() - started < realm.START_SECONDS, True, 'time to start')
            time.sleep(0.005)
    tap.equal(answer.status, 200)
    tap.comment(f'{1000 * (time.monotonic() - started):.0f} ms from the start to the first answer '
                '(this build has sanitizers)')


def test_checkpoint_by_itself():
    """new entries are under a signed checkpoint within seconds, without being asked"""
    device.add(R, 'CHECK-1')
    tap.equal(wait(covered, 5), True, f'entries, size, checkpoints: {sizes()}')


def test_checkpoints_are_few():
    """a busy log gets about one checkpoint a second"""
    _, _, before = sizes()
    started = time.monotonic()
    with device.Client(R, R.admin_port, device.operator(R, 'alice'),
                       password=open(f'{R.secrets}/alice', encoding='ascii').readline().strip()) as c:
        done = 0
        while time.monotonic() - started < 3:
            answer = c.request('/v1/devices', 'POST', f'{{"serial":"BUSY-{done}","product":"pump"}}',
                               {'Content-Type': 'application/json'})
            tap.equal(answer.status, 201, repr(answer))
            done += 1
    took = time.monotonic() - started
    _, _, after = sizes()
    tap.comment(f'{done} entries and {after - before} checkpoints in {took:.1f} s')
    tap.equal(1 <= after - before <= took + 2, True, 'checkpoints')


def test_a_stopped_worker_stops_nobody():
    """a worker that stands still does not hold up the others"""
    pids = R.processes()['worker']
    tap.equal(len(pids), 2)
    os.kill(pids[0], signal.SIGSTOP)
    try:
        served = 0
        for i in range(20):             # the kernel may give a connection to the one that stands
            c = http.client.HTTPSConnection('localhost', R.est_port, timeout=1,
                                            context=device.context(R))
            try:
                c.request('GET', '/crl/issuing.crl')        # from the keeper
                served += c.getresponse().status == 200
            except OSError:
                pass
            finally:
                c.close()
        tap.comment(f'{served} of 20 were served')
        tap.equal(served > 0, True, 'the other worker serves')
    finally:
        os.kill(pids[0], signal.SIGCONT)
    device.serves(R)


def test_last_checkpoint():
    """an orderly stop leaves every entry under a checkpoint"""
    device.add(R, 'LAST-1')
    R.verify_log()
    device.add(R, 'LAST-2')
    tap.equal(R.stop(), 0, 'exit status')
    tap.equal(covered(), True, f'entries, size, checkpoints: {sizes()}')
    R.start()
    R.end()


with R:
    tap.main()
