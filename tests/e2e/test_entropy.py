"""medseal entropy: what is printed, what it exits with, what it writes."""
import hashlib
import json
import re

import realm
import tap

R = realm.Realm(init=False)


def noise(name, count, mask=0xff, seed=b'noise'):
    data = b''.join(hashlib.sha256(seed + i.to_bytes(4, 'big')).digest() for i in range(count // 32 + 1))
    return R.write(name, bytes(b & mask for b in data[:count]))


GOOD = noise('good.bin', 20000, 0x0f)


def test_json_names_every_estimator():
    "--json names each estimator and the three results"
    got = R.json('entropy', 'assess', GOOD, '--bits', '4')
    tap.equal([e['estimator'] for e in got['estimators']],
              ['mcv', 'collision', 'markov', 'compression', 't-tuple', 'lrs', 'multi-mcw', 'lag',
               'multi-mmc', 'lz78y'])
    lowest = min(e['h_original'] for e in got['estimators'] if e['h_original'] is not None)
    tap.equal(got['h_original'], lowest)
    tap.equal(got['h_bitstring'], min(e['h_bitstring'] for e in got['estimators']))
    tap.equal(got['min_entropy'], min(got['h_original'], 4 * got['h_bitstring']))
    tap.equal(R.json('entropy', 'assess', GOOD)['bits'], 4)


def test_width():
    "a sample that is too wide is named with its place; the other file is still assessed"
    wide = R.write('wide.bin', b'\x01' * 500 + b'\x10' + b'\x02' * 500)
    result = R.medseal('entropy', 'assess', '--bits', '4', wide, GOOD, check=False)
    tap.equal(result.returncode, 4)
    tap.contains(result.stderr, 'wide.bin')
    tap.contains(result.stderr, 'offset 500 is 0x10')
    tap.contains(result.stdout, 'min_entropy')


def test_iid_is_reproducible():
    "--iid says yes to good samples, no to dependent ones (exit 1), the same every time"
    first = R.json('entropy', 'assess', '--iid', GOOD)
    tap.equal(first['iid'], True)
    tap.equal(R.json('entropy', 'assess', '--iid', '--threads', '1', GOOD), first)
    with open(GOOD, 'rb') as f:
        data = f.read(1500)
    twice = R.write('twice.bin', bytes(b for b in data for _ in range(2)))
    result = R.medseal('entropy', 'assess', '--iid', '--json', twice, check=False)
    tap.equal(result.returncode, 1)
    tap.equal(json.loads(result.stdout.splitlines()[0])['iid'], False)
    tap.contains(result.stderr, 'not-iid')


def test_pages():
    "the page and the drawing need nothing else and run nothing"
    R.medseal('entropy', 'assess', GOOD, '--html', R.path('a.html'), '--svg', R.path('a.svg'))
    for name in 'a.html', 'a.svg':
        with open(R.path(name), encoding='utf-8') as f:
            text = f.read()
        tap.contains(text, 'Autocorrelation')
        tap.contains(text, 'Spectrum')
        tap.equal(text.count('<polyline') >= 2, True)
        tap.equal(re.findall(r'<script|href="http|src=|nan|inf[,"]', text), [])


def test_conditioning():
    "a vetted component's output entropy is printed; what is missing of its options is said"
    got = R.json('entropy', 'assess', GOOD, '--conditioning', 'vetted', '--n-in', '1000', '--n-out',
                 '512', '--nw', '256', '--h-in', '300')
    tap.equal(round(got['conditioning']['h_out'], 9), 256.0)
    R.refused('usage', 'entropy', 'assess', GOOD, '--conditioning', 'vetted')
    R.refused('usage', 'entropy', 'assess', GOOD, '--n-in', '5')


def test_restart_needs_a_million():
    "--restart with another number of samples is refused"
    R.refused('usage', 'entropy', 'assess', GOOD, '--restart', GOOD)


def test_restart_always_the_same():
    "restarts that always give the same are judged, not refused: no entropy may be claimed (exit 1)"
    dead = R.write('dead.bin', b'\x05' * 1000000)
    result = R.medseal('entropy', 'assess', '--json', GOOD, '--restart', dead, check=False)
    tap.equal(result.returncode, 1, result.stderr)
    tap.contains(result.stderr, '[restart-test]')
    got = json.loads(result.stdout.splitlines()[0])
    tap.equal((got['bits'], got['restart']['row_most'], got['restart']['column_most']), (4, 1000, 1000))
    tap.equal((got['restart']['sanity_check'], got['restart']['h_row'], got['restart']['min_entropy']),
              (False, 0.0, 0.0))
    tap.equal(got['restart']['h_initial'], got['min_entropy'])
    wide = R.write('wide-restart.bin', b'\x10' * 1000000)
    R.refused('sample-width', 'entropy', 'assess', GOOD, '--restart', wide)


def test_watch_lists():
    "watch: clean lists exit 0, duplicates and counters exit 1, a bad line is named and passed over"
    def write(name, lines):
        return R.write(name, '\n'.join(lines) + '\n')
    good = [f'pump,{hashlib.sha256(b"%d" % i).hexdigest()}' for i in range(300)]
    got = R.json('entropy', 'watch', write('good.csv', good))
    tap.equal((got['findings'], got['lines'][0]['values']), ([], 300))
    result = R.medseal('entropy', 'watch', '--json', write('twice.csv', good + [good[7], 'nonsense']),
                       check=False)
    tap.equal(result.returncode, 1)
    found = json.loads(result.stdout.splitlines()[0])
    tap.equal([f['finding'] for f in found['findings']], ['duplicate'])
    tap.contains(found['findings'][0]['why'], 'at 8 and 301')
    tap.equal(found['unreadable'], 1)
    tap.contains(result.stderr, 'line 302')
    counter = write('count.csv', [f'pump,{0x4000 + i:x}' for i in range(100)])
    result = R.refused('poor-randomness', 'entropy', 'watch', counter)
    tap.contains(result.stdout, 'counter')


def test_watch_certificates():
    "watch: a key that is in two certificates is found"
    R.run('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=a', '-keyout',
          R.path('k.pem'), '-out', R.path('a.pem'))
    R.run('openssl', 'req', '-x509', '-key', R.path('k.pem'), '-subj', '/CN=b', '-out', R.path('b.pem'))
    both = ''
    for name in 'a.pem', 'b.pem':
        with open(R.path(name), encoding='utf-8') as one:
            both += one.read()
    result = R.medseal('entropy', 'watch', '--json', '--product', 'pump', R.write('fleet.pem', both),
                       check=False)
    found = json.loads(result.stdout.splitlines()[0])
    tap.equal([(f['product'], f['kind'], f['finding']) for f in found['findings']],
              [('pump', 'modulus', 'duplicate')])
    tap.equal({(l['kind'], l['values']) for l in found['lines']}, {('modulus', 2), ('serial', 2)})


def test_watch_shared_primes():
    "watch: moduli that share a prime are found, across product lines"
    p, q, r, s, t = (2**521 - 1, 2**607 - 1, 2**1279 - 1, 2**2203 - 1, 2**2281 - 1)
    rows = [('pump', p * q), ('pump', r * s), ('valve', q * t)]
    path = R.write('shared.jsonl', ''.join(
        json.dumps({'product': a, 'kind': 'modulus', 'value': f'{n:x}'}) + '\n' for a, n in rows))
    result = R.medseal('entropy', 'watch', '--json', path, check=False)
    tap.equal(result.returncode, 1)
    found = json.loads(result.stdout.splitlines()[0])['findings']
    tap.equal(sorted((f['product'], f['finding']) for f in found),
              [('pump', 'shared-prime'), ('valve', 'shared-prime')])


tap.main()
