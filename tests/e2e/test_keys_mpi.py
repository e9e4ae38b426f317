"""medseal-keys-mpi: the same answers on any number of ranks, in one folder or in several, and after
one of them was lost."""
import glob
import json
import math
import os
import random
import shutil
import signal
import struct
import subprocess
import time

import keys
import realm
import tap

PROGRAM = os.path.join(realm.BUILD, 'cluster/medseal-keys-mpi')
RUN_SECONDS = 120
# Ranks of one machine need no network; a test may have more of them than there are processors.
MPIRUN = ['mpirun', '--map-by', ':OVERSUBSCRIBE', '--mca', 'btl', 'self,sm']
P = keys.primes(512, 24)


def environment():
    return {**keys.environment(), 'OMPI_ALLOW_RUN_AS_ROOT': '1', 'OMPI_ALLOW_RUN_AS_ROOT_CONFIRM': '1',
            'OMPI_MCA_mpi_yield_when_idle': '1'}


def needs_mpi():
    if not os.access(PROGRAM, os.X_OK) or shutil.which('mpirun') is None:
        tap.skip('there is no Open MPI here')


# Several programs in one call, each in a folder of its own, are more than Debian 13's mpirun takes.
IN_FOLDER = 'cd "$1/$OMPI_COMM_WORLD_RANK" && shift && exec "$@"'


def start(*args, ranks=2, apart=None):
    """With `apart`, rank 0 runs in the folder 0 of it, rank 1 in 1."""
    needs_mpi()
    where = ['sh', '-c', IN_FOLDER, 'sh', apart] if apart else []
    return subprocess.Popen([*MPIRUN, '-n', str(ranks), *where, PROGRAM, *map(str, args)], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
                            start_new_session=True)


def mpi(*args, ranks=2, apart=None, status=0):
    with start(*args, ranks=ranks, apart=apart) as p:
        try:
            out, err = p.communicate(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            raise
    realm.no_sanitizer_report(err)
    tap.equal(p.returncode, status, err + out)
    return json.loads(out) if status == 0 else err


# ---- a moduli file of our own (docs/spec/moduli.md) ----

def checksum(words):
    s = 0
    for w in words:
        for half in w & 0xffffffff, w >> 32:
            s = (s * 0x0de0b6b3a7640001 + half + 1) % ((1 << 61) - 1)
    return s


def moduli_file(work, moduli):
    os.makedirs(keys.path(work), exist_ok=True)
    body = b''.join(struct.pack('<Q', (n.bit_length() + 7) // 8) +
                    n.to_bytes((n.bit_length() + 63) // 64 * 8, 'little') for n in moduli)
    words = struct.unpack(f'<{len(body) // 8}Q', body)
    head = struct.pack('<8sIIQQQQQ', b'MSEALMOD', 1, 0, len(moduli), len(words), checksum(words), 0, 0)
    head += struct.pack('<Q', checksum(struct.unpack('<7Q', head)))
    keys.write(f'{work}/moduli', head + body)
    return keys.path(work)


def answers(work):
    """{number: factor} of all answers in a folder (docs/spec/batch.md)."""
    found = {}
    for name in glob.glob(os.path.join(work, 'batch/answer-*')):
        with open(name, 'rb') as f:
            words = struct.unpack(f'<{os.path.getsize(name) // 8}Q', f.read())[8:]
        while words:
            number, n = words[:2]
            found[number] = sum(w << 64 * i for i, w in enumerate(words[2:2 + n]))
            words = words[2 + n:]
    return found


def some_moduli(count, seed, bits=2048):
    """Odd numbers, many of which share small primes, and three pairs a large one."""
    r = random.Random(seed)
    moduli = [r.getrandbits(bits) | 1 | 1 << (bits - 1) for _ in range(count)]
    for i, p in zip((0, count // 3, count // 2), P):
        for j in i, count - 1 - i:
            moduli[j] = p * (r.getrandbits(bits - p.bit_length()) | 1)
    return moduli


def expected(moduli):
    """By the definition: the gcd of each with the product of all others."""
    product = math.prod(moduli)
    out = {}
    for i, n in enumerate(moduli):
        g = math.gcd(n, product // n % n)
        if g > 1:
            out[i] = g
    return out


MODULI = some_moduli(600, 'mpi')
WANT = expected(MODULI)


# ---- cases ----

def test_ranks():
    "1, 2 and 3 ranks and any number of subsets give what the definition says"
    for ranks, subsets in (1, 1), (1, 4), (2, 2), (2, 5), (3, 3), (3, 2):
        work = moduli_file(f'ranks-{ranks}-{subsets}', MODULI)
        got = mpi('--json', '--quiet', '--subsets', subsets, work, ranks=ranks)
        tap.equal(got['shared'], len(WANT))
        tap.equal((got['ranks'], got['subsets'], got['answered_before']), (ranks, subsets, 0))
        tap.equal(answers(work), WANT, f'{ranks} ranks, {subsets} subsets')
        tap.equal(glob.glob(f'{work}/batch/product-*'), [])
        again = mpi('--json', work, ranks=ranks)
        tap.equal((again['answered_before'], again['shared']), (subsets, len(WANT)))


def test_separate_folders():
    "ranks that share no folder send what the others lack; rank 0 has all answers at the end"
    for rank in '01':
        moduli_file(f'apart/{rank}/w', MODULI)
    got = mpi('--json', '--subsets', '4', 'w', apart=keys.path('apart'))
    tap.equal(got['shared'], len(WANT))
    tap.equal(answers(keys.path('apart/0/w')), WANT)
    tap.equal(len(glob.glob(keys.path('apart/1/w/batch/answer-*'))), 2)


def wait_for(pattern, process):
    while not glob.glob(pattern):
        if process.poll() is not None:
            raise AssertionError(f'it ended before there was a {pattern}')
        time.sleep(0.002)


def ranks_of(process):
    """The processes of the program below mpirun."""
    listed = subprocess.run(['pgrep', '-s', str(process.pid), '-f', PROGRAM], stdout=subprocess.PIPE,
                            text=True, check=False).stdout.split()
    children = [int(p) for p in listed if int(p) != process.pid]
    return [p for p in children if os.path.realpath(f'/proc/{p}/exe') == os.path.realpath(PROGRAM)]


def test_lost_rank():
    "a rank is killed with -9 after a product, and after an answer: the next run goes on and is exact"
    moduli = some_moduli(2500, 'lost')
    want = mpi('--json', '--subsets', '2', moduli_file('lost-whole', moduli))
    whole = answers(keys.path('lost-whole'))
    tap.equal(want['shared'], len(whole))
    work = moduli_file('lost', moduli)
    for pattern in 'product-*', 'answer-*':
        with start('--json', '--quiet', '--threads', '1', '--subsets', '6', work) as p:
            wait_for(f'{work}/batch/{pattern}', p)
            ranks = ranks_of(p)
            if not ranks:
                raise AssertionError('no rank was found')
            os.kill(ranks[-1], signal.SIGKILL)
            out, err = p.communicate(timeout=RUN_SECONDS)
        if p.returncode == 0:
            raise AssertionError(f'mpirun ended well without a rank: {out}{err}')
    got = mpi('--json', work)
    if not 1 <= got['answered_before'] < 6:
        raise AssertionError(got)
    tap.equal(got['subsets'], 6)        # what was begun is gone on with
    tap.equal(answers(work), whole)


def test_different_moduli():
    "ranks that have different moduli are refused, and no rank waits for ever"
    moduli_file('differ/0/w', MODULI)
    moduli_file('differ/1/w', MODULI[1:])
    tap.contains(mpi('w', apart=keys.path('differ'), status=2), 'other moduli')


def test_bad_calls():
    "a folder without moduli, a damaged file, a wrong option: named, by exit status"
    os.makedirs(keys.path('empty'))
    tap.contains(mpi(keys.path('empty'), status=1), 'not-found')
    work = moduli_file('damaged', MODULI)
    with open(f'{work}/moduli', 'r+b') as f:
        f.seek(1000)
        f.write(b'\xff\xff')
    tap.contains(mpi(work, status=4), 'malformed')
    tap.contains(mpi('--subsets', '0', work, status=2), '--subsets')
    tap.contains(mpi('--no-such', work, status=2), '--no-such')
    tap.contains(mpi(status=2), '--help')


def test_audit():
    "keys audit --prepare, the ranks, keys audit --resume: the report of one audit"
    needs_mpi()
    honest = [P[i] * P[i + 1] for i in range(6, 20, 2)]
    planted = [P[20] * P[21], P[20] * P[22], P[21] * P[23]]
    keys.write('in/moduli.csv', ''.join(f'{n:x}\n' for n in honest + planted))
    plain = keys.audit('--min-bits', '1024', keys.path('in'), status=1)
    work = keys.path('prepared')
    args = ['--min-bits', '1024', '--work', work, keys.path('in')]
    prepared = subprocess.run(keys.command('--prepare', *args), env=environment(), check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    tap.equal((prepared.returncode, prepared.stdout), (0, ''), prepared.stderr)
    tap.equal(mpi('--json', '--subsets', '2', work)['shared'], 3)
    resumed = keys.audit('--resume', *args, status=1)
    tap.equal(resumed.without_times(), plain.without_times())
    tap.equal(sorted(resumed.shared(keys.key_id(planted[0], 0))),
              sorted(keys.key_id(n, 0) for n in planted[1:]))


tap.main()
