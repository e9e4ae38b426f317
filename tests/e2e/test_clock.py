"""A clock at 1970, on the server, the device and an operator's machine (libfaketime)."""
import json
import os

import device
import realm
import tap

EPOCH = '1970-01-01 00:00:10'

R = None


def setup(r):
    global R
    R = r
    r.start()


def agent(command, name, *args, when=None):
    env = realm.environment()
    return R.run(R.program('medseal-agent'), command, '--state', R.path(name), *args, check=False,
                 env=realm.at(when, env) if when else env)


def enroll(name, serial, secret, when=None):
    return agent('enroll', name, '--server', f'https://localhost:{R.est_port}', '--ca', R.root_cert,
                 '--serial', serial, '--ticket-file', secret, when=when)


def entries():
    return [line for line in R.verify_log().splitlines() if line.startswith('{')]


def test_server():
    "a server at 1970 starts and serves what is public, issues nothing, and loses nothing"
    device.add(R, 'PUMP-1')
    secret = device.ticket(R, 'PUMP-1')
    before = entries()
    tap.equal(R.stop(), 0)
    R.start(clock=EPOCH)
    tap.contains(R.log(), 'time=1970-01-01T00:00:')
    tap.equal(device.https(R, f'{device.EST}/cacerts').status, 200)
    request = device.csr(R, device.new_key(R, 'pump1'), 'PUMP-1')
    for _ in range(2):
        answer = device.enrol(R, request, headers=device.basic('PUMP-1', secret))
        tap.equal((answer.status, answer.code), (503, 'clock'), repr(answer))
    answer = device.https(R, '/v1/status', port=R.admin_port,
                          identity=device.plain_operator(R, 'alice'))
    if answer.status not in (403, 503) or answer.code not in ('peer-expired', 'clock'):
        raise AssertionError(repr(answer))
    tap.equal(R.stop(), 0)
    # the clock is set: the ticket is still good, the log goes on where it was
    R.start()
    device.certificate(R, device.enrol(R, request, headers=device.basic('PUMP-1', secret)))
    tap.equal(entries()[:len(before)], before)


def test_device():
    "a device whose clock fell back to 1970 renews all the same, from the time it has seen proven"
    device.add(R, 'PUMP-2')
    secret = R.secret('ticket-2', device.ticket(R, 'PUMP-2'))
    done = enroll('dev2', 'PUMP-2', secret)
    tap.equal(done.returncode, 0, done.stderr)
    before = os.readlink(R.path('dev2', 'current'))
    done = agent('renew', 'dev2', when=EPOCH)
    tap.equal(done.returncode, 0, done.stderr)
    tap.contains(done.stdout, 'not due')
    done = agent('renew', 'dev2', '--force', when=EPOCH)
    tap.equal(done.returncode, 0, done.stderr)
    tap.equal(os.readlink(R.path('dev2', 'current')) != before, True)
    status = agent('status', 'dev2', '--json', when=EPOCH)
    tap.equal(json.loads(status.stdout)['state'], 'enrolled')


def test_new_device():
    "a device that never saw a proven time does not believe a server from the future, and keeps trying"
    device.add(R, 'PUMP-3')
    secret = R.secret('ticket-3', device.ticket(R, 'PUMP-3'))
    done = enroll('dev3', 'PUMP-3', secret, when=EPOCH)
    tap.equal(done.returncode, 3, done.stderr)
    tap.contains(done.stderr, '[tls]')
    done = enroll('dev3', 'PUMP-3', secret)
    tap.equal(done.returncode, 0, done.stderr)


def test_operator():
    "medseal init at 1970 makes no certificates and leaves nothing behind"
    with realm.Realm(init=False) as other:
        done = other.medseal(*other.init_arguments(), check=False,
                             env=realm.at(EPOCH, realm.environment()))
        if done.returncode == 0 or '[clock]' not in done.stderr:
            raise AssertionError(f'{done.returncode}: {done.stderr}')
        tap.equal([p for p in (other.dir, other.root_dir, other.operators_dir)
                   if os.path.exists(p)], [])


def test_end():
    "the next client is served, the log verifies, the server stops, no sanitizer has a report"
    device.serves(R)
    R.end()


if __name__ == '__main__':
    with realm.Realm() as made:
        setup(made)
        tap.main()
