#!/usr/bin/env python3
"""The fuzz driver finds a planted fault, fails, and leaves the input that did it.

usage: test_driver.py FUZZ_SELFTEST CORPUS
"""
import os
import subprocess
import sys
import tempfile

failed = False


def check(number, name, holds):
    global failed
    failed = failed or not holds
    print(f'{"ok" if holds else "not ok"} {number} - {name}', flush=True)


def main():
    target, corpus = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    print('1..4')
    with tempfile.TemporaryDirectory() as folder:
        def run(*args):
            return subprocess.run([target, *args], cwd=folder, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=60)
        crash = os.path.join(folder, 'crash-fuzz_selftest')
        replay = run(corpus)
        check(1, 'a corpus without the fault passes, and no mutation is claimed',
              replay.returncode == 0 and '# SKIP' in replay.stdout and not os.path.exists(crash))
        found = run('--seconds', '20', corpus)
        check(2, 'mutation finds the fault', found.returncode != 0 and 'ok 2' not in found.stdout)
        left = b''
        if os.path.exists(crash):
            with open(crash, 'rb') as file:
                left = file.read()
        check(3, 'the input is left behind', left.startswith(b'plan\xff'))
        check(4, 'and fails again by itself', run(crash).returncode != 0)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
