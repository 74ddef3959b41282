"""What the benches share: interleaved timing, medians, the table."""

import math
import os
import platform
import time


def machine():
    """One line that says what the figures were measured on."""
    name = platform.processor() or "unknown processor"
    try:
        with open("/proc/cpuinfo") as file:
            name = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {len(os.sched_getaffinity(0))} processors, Python {platform.python_version()}"


def interleave(callables, rounds, warmup=1, budget=None):
    """Median seconds of each callable, run in turns so that a slow moment of the machine strikes all alike.

    A callable slower than `budget` seconds is timed in fewer turns (at least 3)."""
    times = {name: [] for name in callables}
    for _ in range(warmup):
        for run in callables.values():
            run()
    for turn in range(rounds):
        for name, run in callables.items():
            if budget and turn >= 3 and sum(times[name]) > budget:
                continue
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in times.items()}


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else float("nan")


def per_call(run, seconds=0.02):
    """A callable that runs `run` often enough to be timed, and by how much to divide."""
    run()
    start = time.perf_counter()
    run()
    once = max(time.perf_counter() - start, 1e-7)
    n = max(1, int(seconds / once))

    def many():
        for _ in range(n):
            run()

    return many, n


def table(header, rows):
    """Prints columns, the first to the left, the others to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [header] + rows) for i in range(len(header))]
    for row in [header] + rows:
        print_row(row, widths)


def stream(header, rows):
    """As table, of rows that take their time: each is printed when it comes, its columns as wide as their headings, or more."""
    widths = [max(len(cell), 9 if i else 24) for i, cell in enumerate(header)]
    print_row(header, widths)
    for row in rows:
        print_row(row, widths)


def print_row(row, widths):
    cells = [str(cell).rjust(w) if i else str(cell).ljust(w) for i, (cell, w) in enumerate(zip(row, widths))]
    print("  ".join(cells), flush=True)
