"""The coefficients of the vector functions in src/kernels/elementwise/vector_*.h: how they are computed, and that the sources hold them.

    .venv/bin/python tools/coefficients.py            checks every table; exit code 1 where one differs
    .venv/bin/python tools/coefficients.py --print    prints them all as C writes them

A polynomial interpolates its function in Chebyshev's points of an interval, in 160 bits, and is rounded to the type's. The intervals are
a little longer than what the reduction of the argument leaves, so that its roundings stay inside.
"""

import argparse
import pathlib
import re
import sys

import mpmath as mp

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "src" / "kernels" / "elementwise"
mp.mp.prec = 160
LOG2, ROOT2 = mp.log(2), mp.sqrt(2)
DIGITS = {"float": 24, "double": 53}


def rounded(value, bits):
    if not value:
        return 0.0
    m, e = mp.frexp(value)
    return float(mp.nint(mp.ldexp(m, bits)) * mp.mpf(2) ** (e - bits))


def interpolated(f, low, high, n):
    """Coefficients of the polynomial of degree n - 1 that is f in Chebyshev's points of [low, high]."""
    low, high = mp.mpf(low), mp.mpf(high)
    points = [(low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * k + 1) / (2 * n)) for k in range(n)]
    return list(mp.lu_solve(mp.matrix([[x ** j for j in range(n)] for x in points]), mp.matrix([f(x) for x in points])))


def of_square(f):
    """f of x as a function of x^2."""
    return lambda u: f(mp.sqrt(u))


def exp_rest(r):
    return (mp.expm1(r) - r - r * r / 2) / r ** 3 if abs(r) > 1e-20 else mp.mpf(1) / 6


def log_rest(f):
    return (mp.log1p(f) - f + f * f / 2) / f ** 3 if abs(f) > 1e-20 else mp.mpf(1) / 3


def erfc_scaled(t):
    a = 3 * (1 + t) / (1 - t)
    return mp.erfc(a) * mp.exp(a * a) * (1 + 2 * a)


def third(x):
    return (mp.mpf(x) - 3) / (mp.mpf(x) + 3)


HALF_LOG2 = LOG2 / 2 * mp.mpf("1.0001")
SQUARE = ((ROOT2 - 1) / (ROOT2 + 1)) ** 2  # of s = f / (2 + f), sqrt(1/2) <= 1 + f <= sqrt(2)

# file, function that holds it, array, function, interval, number of coefficients, how many units of the last place the
# sources may differ (where they were computed in fewer bits)
POLYNOMIALS = [
    ("vector_error.h", "erf_near64", "c", of_square(lambda x: mp.erf(x) / x - 1), (0, 1), 13, 0),
    ("vector_error.h", "erfc_far64", "c", erfc_scaled, (third("0.5"), third("27.3")), 22, 0),
    ("vector_error.h", "erf_32", "near", of_square(lambda x: mp.erf(x) / x - 1), (0, 1), 8, 0),
    ("vector_error.h", "erf_32", "power", lambda r: mp.mpf(2) ** r, ("-0.5", "0.5"), 7, 0),
    ("vector_arcs.h", "atan_32", "c", of_square(lambda x: (mp.atan(x) / x - 1) / x ** 2), (0, "0.3601"), 7, 1),
    ("vector_arcs.h", "asin_parts32", "c", of_square(lambda x: (mp.asin(x) / x - 1) / x ** 2), (0, "0.25"), 6, 0),
    ("vector_arcs.h", "log1p_32", "c", log_rest, (1 / ROOT2 - 1 - mp.mpf("1e-4"), ROOT2 - 1 + mp.mpf("1e-4")), 9, 0),
    ("vector_arcs.h", "log_sum64", "c", of_square(lambda s: 2 * (mp.atanh(s) / s - 1) / s ** 2), (0, SQUARE * mp.mpf("1.0001") ** 2), 7, 0),
    ("vector_hyperbolic.h", "expm1_parts32", "c", exp_rest, (-HALF_LOG2, HALF_LOG2), 5, 0),
    ("vector_hyperbolic.h", "expm1_parts64", "c", exp_rest, (-HALF_LOG2, HALF_LOG2), 10, 0),
    ("vector_hyperbolic.h", "sinh_series32", "c", of_square(lambda x: (mp.sinh(x) / x - 1) / x ** 2), (0, 1), 4, 0),
    ("vector_hyperbolic.h", "sinh_series64", "c", of_square(lambda x: (mp.sinh(x) / x - 1) / x ** 2), (0, 1), 8, 0),
]
# Written as a chain of multiplications and additions, the highest power first.
CHAINS = [
    ("vector_math.h", "split_exp", lambda r: (mp.expm1(r) - r) / r ** 2, (-HALF_LOG2, HALF_LOG2), 8),
    ("vector_math.h", "log_of", of_square(lambda s: (mp.atanh(s) / s - 1) / s ** 2), (0, SQUARE * mp.mpf("1.001")), 5),
    ("vector_functions.h", "log2_of", of_square(lambda s: (mp.atanh(s) / s - 1) / s ** 2), (0, SQUARE * mp.mpf("1.001")), 5),
    ("vector_functions.h", "pow64", lambda r: mp.mpf(2) ** r, ("-0.5001", "0.5001"), 7),
]
BASES = {"e": mp.mpf(1), "2": LOG2, "10": mp.log(10)}


def body(file, function):
    """The text of a function."""
    text = (FOLDER / file).read_text()
    start = re.search(rf"^[A-Z_]+ \w+ {function}\(", text, re.M).start()
    return text[start:text.index("\n}", start)]


def numbers(text):
    return [float.fromhex(x.strip().rstrip("f")) for x in text.split(",")]


def table(text, name):
    """(element type, numbers) of an array."""
    found = re.search(rf"static const (float|double) {name}\[\w*\] = \{{(.*?)\}};", text, re.S)
    return found[1], numbers(found[2])


def polynomials():
    """(name, type, numbers in the sources, computed ones, tolerance in units of the last place)"""
    for file, function, array, f, interval, n, places in POLYNOMIALS:
        kind, held = table(body(file, function), array)
        yield f"{function} {array}", kind, held, interpolated(f, *interval, n), places
    for file, function, f, interval, n in CHAINS:
        text = body(file, function)
        held = [1.0] if function == "pow64" else []
        chain = re.findall(r"(?:series|p) = .*?(-?0x[0-9a-f.]+p[-+]\d+)", text)
        yield f"{function} chain", "double", held + [float.fromhex(x) for x in reversed(chain)], interpolated(f, *interval, n), 0


def pieces():
    """The logarithms of vector_logarithms.h: of each inverse, in two parts of which the first has few bits."""
    text = (FOLDER / "vector_logarithms.h").read_text()
    _, inverse = table(text, "log_inverse32")
    for base, unit in BASES.items():
        _, high = table(text, f"log_piece_{base}_32")
        _, low = table(text, f"log_piece_low_{base}_32")
        exact = [-mp.log(mp.mpf(x)) / unit for x in inverse]
        yield f"log pieces, base {base}", "float", low, [a - mp.mpf(b) for a, b in zip(exact, high)], 1


def tangents():
    """The tangents of tanh_table32's points, which are almost floats."""
    text = (FOLDER / "vector_tanh.h").read_text()
    rows = [numbers(row) for row in re.findall(r"\{([^{}]*)\}", text[text.index("tanh_table32[7][32]"):text.index("INLINE v32 tanh32")])]
    yield "tanh of the points", "float", rows[1], [mp.tanh(mp.mpf(x)) for x in rows[0]], 0
    # The polynomial around a point is within 2^-25 of the tangent all over its piece: half a unit where it is nearly 1.
    worst = mp.mpf(0)
    for i in range(32):
        low = mp.mpf(0) if not i else mp.ldexp(1 + mp.mpf(i % 4) / 4, i // 4 - 5)
        high = mp.mpf("9.125") if i == 31 else mp.ldexp(1 + mp.mpf((i + 1) % 4) / 4, (i + 1) // 4 - 5)
        for k in range(33):
            x = low + (high - low) * k / 32
            d = x - mp.mpf(rows[0][i])
            value = sum((mp.mpf(rows[1 + j][i]) * d ** j for j in range(6)), mp.mpf(0))
            worst = max(worst, abs(value / mp.tanh(x) - 1) if x else mp.mpf(0))
    yield "tanh's polynomials within 2^-25", "double", [float(worst < mp.ldexp(1, -25))], [mp.mpf(1)], 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--print", action="store_true", help="print the coefficients")
    arguments = parser.parse_args()
    wrong = 0
    for make in polynomials, pieces, tangents:
        for name, kind, held, computed, places in make():
            bits = DIGITS[kind]
            want = [rounded(c, bits) for c in computed]
            far = [abs(a - b) > places * 2.0 ** (mp.frexp(mp.mpf(b))[1] - bits) if b else a != b for a, b in zip(held, want)]
            if len(held) != len(want) or any(far):
                print(f"{name}: the sources differ from what is computed")
                wrong = 1
            if arguments.print:
                print(f"{name}:", ", ".join(x.hex() for x in want))
    return wrong


if __name__ == "__main__":
    sys.exit(main())
