#!/usr/bin/python3
"""Attacks a broker, one attack after the other, and prints how innocent clients are affected.

    hostile.py [--loops N] [--scale S] [--list] [ATTACK ...]

LEVERETD names the broker (default: build/leveretd). Each attack has a broker of its own. A row is right if the broker did
what it must, no innocent client lost its connection, the 99th percentile of their times is at most 20 ms (or, on a busy
machine, RATIO_MAX times that of the quiet period), and resident memory, file descriptors and mappings are back where they
began. Exits with 0 if every row is right.
"""
import argparse
import importlib
import os
import pathlib
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from arena import ATTACKS, Arena  # noqa: E402

P99_MAX_MS = 20
RATIO_MAX = 40


def load_attacks():
    for path in sorted(HERE.glob('attacks_*.py')):
        importlib.import_module(path.stem)
    return ATTACKS


def p99_limit_ms(quiet):
    return max(P99_MAX_MS, RATIO_MAX * quiet['p99_ms'])


def play(attack, scale, loops):
    """Runs an attack and prints its row. Returns whether it is right."""
    arena, fault, result = Arena(attack, scale, loops), None, None
    began = time.monotonic()
    try:
        try:
            result = arena.run()
            if result['felt']['p99_ms'] > p99_limit_ms(result['quiet']):
                fault = f'p99 is above {p99_limit_ms(result["quiet"]):.0f} ms'
        finally:
            arena.end()
    except Exception as error:                               # an attack that fails is a row; the next one runs
        fault = f'{type(error).__name__}: {error}'
        if not isinstance(error, AssertionError):
            fault += '\n' + traceback.format_exc()
    row = f'{attack.name:34} '
    if result:
        quiet, felt, before, after = (result[key] for key in ('quiet', 'felt', 'before', 'after'))
        row += (f'{quiet["p99_ms"]:7.2f} {felt["p99_ms"]:7.2f} {felt["p99_ms"] / max(quiet["p99_ms"], 0.01):6.1f} '
                f'{felt["worst_ms"]:8.1f} {felt["count"]:6} {before.rss_mb:5.0f} {after.rss_mb:5.0f} '
                f'{before.descriptors:4} {after.descriptors:4} {before.mappings:5} {after.mappings:5} ')
    row += f'{time.monotonic() - began:5.1f} s  {"right" if fault is None else "WRONG: " + fault}'
    print(row, flush=True)
    return fault is None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--loops', default='2')
    parser.add_argument('--scale', type=float, default=1.0)
    parser.add_argument('--list', action='store_true')
    parser.add_argument('attacks', nargs='*')
    wanted = parser.parse_args()
    attacks = load_attacks()
    if wanted.list:
        for one in attacks.values():
            print(f'{one.name:34} {one.sentence}')
        return 0
    unknown = [name for name in wanted.attacks if name not in attacks]
    if unknown:
        parser.error(f'no such attack: {", ".join(unknown)}')
    print(f'{"":34} {"quiet":>7} {"felt":>7} {"":6} {"":8} {"":6} {"RSS, MB":>11} {"files":>9} {"mappings":>11}\n'
          f'{"attack":34} {"p99 ms":>7} {"p99 ms":>7} {"ratio":>6} {"worst ms":>8} {"count":>6} '
          f'{"from":>5} {"to":>5} {"from":>4} {"to":>4} {"from":>5} {"to":>5}')
    right = [play(attacks[name], wanted.scale, wanted.loops) for name in wanted.attacks or attacks]
    print(f'{right.count(True)} passed, {right.count(False)} failed')
    return 0 if all(right) else 1


if __name__ == '__main__':
    os.environ.setdefault('LEVERETD', str(HERE.parent.parent / 'build' / 'leveretd'))
    sys.exit(main())
