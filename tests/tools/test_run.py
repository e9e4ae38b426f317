"""./run and ./check on a small project: programs on the caller's files, exit codes, signals."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, '..', '..')
sys.path.insert(0, os.path.join(HERE, '..', 'e2e'))
import tap  # noqa: E402

PROJECT = {
    'meson.build': "project('small', 'c')\nsubdir('cli')\n"
                   "if import('fs').is_file('agent/meson.build')\n  subdir('agent')\nendif\n"
                   "if get_option('tests')\n  test('t', files('t.sh'), protocol: 'tap', suite: 's')\nendif\n",
    'meson.options': "option('tests', type: 'boolean', value: true)\n",
    'cli/meson.build': "executable('small', 'small.c')\n",
    'cli/small.c': r'''
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	char cwd[4096], line[100];
	if (argc > 1 && strcmp(argv[1], "wait") == 0) {
		puts("waiting");
		fflush(stdout);
		pause();
	}
	puts(getcwd(cwd, sizeof cwd));
	for (int i = 1; i < argc; i++)
		printf("[%s]\n", argv[i]);
	while (fgets(line, sizeof line, stdin))
		printf("in: %s", line);
	return 7;
}
''',
    't.sh': '#!/bin/sh\necho 1..2\necho ok 1 - a\necho ok 2 - b\n',
}
FOLDER = tempfile.TemporaryDirectory()
ROOT = os.path.join(FOLDER.name, 'a project')       # a path with a space


def make_project():
    for path, text in PROJECT.items():
        os.makedirs(os.path.dirname(os.path.join(ROOT, path)), exist_ok=True)
        with open(os.path.join(ROOT, path), 'w', encoding='utf-8') as file:
            file.write(text)
    os.chmod(os.path.join(ROOT, 't.sh'), 0o755)
    shutil.copytree(os.path.join(SOURCE, 'tools'), os.path.join(ROOT, 'tools'))
    for name in ('run', 'check'):
        shutil.copy(os.path.join(SOURCE, name), ROOT)
    walk = os.path.join(ROOT, 'tools', 'walk')
    if os.path.exists(walk):
        os.unlink(walk)


def call(name, *args, cwd='/tmp', stdin=''):
    # The sanitizers of ./check are no concern of these builds
    return subprocess.run([os.path.join(ROOT, name), *args], cwd=cwd, input=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_program():
    "a program sees the caller's folder, arguments and input, and its output and status come back"
    done = call('run', 'small', 'one', 'two  words', '*', cwd=FOLDER.name, stdin='x\ny\n')
    tap.equal((done.returncode, done.stdout),
              (7, f'{FOLDER.name}\n[one]\n[two  words]\n[*]\nin: x\nin: y\n'), done.stderr)


def test_second_run():
    "the second run says nothing of building"
    tap.equal(call('run', 'small').stderr, '')


def test_signal():
    "a signal to ./run is a signal to the program"
    child = subprocess.Popen([os.path.join(ROOT, 'run'), 'small', 'wait'], stdout=subprocess.PIPE, text=True)
    tap.equal(child.stdout.readline(), 'waiting\n')
    child.send_signal(signal.SIGTERM)
    tap.equal(child.wait(20), -signal.SIGTERM)


def test_unknown():
    "an unknown program is an error that lists those there are"
    for name in ('smal', 'small.', '../small', 'nope', '-x', ''):
        done = call('run', name)
        tap.equal((done.returncode, done.stdout), (2, ''), name)
        tap.contains(done.stderr, f'no program {name}; there are: small')


def test_list():
    "--list names the programs"
    tap.equal(call('run', '--list').stdout, 'small\n')


def test_new_room():
    "a room that appears is built"
    os.makedirs(os.path.join(ROOT, 'agent'))
    with open(os.path.join(ROOT, 'agent', 'meson.build'), 'w', encoding='utf-8') as file:
        file.write("executable('late', '../cli/small.c')\n")
    tap.equal(call('run', '--list').stdout, 'late\nsmall\n')


def test_help():
    "--help of both, without building"
    for name in ('run', 'check'):
        done = call(name, '--help')
        tap.equal((done.returncode, done.stderr), (0, ''))
        tap.contains(done.stdout, f'./{name} --help')


def test_soft_program():
    "the walk does not start on programs that are not hard"
    done = call('run')
    tap.equal(done.returncode, 1)
    tap.contains(done.stderr, 'small: no ')


def test_check():
    "./check ends with the counts"
    done = call('check')
    tap.equal((done.returncode, done.stdout.splitlines()[-1]), (0, '2 passed, 0 failed, 0 skipped'), done.stderr)


def test_check_unknown():
    "./check of a suite or a test that is not there is an error"
    for args in (['none'], ['-k', 'none*'], ['--none']):
        assert call('check', *args).returncode not in (0, None), args


def test_check_build_fails():
    "a build that fails is a failure with the last line in its form"
    with open(os.path.join(ROOT, 'cli', 'small.c'), 'a', encoding='utf-8') as file:
        file.write('int unused(void) { int x; return x; }\n#error broken on purpose\n')
    done = call('check')
    tap.equal((done.returncode, done.stdout.splitlines()[-1]), (1, '0 passed, 1 failed, 0 skipped'))
    tap.contains(done.stderr, 'broken on purpose')
    tap.equal(call('run', 'small').returncode, 1)


make_project()
tap.main()
