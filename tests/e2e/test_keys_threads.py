"""medseal keys audit --threads: the report is the same whoever looked at a key."""
import json
import math
import random

import realm
import tap

R = realm.Realm(init=False)
KEYS = 2500             # more than two of the blocks in which findings are kept (cli/keys_check.c)

dice = random.Random(3)
ROUGH = math.prod(p for p in range(3, 2000) if all(p % d for d in range(2, int(p ** 0.5) + 1)))


def moduli():
    """Numbers of 400 to 600 bits: one fifth even, one fifth with a pattern, and a few that share a
    prime with another one."""
    shared = (1 << 127) - 1
    for i in range(KEYS):
        while True:
            n = dice.getrandbits(dice.randrange(400, 600)) | 1 << 400
            if i % 5 == 1:
                n = int(f'{n:x}'[:40] * 3, 16)
            if i % 500 == 7:
                n *= shared
            if i % 5 == 0:
                n &= ~1
                break
            n |= 1
            if math.gcd(n, ROUGH) == 1 or i % 5 == 1:
                break
        yield n


CSV = R.write('moduli.csv', ''.join(f'{n:x}\n' for n in moduli()).encode())


def report(*more):
    result = R.medseal('keys', 'audit', '--format', 'csv-hex', '--min-bits', '500', '--json', *more, CSV, check=False)
    tap.equal(result.returncode, 1, result.stderr)
    lines = result.stdout.splitlines()
    counts = json.loads(lines[-1])
    return lines[:-1], {k: v for k, v in counts['counts'].items() if not k.startswith('seconds')}


def test_threads():
    "one thread and many give the same report, byte for byte but for the times"
    alone = report('--threads', '1')
    tap.equal(alone[1]['keys'], KEYS)
    if len(alone[0]) < KEYS / 2:
        raise AssertionError(f'only {len(alone[0])} keys have findings: the blocks are hardly compared')
    kinds = {f['check'] for line in alone[0] for f in json.loads(line)['findings']}
    for kind in ['rsa-form', 'rsa-size', 'rsa-pattern', 'shared-prime']:
        if kind not in kinds:
            raise AssertionError(f'{kind} is not among {kinds}')
    for n in ['2', '7']:
        if report('--threads', n) != alone:
            raise AssertionError(f'{n} threads say something else than one')


def test_all_processors():
    "without --threads the report is that of one thread"
    tap.equal(report() == report('--threads', '1'), True)


tap.main()
