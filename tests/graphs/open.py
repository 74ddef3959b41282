"""Disagreements that are known: (what the text of a finding matches, the reason[, what its program matches]). OPEN is to become empty;
LIMITS are stated ones.

The text is "mode | nature | operators | detail".
"""

import re

# A graph some of whose lengths are unknown; kvino.function (which "unknown" tries) traces such calls anew, with their lengths.
DYNAMIC = r"partly[^|]*\| "
UNKNOWN = r"(unknown|partly)[^|]*\| "

# A program with numbers whose squares or products with another one overflow float32, or with infinities.
LARGE = r"array\(.*(\binf\b|e\+(1[5-9]|[23]\d)\b)|\d{16}"

# A program with a constant among whose numbers are subnormal ones.
SUBNORMAL = r"kvino\.Tensor\(np\.array\(.*\d\.\d*e-(39|4\d)\b"

LIMITS = [
    # What a graph with unknown lengths cannot do, and says so.
    (r"(raises|other error) .*NotImplementedError[^|]*(lengths are|must be) known", "a length must be known"),
    (r"raises .*NotImplementedError: cross needs the lengths", "a length must be known"),
    (UNKNOWN + r"sign of zero \| [^|]*einsum", "which operands are multiplied first depends on the lengths"),
    (UNKNOWN + r"other error \| [^|]*ctc_loss[^|]*\| want ValueError: target", "of several errors any may come first"),
    (r"raises .*NotImplementedError: squeeze without axes", "an axis of length 1 must be known as one"),
    (DYNAMIC + r"(raises|other error) .*NotImplementedError", "a length must be known"),
    (DYNAMIC + r"(raises|other error) .*kernel's numbers of channels must be known", "the lengths of a kernel must be known"),
    (DYNAMIC + r"raises \| [^|]*cov[^|]*\| .*cannot broadcast a non-scalar", "cov of one row is a number"),
    (DYNAMIC + r"(raises|other error) .*can only specify one unknown dimension", "the lengths of a kernel must be known"),
    (DYNAMIC + r"(raises|other error) .*Cannot infer argument `num` from shape", "the number of results must be known"),
    # Shapes are refused by the words of the operator while it is traced, by those of the primitive that meets them when a graph runs.
    (r"^\w+ partly[^|]*\| other error .*want (\w+):.*\ngot  \1:", "words of a primitive"),
    (r"other error .*want (\w+):.* shapes .*\ngot  \1:.* shapes .*None", "words of a primitive: a length that is found by values"),
    (UNKNOWN + r"other error \| [^|]*index[^|]*\| want IndexError: shape mismatch.*\ngot  ValueError: operands could not be broadcast", "words of a primitive"),
    (DYNAMIC + r"raises \| [^|]*einsum[^|]*\|.*(mismatch in its core dimension|shape-mismatch for sum|could not be broadcast)",
     "an axis of length 1 that an einsum broadcasts is known when traced"),
    # What no result needs the values of is not computed, nor checked.
    (UNKNOWN + r"does not raise \| [^|]*(zeros_like|ones_like|full|empty_like|isreal|shape_tensor|scan|meshgrid|tensordot|imag|ragged_check|sparse_align|cond|isneginf|isposinf|matrix_power)", "a check belongs to its value"),
    (UNKNOWN + r"does not raise \| [^|]*nan(max|min)[^|]*\| .*reduction operation f(max|min)", "extremes of nothing where the result is empty, too"),
    (UNKNOWN + r"other error \| [^|]*\+[^|]*\| want (ValueError|IndexError):.*\ngot  (ValueError|IndexError):", "of several errors any may come first"),
    # docs/exactness.md: not promised.
    (r"^CPU[^|]*\| bool \| [^|]*signbit", "the sign of a zero that a clamp, a product or a quotient gives"),
    (r"^CPU[^|]*\| (value|integers) \| [^|]*arg(min|max)[^|]*\|", "subnormal bfloat16 are 0: which of them is first", r"(?s)e-(39|4\d).*bfloat16"),
    (r"^CPU[^|]*\| value \| [^|]*batch_normalization[^|]*\| bfloat16", "scale and shift of constants, put together: off by a part of the operand"),
    (r"^CPU[^|]*\| value \| [^|]*categorical_crossentropy[^|]*\|.*want / got: (0\.00\d+ / 0\.00\d+(, )?)+$", "the logarithm of a share near 1"),
    (r"^CPU[^|]*\| integers \| [^|]*view[^|]*\|.*want / got: (2143289344 / -4194304(, )?)+$", "the sign of NaN, seen as bits"),
    (r"^CPU[^|]*\| value \| [^|]*(copysign|reciprocal|divide)[^|]*\|.*want / got: (-?inf / -?inf(, )?)+$", "the sign of a zero, divided by"),
    (r"^CPU[^|]*\| (nan|inf) \| [^|]*(conv|matmul|dot|einsum|inner|outer)", "the order of sums that overflow, zeros beside infinities", LARGE),
    (r"^CPU[^|]*\| (nan|inf|value) \| [^|]*norm", "squares and scales that overflow float32 in between", LARGE),
    (r"^CPU[^|]*\| (nan|inf) \| [^|]*prod", "the order of products that overflow, zeros and numbers that are none beside infinities"),
    (r"^CPU[^|]*\| nan \| [^|]*conv", "products of NaN with the zeros that a convolution pads with", r"(?s)padding='same'.*\bnan\b|\bnan\b.*padding='same'"),
    (r"^CPU[^|]*\| value \| [^|]*\|.*want / got: (\S+ / -?0\.0(, )?)+$", "subnormal constants are 0", SUBNORMAL),
    (r"^CPU[^|]*\| bool \| [^|]*isin", "subnormal constants and bfloat16 are 0", r"\d\.\d*e-(39|4\d)\b"),
    (r"^CPU[^|]*\| nan \| [^|]*(kron|power)", "subnormal constants are 0: products with infinity, powers", SUBNORMAL),
    (r"^CPU[^|]*\| value \| [^|]*angle[^|]*\|.*want / got: ((0\.0 / 3\.1415\d+|3\.1415\d+ / 0\.0)(, )?)+$", "the sign of a zero, as an angle"),
    (r"unknown[^|]*\| nan \| [^|]*resize[^|]*\| float64", "sums that overflow float64 in another order", r"e\+30\d"),
    (r"other error \| [^|]*string_lookup[^|]*\| want ValueError: The passed vocabulary.*\ngot  TypeError", "of several errors any may come first"),
    (r"^CPU[^|]*\| value \| .*bfloat16[^|]*want / got: -?[\d.]+e-(39|4\d) / -?0\.0", "subnormal bfloat16"),
    (r"^CPU[^|]*\| inf \| [^|]*(lgamma|log|reciprocal|divide)[^|]*\| bfloat16", "a subnormal bfloat16 before a logarithm or quotient", r"e-(3[89]|4\d)|e-\d\d"),
    (r"^CPU[^|]*\| nan \| [^|]*(rnn|gru|lstm)_sequence[^|]*\| bfloat16", "a subnormal bfloat16 weight is 0, times infinity", r"\binf\b.*e-(39|4\d)|e-(39|4\d).*\binf\b"),
    (r"^CPU[^|]*\| integers \| [^|]*histogram", "edges of even bins are rounded otherwise: what lies on one is in the next"),
    (r"^NumPy eager \| value \| .*(nan|inf)[+-][\w.]*j", "complex products that overflow: NumPy's order"),
    (r"^NumPy eager \| value \| [^|]*\| (std|var): float32 .*/ eager: .*/ inf", "squares that overflow float32: the reference's are of float64"),
    (DYNAMIC + r"raises \|.*Convolution: the data has \d+ channels, the kernel takes", "the groups of a convolution are known when traced"),
]

OPEN = []


def reason_of(finding):
    text = " | ".join((finding["mode"], finding["nature"], finding["ops"], finding["detail"]))
    fits = lambda pattern, program=None: re.search(pattern, text, re.S) and (not program or re.search(program, finding.get("source", "")))
    return next((reason for pattern, reason, *program in LIMITS + OPEN if fits(pattern, *program)), None)
