"""tools/check-hardening must be able to fail, and a release build carries every flag.

usage: test_check_hardening.py SOURCE-ROOT BUILD-FOLDER
"""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'e2e'))
import tap  # noqa: E402

SOURCE, BUILD = sys.argv[1:3]
TOOL = os.path.join(SOURCE, 'tools', 'check-hardening')
PROGRAM = '''
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
	char text[64];
	strcpy(text, argv[argc - 1]);
	return puts(text) < 0;
}
'''
HARD = ['-O2', '-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=3', '-fstack-protector-strong', '-fPIE', '-pie',
        '-Wl,-z,relro', '-Wl,-z,now', '-Wl,-z,noexecstack']
RELEASE_FLAGS = ['-D_FORTIFY_SOURCE=3', '-fstack-protector-strong', '-fstack-clash-protection', '-fPIE',
                 '-ftrivial-auto-var-init=zero']


def check(*args):
    done = subprocess.run([sys.executable, TOOL, *args], stdout=subprocess.PIPE, text=True)
    return done.returncode, done.stdout.splitlines()


def built_with(*flags):
    """What the tool says of a program that is hard but for these flags."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'sample')
        subprocess.run(['gcc', '-w', '-x', 'c', '-', '-o', path, *HARD, *flags], check=True,
                       input=PROGRAM, text=True)
        return check('--fortify', path)


def lacks(what, *flags):
    status, lines = built_with(*flags)
    tap.equal((status, len(lines)), (1, 2), str(lines))
    tap.contains(lines[0], f'sample: no {what}: ')


def test_hard():
    "a program with everything passes"
    tap.equal(built_with(), (0, ['1 programs read, 0 faults']))


def test_pie():
    "a program at a fixed address"
    lacks('PIE', '-fno-PIE', '-no-pie')


def test_relro():
    "a program with writable relocation tables"
    lacks('RELRO', '-Wl,-z,norelro')


def test_now():
    "a program that binds late"
    lacks('BIND_NOW', '-Wl,-z,lazy')


def test_stack():
    "a program with an executable stack"
    lacks('NX', '-Wl,-z,execstack')


def test_canary():
    "a program without canaries"
    lacks('canary', '-fno-stack-protector')


def test_fortify():
    "a program with unchecked libc calls"
    lacks('FORTIFY', '-U_FORTIFY_SOURCE')


def test_nothing():
    "a folder without programs fails"
    with tempfile.TemporaryDirectory() as folder:
        tap.equal(check(folder), (1, ['0 programs read, 0 faults']))


def test_this_build():
    "the programs of this build are hard"
    status, lines = check(BUILD)
    if lines[-1].startswith('0 programs'):
        tap.skip('this build has no programs')
    tap.equal((status, lines[:-1]), (0, []))


def test_release():
    "a release build compiles and links every program with every flag"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(['meson', 'setup', folder, SOURCE, '--buildtype=release', '-Dtests=false'],
                       check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(folder, 'compile_commands.json'), encoding='utf-8') as file:
            commands = json.load(file)
        assert commands, 'nothing is compiled'
        for command in commands:
            words = command['command'].split()
            for flag in RELEASE_FLAGS:
                assert flag in words or (flag == '-fPIE' and '-fPIC' in words), \
                    f'{command["file"]} is compiled without {flag}'


tap.main()
