"""A key audit that is stopped: killed, out of disk, its input changed; it goes on to the same report."""
import functools
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import time

import keys
import realm
import tap
from keys import pem, spki

P = keys.primes(1024, 8)
KEYS = 2000
TIMES = 15              # that each of them is in the input: reading takes a while too
KILLS_MIN = 3
DISK_KIB = 512          # of the disk that gets full: the logs of that input need more


@functools.cache
def moduli(count):
    """Products of two primes each, which no other has; short ones, for they take no time to make."""
    return [keys.next_prime(random.getrandbits(64) | 1 << 63) *
            keys.next_prime(random.getrandbits(112) | 1 << 111) for _ in range(count)]


def corpus(name, count=KEYS, times=1):
    """Many moduli, two of which share a prime."""
    lines = [f'{n:x}' for n in moduli(KEYS)[:count]]
    lines[count // 3] = f'{P[2] * P[3]:x}'
    lines[2 * count // 3] = f'{P[2] * P[4]:x}'
    return keys.write(name, ('\n'.join(lines) + '\n') * times)


def files_of_many(name):
    """A folder of all sorts: moduli, one certificate many times, damage, a signature."""
    corpus(f'{name}/a.csv', times=TIMES)
    keys.write(f'{name}/b.pem', pem(keys.certificate(spki(P[5] * P[6]), 'often'), 'CERTIFICATE') * 200)
    keys.write(f'{name}/cut.der', spki(P[5] * P[7])[:70])
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
                    '-nodes', '-keyout', '/dev/null', '-subj', '/CN=ec', '-days', '9', '-out',
                    keys.path(name, 'ec.pem')], check=True, stderr=subprocess.DEVNULL)
    return keys.path(name)


def start(*args):
    return subprocess.Popen(keys.command(*args), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env=keys.environment())


def end(child, status=None):
    out, err = child.communicate(timeout=200)
    return keys.answer(child.returncode, out, err, status)


def stop_again_and_again(where, work, *signals):
    """Interrupted by one signal after the other, at ever later times, and gone on with; what it says
    in the end, and how often it was stopped."""
    wait, stops = 0.1, 0
    while True:
        how = signals[stops % len(signals)]
        resume = ['--resume'] if os.path.exists(os.path.join(work, 'state')) else []
        child = start(where, '--work', work, *resume)
        try:
            out, err = child.communicate(timeout=wait)
        except subprocess.TimeoutExpired:
            child.send_signal(how)
            out, err = child.communicate(timeout=60)
        if child.returncode in (0, 1, 4):
            return keys.answer(child.returncode, out, err), stops
        realm.no_sanitizer_report(err.decode())
        # SIGTERM kills as well when it comes before the program has begun.
        tap.contains([-how, 3] if how == signal.SIGTERM else [-how], child.returncode)
        if child.returncode == 3:
            tap.contains((out + err).decode(), 'go on with --resume')
        stops += 1
        wait *= 1.4


def test_killed_and_resumed():
    "kill -9 again and again, then --resume: the same report as without, line by line"
    where = files_of_many('many')
    began = time.monotonic()
    want = keys.audit(where, status=1)
    tap.comment(f'{time.monotonic() - began:.1f} s without interruption')
    tap.equal((want.counts['checks'].get('shared-prime'), want.counts['flaws'],
               want.counts['ecdsa_signatures']), (2, 1, 1))
    # SIGTERM makes a checkpoint wherever it is, SIGKILL leaves what there is.
    for name, signals in [('kill', [signal.SIGKILL]), ('mixed', [signal.SIGTERM, signal.SIGKILL])]:
        work = keys.path(f'work-{name}')
        got, stops = stop_again_and_again(where, work, *signals)
        tap.comment(f'{stops} times by {", ".join(s.name for s in signals)}')
        tap.equal(got.without_times(), want.without_times())
        tap.equal(got.status, 1)
        if stops < KILLS_MIN:
            raise AssertionError(f'it was stopped {stops} times only')
    # Finished: told again without reading.
    work = keys.path('work-kill')
    tap.equal(keys.audit(where, '--work', work, '--resume', status=1).without_times(), want.without_times())


def test_a_work_folder_belongs_to_one_call():
    "another input, other options, a changed file, twice at once, a damaged folder: refused"
    where = corpus('one.csv', 50)
    work = keys.path('one-work')
    tap.equal(keys.audit(where, '--work', work, '--resume', status=1, check=False).error, 'not-found')
    keys.audit(where, '--work', work, status=1)
    tap.equal(keys.audit(where, '--work', work, status=1, check=False).error, 'exists')
    for args in [[where, '--min-bits', '3072'], [where, where], [where, '--format', 'csv-hex']]:
        tap.equal(keys.audit(*args, '--work', work, '--resume', status=2, check=False).error, 'usage')
    os.utime(where)
    tap.equal(keys.audit(where, '--work', work, '--resume', status=2, check=False).error, 'usage')
    # A key's record damaged on the way: found by its checksum, and named.
    other = keys.path('other-work')
    keys.audit(where, '--work', other, status=1)
    with open(os.path.join(other, 'keys.log'), 'r+b') as f:
        f.seek(1000)
        octet = f.read(1)
        f.seek(1000)
        f.write(bytes([octet[0] ^ 1]))
    refused = keys.audit(where, '--work', other, '--resume', status=4, check=False)
    tap.equal(refused.error, 'malformed')
    tap.contains(json.dumps(refused.lines), 'keys.log')
    with open(os.path.join(other, 'state'), 'r+b') as f:
        f.write(b'M')
    tap.contains(json.dumps(keys.audit(where, '--work', other, '--resume', check=False).lines), 'damaged')
    # Another process in the folder.
    slow = keys.path('slow')
    os.mkfifo(slow)
    busy = keys.path('busy-work')
    child = start(slow, '--work', busy)
    with open(slow, 'wb') as f:                 # it has begun when it reads
        f.write(b'00\n' * 100)
        f.flush()
        time.sleep(0.3)
        tap.equal(keys.audit(slow, '--work', busy, status=3, check=False).error, 'busy')
    end(child)


def test_nothing_is_left_behind():
    "without --work its folder is gone at the end, after a signal too; input from a pipe is not lost"
    tmp = keys.path('tmp')
    os.mkdir(tmp)
    os.environ['TMPDIR'] = tmp
    try:
        where = corpus('left.csv', 200)
        keys.audit(where, status=1)
        tap.equal(os.listdir(tmp), [])
        keys.audit(keys.path('left.csv'), '--private-keys', where, status=1, check=False)
        tap.equal(os.listdir(tmp), [])
        pipe = keys.path('left-pipe')
        os.mkfifo(pipe)
        child = start(pipe)
        with open(pipe, 'wb') as f:
            f.write(b'ffff\n' * 100000)
            f.flush()
            child.send_signal(signal.SIGTERM)
            for _ in range(100):                # until it looks up
                try:
                    f.write(b'ffff\n' * 1000)
                    f.flush()
                except BrokenPipeError:
                    break
                time.sleep(0.02)
            try:
                f.close()
            except BrokenPipeError:
                pass
        out, err = child.communicate(timeout=60)
        tap.equal(child.returncode, 3, err.decode() + out.decode())
        tap.equal(os.listdir(tmp), [])
    finally:
        del os.environ['TMPDIR']


def test_no_private_key_is_left_behind():
    "stopped while moduli are compared: no part of the file of private keys stays"
    where = corpus('private.csv')
    folder = keys.path('private')
    os.mkdir(folder)
    # So little memory makes many subsets, each with files to sync.
    child = start(where, '--private-keys', os.path.join(folder, 'out.pem'), '--memory', '4K')
    while not os.listdir(folder) and child.poll() is None:
        time.sleep(0.001)
    tap.equal(child.poll(), None)
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=60)
    tap.equal(child.returncode, 3, err.decode() + out.decode()[-2000:])
    tap.equal(os.listdir(folder), [])


def test_reports_are_whole_or_not_there():
    "a report that cannot be written: named, and no half file"
    where = corpus('r.csv', 20)
    for option, file in [('--sarif', 'no/such/dir/x.sarif'), ('--html', 'no/such/dir/x.html')]:
        failed = keys.audit(where, option, keys.path(file), check=False)
        if failed.status in (0, 4) or failed.error is None:
            raise AssertionError(failed.lines)
        tap.contains(json.dumps(failed.lines), 'no/such/dir')

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    pair = keys.write('pair.csv', f'{P[2] * P[3]:x}\n{P[2] * P[4]:x}\n')
    for option, name in [('--sarif', 'x.sarif'), ('--html', 'x.html')]:
        failed = keys.audit(pair, option, keys.path(name), status=3, check=False, preexec_fn=small_files)
        tap.contains(json.dumps(failed.lines), name)
        tap.equal([f for f in os.listdir(keys.TOP) if name in f], [])
        keys.audit(pair, option, keys.path(name), status=1)
        tap.equal(os.path.getsize(keys.path(name)) > 4096, True)
    # /dev/full takes nothing: a report that was not told is no success.
    with open('/dev/full', 'wb') as full:
        result = subprocess.run(keys.command(where), stdout=full, stderr=subprocess.PIPE, check=False,
                                env=keys.environment())
    if result.returncode in (0, 4):
        raise AssertionError('a report was lost and the exit status is 0')


def test_full_disk():
    "a disk that gets full: named, status 3, nothing lost; with room --resume comes to the same report"
    where = files_of_many('disk')
    want = keys.audit(where, status=1).without_times()
    small = keys.path('small')
    os.mkdir(small)
    if os.geteuid() != 0 or subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', f'size={DISK_KIB}k', 'tmpfs', small], check=False,
            stderr=subprocess.DEVNULL).returncode != 0:
        return full_by_limit(where, want)
    try:
        work = os.path.join(small, 'work')
        full = keys.audit(where, '--work', work, status=3, check=False)
        tap.equal(full.error, 'disk-full')
        tap.contains(json.dumps(full.lines), work)
        again = keys.audit(where, '--work', work, '--resume', status=3, check=False)
        tap.equal(again.error, 'disk-full')
        subprocess.run(['mount', '-o', 'remount,size=64m', small], check=True)
        tap.equal(keys.audit(where, '--work', work, '--resume', status=1).without_times(), want)
        # And at every size: it stops at another place each time.
        for kib in range(16, 2048, 300):
            shutil.rmtree(work)
            subprocess.run(['mount', '-o', f'remount,size={kib}k', small], check=True)
            full = keys.audit(where, '--work', work, check=False)
            if full.status == 1:
                tap.equal(full.without_times(), want)
                break
            tap.equal((full.status, full.error), (3, 'disk-full'), f'{kib} KiB')
            subprocess.run(['mount', '-o', 'remount,size=64m', small], check=True)
            resume = ['--resume'] if os.path.exists(os.path.join(work, 'state')) else []
            tap.equal(keys.audit(where, '--work', work, *resume, status=1).without_times(), want)
    finally:
        subprocess.run(['umount', small], check=False)


def full_by_limit(where, want):
    """Where nothing can be mounted: a limit on the size of files, which fails the same writes."""
    work = keys.path('limit-work')

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    full = keys.audit(where, '--work', work, check=False, preexec_fn=limit)
    tap.equal((full.status in (1, 3), full.counts), (True, None))
    tap.contains(json.dumps(full.lines), work)
    tap.equal(keys.audit(where, '--work', work, '--resume', status=1).without_times(), want)
    tap.comment('no disk could be mounted: done with RLIMIT_FSIZE')


tap.main()
