"""Fuzzes: many programs in child processes; prints what disagrees, made small, and how often each operator was reached.

    python -m graphs [--seconds N | --graphs N] [--seed N] [--jobs N] [--operators REGEX] [--only N] [--open]
"""

import argparse
import collections
import json
import os
import pickle
import re
import subprocess
import sys
import threading
import time

from graphs.open import reason_of

HANG = 120  # seconds a child may be silent
SHRINKING = 15.0  # seconds for a finding
SHOWN_LINES = 40


# ---- the child ----


def look_at(seed, names, shrunk_before):
    """The findings of one program, the first of its kind made small."""
    from graphs import generate, judge, program as programs, shrink

    program, tried = generate.generate(seed, names)
    findings = []
    for d in judge.judge(program):
        mode = tuple(d.mode.split(",")[0].split())

        def fails(candidate, d=d, mode=mode):
            again = judge.judge(candidate, [mode], first=True)
            return any(a.nature == d.nature and alike(a, d) for a in again)

        kind = f"{d.mode} | {d.nature} | {judge.words(d.detail) if is_error(d.nature) else program.steps[-1].op if program.steps else ''}"
        small, known = program, reason_of({"mode": d.mode, "nature": d.nature, "ops": "", "detail": d.detail})
        if not known and shrunk_before[kind] < 3:
            shrunk_before[kind] += 1
            small = shrink.shrink(program, fails, SHRINKING)
            d = next(iter(judge.judge(small, [mode], first=True)), d)
        ops = "+".join(dict.fromkeys(s.op for s in small.steps))
        text = programs.source(small, *mode, "other" in d.mode)
        findings.append({"mode": d.mode, "nature": d.nature, "detail": d.detail, "ops": "" if known else ops, "steps": len(small.steps), "source": text})
    return findings, tried


def is_error(nature):
    return nature in ("raises", "does not raise", "other error")


def alike(a, b):
    """Errors with the same words, numbers apart; other things are alike by their nature."""
    from graphs.judge import words

    return not is_error(a.nature) or words(a.detail) == words(b.detail)


def child(options):
    names = chosen(options.operators)
    shrunk_before = collections.Counter()
    send = lambda **message: print(json.dumps(message), flush=True)
    i, end = options.start, time.monotonic() + options.seconds
    while (i < options.graphs if options.graphs else True) and time.monotonic() < end:
        send(start=i)
        findings, tried = look_at(f"{options.seed}:{i}", names, shrunk_before)
        for finding in findings:
            send(finding=finding, graph=i)
        send(done=i, tried=tried)
        i += options.stride
    send(end=True)


def chosen(pattern):
    from graphs.arguments import CHOSEN

    names = [n for n in CHOSEN if re.search(pattern, n)]
    if not names:
        sys.exit(f"no operator matches {pattern}")
    return names


def one_program():
    """Judges the program that comes on stdin, in the modes that do: what a crash is shrunk with."""
    from graphs import judge

    judge.judge(*pickle.load(sys.stdin.buffer))


def crashes(program, modes):
    command = [sys.executable, "-m", "graphs", "--program"]
    try:
        done = subprocess.run(command, input=pickle.dumps((program, modes)), capture_output=True, timeout=HANG)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode < 0


# ---- the parent ----


class Run:
    def __init__(self, options):
        self.options = options
        self.end = time.monotonic() + options.seconds
        self.lock = threading.Lock()
        self.findings, self.graphs = [], 0
        self.tried = collections.defaultdict(lambda: [0, 0])

    def work(self, job):
        """Children one after the other: one that dies is followed by another, behind the graph that it died of."""
        at = job
        while at is not None and time.monotonic() < self.end and not (self.options.graphs and at >= self.options.graphs):
            at = self.watch(at)

    def watch(self, start):
        """Runs a child from this graph on; the graph to go on with where it died, else None."""
        o = self.options
        command = [sys.executable, "-m", "graphs", "--child", "--start", str(start), "--stride", str(o.jobs), "--seed", str(o.seed),
                   "--seconds", str(self.end - time.monotonic()), "--operators", o.operators] + (["--graphs", str(o.graphs)] if o.graphs else [])
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        errors = []
        reader = threading.Thread(target=lambda: errors.append(process.stderr.read()[-3000:]), daemon=True)
        reader.start()
        current, ended = start, False
        timer = None
        for line in process.stdout:
            if timer:
                timer.cancel()
            timer = threading.Timer(HANG, process.kill)
            timer.start()
            message = json.loads(line)
            current = message.get("start", current)
            ended |= "end" in message
            with self.lock:
                if "finding" in message:
                    self.note({**message["finding"], "graph": message["graph"]})
                if "done" in message:
                    self.graphs += 1
                    for name, (calls, good) in message["tried"].items():
                        self.tried[name][0] += calls
                        self.tried[name][1] += good
        if timer:
            timer.cancel()
        code = process.wait()
        reader.join()
        if ended:
            return None
        self.died(current, code, errors[0])
        return current + o.jobs

    def died(self, graph, code, errors):
        from graphs import generate, judge, program as programs, shrink

        detail = f"the process ended with {code}" + (f", killed after {HANG} s of silence" if code == -9 else "")
        program, _ = generate.generate(f"{self.options.seed}:{graph}", chosen(self.options.operators))
        mode = next((m for m in judge.MODES if code < 0 and crashes(program, [m])), None)
        small = shrink.shrink(program, lambda p: crashes(p, [mode]), 4 * SHRINKING) if mode else program
        finding = {"mode": " ".join(mode or ["unrepeated"]), "nature": "crash", "detail": f"{detail}\n{errors[-1500:] if code > 0 else ''}",
                   "ops": "+".join(dict.fromkeys(s.op for s in small.steps)), "steps": len(small.steps),
                   "source": programs.source(small, *(mode or ())), "graph": graph}
        with self.lock:
            self.note(finding)

    def note(self, finding):
        """What is not known is said at once: a long run need not end before it is looked at (--only)."""
        self.findings.append(finding)
        if not reason_of(finding):
            print(f"graph {finding['graph']}: {finding['mode']} | {finding['nature']} | {finding['ops']} | {finding['detail'][:200]}", flush=True)


def kinds(findings):
    """The findings grouped: the operators that are left, the nature, the words of errors."""
    from graphs.judge import words

    groups = collections.defaultdict(list)
    for f in findings:
        groups[f["nature"], words(f["detail"].split("\n")[0]) if is_error(f["nature"]) else f["ops"]].append(f)
    return sorted(groups.values(), key=lambda group: -len(group))


def report(run, seconds, show_open):
    known, new = [], []
    for group in kinds(run.findings):
        first = min(group, key=lambda f: f["steps"])
        (known if reason_of(first) else new).append((group, first))
    for group, first in new + (known if show_open else []):
        modes = ", ".join(sorted({f["mode"] for f in group}))
        print(f"\n== {len(group)} x {first['nature']}: {first['ops'][:200]}\n   {modes}; graphs {sorted({f['graph'] for f in group})[:8]}")
        print(f"   {first['detail']}")
        print("\n".join(line[:2000] for line in first["source"].splitlines()[:SHOWN_LINES]))
    never = sorted(n for n in chosen(run.options.operators) if not run.tried[n][1])
    counts = sorted(good for _, good in (run.tried[n] for n in chosen(run.options.operators)))
    print(f"\noperators: {len(counts)}, calls of each: {counts[0]} to {counts[-1]}, median {counts[len(counts) // 2]}; "
          f"never reached: {' '.join(never) or 'none'}")
    for group, first in known:
        print(f"open: {len(group)} x {first['nature']} {first['ops'][:80]}: {reason_of(first)}")
    print(f"{run.graphs} graphs in {seconds:.0f} s, {len(run.findings)} disagreements of {len(new)} kinds that are not known and {len(known)} open ones")
    return new


def parsed(arguments):
    parser = argparse.ArgumentParser(prog="graphs", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, help="how long (60)")
    parser.add_argument("--graphs", type=int, default=0, help="how many graphs, instead of a time")
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--operators", default="", metavar="REGEX", help="only these")
    parser.add_argument("--only", type=int, metavar="GRAPH", help="looks at this graph of the seed alone, and prints it")
    parser.add_argument("--open", action="store_true", help="shows the known disagreements, too")
    for hidden in ("--child", "--program"):
        parser.add_argument(hidden, action="store_true", help=argparse.SUPPRESS)
    for hidden in ("--start", "--stride"):
        parser.add_argument(hidden, type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.seconds = options.seconds or (3600.0 if options.graphs else 60.0)
    options.seed = int(time.time()) if options.seed is None else options.seed
    return options


def main(arguments=None):
    options = parsed(arguments)
    if options.program:
        return one_program()
    if options.child:
        return child(options)
    if options.only is not None:
        from graphs import generate, program as programs

        print(programs.source(generate.generate(f"{options.seed}:{options.only}", chosen(options.operators))[0]))
        for finding in look_at(f"{options.seed}:{options.only}", chosen(options.operators), collections.Counter())[0]:
            print(f"\n== {finding['mode']}: {finding['nature']}: {finding['detail']}\n{finding['source']}")
        return 0
    print(f"seed {options.seed}, {options.jobs} jobs", flush=True)
    start, run = time.monotonic(), Run(options)
    threads = [threading.Thread(target=run.work, args=(job,)) for job in range(options.jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 1 if report(run, time.monotonic() - start, options.open) or not run.graphs else 0


if __name__ == "__main__":
    sys.exit(main())
