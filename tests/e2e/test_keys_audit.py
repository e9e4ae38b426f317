"""medseal keys audit: what was planted is found, exactly, and nothing else."""
import math
import os
import random

import keys
import tap
from keys import key_id, pem, spki

P = keys.primes(1024, 32)
# Some primes go into one case only: P[:16]. Honest keys are made of P[16:].
HONEST = [P[i] * P[i + 1] for i in range(16, 32, 2)]
SHORT = keys.primes(512, 4)
HUGE_BITS = 1000000
SIEVE = math.prod(n for n in range(3, 65536) if all(n % d for d in range(2, math.isqrt(n) + 1)))


def exactly(found, want, **counts):
    """`want`: {key id: [checks]} or {key id: ([checks], [ids it shares with])}."""
    want = {k: v if isinstance(v, tuple) else (v, None) for k, v in want.items()}
    got = {k: (sorted(found.checks(k)), found.shared(k)) for k in found.keys}
    tap.equal(got, {k: (sorted(c), sorted(s) if s is not None else None) for k, (c, s) in want.items()})
    by_check = {}
    for checks, _ in want.values():
        for check in set(checks):
            by_check[check] = by_check.get(check, 0) + 1
    tap.equal(found.counts['checks'], by_check)
    tap.equal(found.counts['keys_with_findings'], len(want))
    tap.equal({k: v for k, v in found.counts.items() if k in counts}, counts)


def groups(*parts):
    """{id: (['shared-prime'], the others of its part)}."""
    return {one: (['shared-prime'], [x for x in part if x != one]) for part in parts for one in part}


def test_shared_primes():
    "pairs, a triangle, a star, n = pq both of whose primes are shared, two sizes: who shares with whom"
    pair = [P[0] * P[1], P[0] * P[2]]
    triangle = [P[3] * P[4], P[4] * P[5], P[5] * P[3]]      # the gcd with all others is the modulus
    star = [P[6] * P[7], P[6] * P[8], P[6] * SHORT[0]]
    both = [P[9] * P[10], P[9] * P[11], P[10] * P[12]]
    keys.write('shared/a.pem', ''.join(pem(spki(n)) for n in [*pair, triangle[0], HONEST[0], star[2]]))
    keys.write('shared/b.der', b''.join(spki(n) for n in [*triangle[1:], HONEST[1], *both]))
    keys.write('shared/sub/c.csv', ''.join(f'{n:x}\n' for n in star[:2]))
    keys.write('shared/z.pem', ''.join(pem(spki(n)) for n in [HONEST[2], pair[0]]))
    found = keys.audit(keys.path('shared'), status=1)
    a, b, c = (key_id(n) for n in both)
    want = groups([key_id(n) for n in pair], [key_id(n) for n in triangle],
                  [key_id(star[0], 0), key_id(star[1], 0), key_id(star[2])])
    want.update({a: (['shared-prime'], [b, c]), b: (['shared-prime'], [a]),
                 c: (['shared-prime'], [a])})
    want[key_id(star[2])] = (['rsa-size', 'shared-prime'], want[key_id(star[2])][1])
    exactly(found, want, keys=14, rsa_moduli=14, sources=15, files=4, flaws=0,
            worst={'error': 11, 'warning': 0, 'note': 0},
            sizes=[{'kind': 'RSA', 'bits': 1536, 'keys': 1}, {'kind': 'RSA', 'bits': 2048, 'keys': 13}])
    tap.equal(found.flaws, [])
    tap.equal(found.why(a, 'shared-prime'), '2 factors are in the moduli of 2 other keys')
    tap.equal(found.why(b, 'shared-prime'), 'a factor of 1024 bits is in the modulus of 1 other key')
    # Every place of a key, in the order of the input, and its modulus.
    first = found.keys[key_id(pair[0])]
    tap.equal([(os.path.basename(s['file']), s['record'], s['line'], s['form'])
               for s in first['sources']], [('a.pem', 1, 1, 'public key'), ('z.pem', 2, 10, 'public key')])
    tap.equal([s['offset'] for s in first['sources']], [0, len(pem(spki(HONEST[2])))])
    tap.equal((int(first['modulus'], 16), first['kind'], first['bits']), (pair[0], 'RSA', 2048))


def test_one_modulus_with_two_exponents():
    "two keys of one modulus: the modulus is compared once, both are told"
    n, m = P[0] * P[1], P[0] * P[2]
    keys.write('two.pem', pem(spki(n)) + pem(spki(n, 3)) + pem(spki(m)))
    found = keys.audit(keys.path('two.pem'), status=1)
    exactly(found, {key_id(n): (['shared-prime'], [key_id(m)]),
                    key_id(n, 3): (['rsa-exponent', 'shared-prime'], [key_id(m)]),
                    key_id(m): (['shared-prime'], [key_id(n), key_id(n, 3)])}, keys=3, rsa_moduli=2)


def test_a_prime_of_many():
    "300 keys with one prime, in memory for 1 MiB of product tree and by one thread: the same"
    lone = [P[0] * p for p in keys.primes(256, 300)]
    keys.write('many.csv', ''.join(f'{n:x}\n' for n in lone + HONEST))
    found = keys.audit(keys.path('many.csv'), '--min-bits', '512', status=1)
    ids = [key_id(n, 0) for n in lone]
    exactly(found, groups(ids), keys=308, rsa_moduli=308)
    small = keys.audit(keys.path('many.csv'), '--min-bits', '512', '--memory', '1M', '--threads', '1', status=1)
    tap.equal(small.without_times(), found.without_times())


def test_keys_that_are_weak_alone():
    "close primes, exponents, ROCA, a published prime, a short key: each its finding, and what it says"
    close = P[0] * keys.next_prime(P[0])
    twice = P[1] * keys.next_prime(2 * P[1])
    roca = keys.roca_prime(1024) * keys.roca_prime(1024)
    known = keys.published_prime(1020) * P[2]
    short = SHORT[1] * SHORT[2]
    tiny = 10007 * P[3]
    phi = (P[4] - 1) * (P[5] - 1)
    d = next(d for d in keys.primes(256, 9) if phi % d)
    wiener = P[4] * P[5], pow(d, -1, phi)
    planted = {(close, keys.E): ['rsa-close-primes'], (twice, keys.E): ['rsa-close-primes'],
               (roca, keys.E): ['rsa-roca'], (known, keys.E): ['known-prime'],
               (short, keys.E): [], (tiny, keys.E): ['rsa-small-factor'],
               wiener: ['rsa-exponent', 'rsa-small-private-exponent'], (HONEST[1], 1): ['rsa-form'],
               (HONEST[2], 3): ['rsa-exponent'], (HONEST[3], 65536): ['rsa-form']}
    want = {key_id(*k): checks + (['rsa-size'] if k[0].bit_length() < 2048 else [])
            for k, checks in planted.items()}
    keys.write('alone.pem', ''.join(pem(spki(*k)) for k in [*planted, *((n, keys.E) for n in HONEST[4:])]))
    found = keys.audit(keys.path('alone.pem'), status=1)
    exactly(found, want, keys=14, sources=14)
    for key, check, part in [(close, 'rsa-close-primes', 'differ by a number of'),
                             (twice, 'rsa-close-primes', '2.000 times the other'),
                             (tiny, 'rsa-small-factor', 'divisible by 10007'),
                             (short, 'rsa-size', '1024 bits; at least 2048')]:
        tap.contains(found.why(key_id(key), check), part)
    tap.contains(found.why(key_id(*wiener), 'rsa-small-private-exponent'), ' bits of the modulus')
    tap.contains(found.why(key_id(HONEST[2], 3), 'rsa-exponent'), 'the exponent is 3')


def test_patterns():
    "a modulus whose octets repeat, and one that is a run of ones"
    quarter = HONEST[0].to_bytes(256, 'big')[:64]
    moduli = [int.from_bytes(quarter * 4, 'big') | 1, (1 << 2048) - 1]
    keys.write('pattern.der', b''.join(spki(n) for n in moduli) + spki(HONEST[1]))
    found = keys.audit(keys.path('pattern.der'), status=1)
    tap.equal(found.counts['checks']['rsa-pattern'], 2)
    for n in moduli:
        tap.contains(found.checks(key_id(n)), 'rsa-pattern')
    tap.equal(key_id(HONEST[1]) in found.keys, False)


def test_debian_weak():
    "a key that Debian's generator of 2006 to 2008 made"
    n = keys.debian_weak(1234)
    keys.write('debian.der', spki(n) + spki(HONEST[0]))
    found = keys.audit(keys.path('debian.der'), status=1)
    exactly(found, {key_id(n): ['debian-weak']}, keys=2)
    tap.contains(found.why(key_id(n), 'debian-weak'), 'CVE-2008-0166')


def test_numbers_that_are_no_modulus():
    "0, 1, even, a prime, a power, negative, 1 and 1,000,000 bits: each its finding, the rest goes on"
    # 2 modulo every small prime: divisible by none of them, and no power of 65537 modulo 11
    huge = 2 + SIEVE * (random.randrange((1 << HUGE_BITS - 1) // SIEVE + 1, (1 << HUGE_BITS) // SIEVE - 1) | 1)
    missing = HONEST[0]             # its first bit is set: without a zero octet it is negative
    wrong = spki(0, modulus=keys.negative(missing))
    keys.write('odd.der', b''.join(spki(n) for n in [0, 1, 2 * P[0] * P[1], P[2], P[3] ** 2, 10007 ** 156]) +
               wrong + spki(huge) + spki(P[4] * P[5]) + spki(P[4] * P[6]))
    found = keys.audit(keys.path('odd.der'), status=1)
    pair = [key_id(P[4] * P[5]), key_id(P[4] * P[6])]
    size, large_e = ['rsa-size'], ['rsa-exponent']       # 65537 is above those
    exactly(found, {key_id(0): ['rsa-form', *size, *large_e], key_id(1): ['rsa-form', *size, *large_e],
                    key_id(2 * P[0] * P[1]): ['rsa-form'], key_id(P[2]): ['rsa-prime', *size],
                    key_id(P[3] ** 2): ['rsa-power'],
                    key_id(10007 ** 156): ['rsa-power', 'rsa-small-factor'],
                    keys.id_of(wrong): ['rsa-negative'],
                    key_id(huge): size, **groups(pair)},
            keys=10, rsa_moduli=7, worst={'error': 8, 'warning': 2, 'note': 0})
    tap.contains(found.why(key_id(huge), 'rsa-size'), 'above that it was not tried')
    tap.equal(int(found.keys[keys.id_of(wrong)]['modulus'], 16), missing)
    tap.equal(found.keys[key_id(0)]['modulus'], '00')
    tap.equal(found.keys[key_id(1)]['bits'], 1)
    tap.contains(found.counts['sizes'], {'kind': 'RSA', 'bits': HUGE_BITS, 'keys': 1})


def test_small_and_huge_together():
    "two moduli of 1,000,000 bits share a prime with one of 1,536"
    huge = [SHORT[0] * ((1 << (HUGE_BITS - 512 + i)) + 1) for i in range(2)]
    keys.write('huge.csv', ''.join(f'{n:x}\n' for n in [*huge, SHORT[0] * P[0], HONEST[0]]))
    found = keys.audit(keys.path('huge.csv'), '--fail-on', 'error', status=1)
    ids = [key_id(n, 0) for n in [*huge, SHORT[0] * P[0]]]
    for one in ids:
        tap.contains(found.shared(one), next(x for x in ids if x != one))
        tap.equal(len(found.shared(one)), 2)
    tap.equal(key_id(HONEST[0], 0) in found.keys, False)


def test_fail_on():
    "the exit status is that of the worst finding that was asked for; --min-bits decides one of them"
    keys.write('short.pem', pem(spki(SHORT[1] * SHORT[2])))         # a warning
    keys.write('good.pem', pem(spki(HONEST[0])))
    keys.write('bad.pem', pem(spki(P[0] ** 2)))                     # an error
    for name, level, status in [
            ('good', None, 0), ('good', 'note', 0), ('short', None, 0), ('short', 'error', 0),
            ('short', 'warning', 1), ('short', 'note', 1), ('short', 'never', 0), ('bad', None, 1),
            ('bad', 'warning', 1), ('bad', 'note', 1), ('bad', 'never', 0)]:
        args = ['--fail-on', level] if level else []
        keys.audit(keys.path(f'{name}.pem'), *args, status=status)
    keys.audit(keys.path('short.pem'), '--min-bits', '1024', '--fail-on', 'note', status=0)
    keys.audit(keys.path('good.pem'), '--min-bits', '2049', '--fail-on', 'warning', status=1)


def test_lists_of_ones_own():
    "--lists: a key on a list that was imported is found, and not without it"
    imported = keys.path('lists')
    os.mkdir(imported)
    keys.write('hashes.txt', f'{key_id(HONEST[0])}\n')
    keys.write('listed.der', spki(HONEST[0]) + spki(HONEST[1]))
    keys.run('keys', 'import', keys.path('hashes.txt'), '--lists', imported, '--hash', 'spki',
             '--source', 'a test', '--date', '2026-11-24')
    exactly(keys.audit(keys.path('listed.der'), status=0), {}, keys=2)
    found = keys.audit(keys.path('listed.der'), '--lists', imported, status=1)
    exactly(found, {key_id(HONEST[0]): ['known-key']}, keys=2)
    tap.contains(found.why(key_id(HONEST[0]), 'known-key'), 'a test')


def test_many_keys_of_one_prime():
    "thousands of keys that share one prime, one that shares both of its own: all named, and in time"
    count, shown = 3000, 1000
    others = [keys.next_prime(random.getrandbits(112) | 1 << 111) for _ in range(count + 1)]
    moduli = [P[0] * q for q in others[:count]] + [others[0] * others[count]]
    keys.write('cluster.csv', ''.join(f'{n:x}\n' for n in moduli))
    found = keys.audit(keys.path('cluster.csv'), status=1)
    # Each pair by itself, of which there are 4.5 million, takes longer than reading and checking all.
    times = found.lines[-1]['times']
    tap.comment(f'{times["gcd"]} s to compare, {times["check"]} s to check')
    if times['gcd'] > 4 * (times['read'] + times['check']):
        raise AssertionError(times)
    tap.equal(found.counts['checks']['shared-prime'], count + 1)
    ids = [key_id(n, 0) for n in moduli]
    tap.equal(found.shared(ids[count]), [ids[0]])
    for i in [0, 1, count - 1]:
        (finding,) = [f for f in found.keys[ids[i]]['findings'] if f['check'] == 'shared-prime']
        tap.equal((len(finding['shared_with']), set(finding['shared_with']) <= set(ids) - {ids[i]}),
                  (shown, True))
    tap.contains(found.why(ids[1], 'shared-prime'), f'the modulus of {count - 1} other keys')


def test_refusals():
    "calls that make no sense: status 2; what is not there or is there already: 1"
    here = keys.write('x.der', spki(HONEST[0]))
    for args in [[], [keys.path('missing')], ['/dev/null'], [here, '--format', 'doc'],
                 [here, '--memory', '0'], [here, '--memory', '4X'], [here, '--fail-on', 'all'],
                 [here, '--resume'], [here, '--threads', '0'], [here, '--min-bits', '99999999']]:
        refused = keys.audit(*args, status=2, check=False)
        tap.equal((refused.error, refused.counts), ('usage', None))
    tap.equal(keys.audit(here, '--private-keys', here, status=1, check=False).error, 'exists')
    tap.equal(keys.audit(here, '--lists', keys.path('missing'), status=1, check=False).error, 'not-found')


def test_people():
    "the report for people: numbers, bars, what to do, where"
    n, m = P[0] * P[1], P[0] * P[2]
    keys.write('people.csv', f'{n:x}\n{m:x}\n')
    out = keys.run('keys', 'audit', keys.path('people.csv'), status=1)
    for part in ['1 file (0.0 MiB): 2 keys in 2 places; 2 RSA moduli compared', 'RSA 2048  ████',
                 'shared-prime', 'replace both keys', f'in {keys.path("people.csv")}, line 1',
                 f'with {key_id(m, 0)}', '2 keys with an error, 0 with a warning at most.']:
        tap.contains(out, part)
    keys.write('none.csv', f'{HONEST[0]:x}\n')
    tap.contains(keys.run('keys', 'audit', keys.path('none.csv'), status=0), 'No key has a finding.')


tap.main()
