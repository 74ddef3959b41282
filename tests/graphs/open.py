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

LIMITS = [
    # What a graph with unknown lengths cannot do, and says so.
    (r"(raises|other error) .*NotImplementedError[^|]*(lengths are|must be) known", "a length must be known"),
    (r"raises .*NotImplementedError: cross needs the lengths", "a length must be known"),
    (r"raises .*NotImplementedError: squeeze without axes", "an axis of length 1 must be known as one"),
    (DYNAMIC + r"(raises|other error) .*NotImplementedError", "a length must be known"),
    (DYNAMIC + r"(raises|other error) .*kernel's numbers of channels must be known", "the lengths of a kernel must be known"),
    (DYNAMIC + r"raises \| [^|]*cov[^|]*\| .*cannot broadcast a non-scalar", "cov of one row is a number"),
    (DYNAMIC + r"(raises|other error) .*can only specify one unknown dimension", "the lengths of a kernel must be known"),
    (r"(raises|other error) .*Cannot infer argument `num` from shape", "the number of results must be known"),
    # Shapes are refused by the words of the operator while it is traced, by those of the primitive that meets them when a graph runs.
    (r"^\w+ partly[^|]*\| other error .*want (\w+):.*\ngot  \1:", "words of a primitive"),
    (r"other error .*want (\w+):.* shapes .*\ngot  \1:.* shapes .*None", "words of a primitive: a length that is found by values"),
    (UNKNOWN + r"other error .*want (\w+):.*could not be broadcast.*\ngot  \2:.*could not be broadcast", "words of a primitive: of three operands"),
    (r"other error \| [^|]*string_lookup[^|]*\| want ValueError: The passed vocabulary.*\ngot  TypeError", "dtypes are looked at first"),
    (UNKNOWN + r"does not raise \| .*the seed must be a vector of two integers", "no numbers are drawn for a result without elements"),
    (DYNAMIC + r"raises \| [^|]*einsum[^|]*\|.*(mismatch in its core dimension|shape-mismatch for sum|could not be broadcast)",
     "an axis of length 1 that an einsum broadcasts is known when traced"),
    # docs/exactness.md: not promised.
    (r"^CPU[^|]*\| value \| [^|]*(categorical_crossentropy|log_softmax)[^|]*\|.*want / got: (0\.00\d+ / 0\.00\d+(, )?)+$", "the logarithm of a share near 1"),
    (r"^CPU[^|]*\| integers \| [^|]*view[^|]*\|.*want / got: (2143289344 / -4194304(, )?)+$", "the sign of NaN, seen as bits"),
    (r"^CPU[^|]*\| (nan|inf) \| [^|]*(conv|matmul|dot|einsum|inner|outer)", "the order of sums that overflow, zeros beside infinities", LARGE),
    (r"^CPU[^|]*\| (nan|inf|value) \| [^|]*norm", "squares and scales that overflow float32 in between", LARGE),
    (r"^CPU[^|]*\| (nan|inf) \| [^|]*prod", "the order of products that overflow, zeros and numbers that are none beside infinities"),
    (r"^CPU[^|]*\| nan \| [^|]*conv", "products of NaN with the zeros that a convolution pads with", r"(?s)padding='same'.*\bnan\b|\bnan\b.*padding='same'"),
    (r"^CPU[^|]*\| bool \| [^|]*in_top_k", "a number taken out of a constant, beside it: subnormal ones are 0", r"\d\.\d*e-(39|4\d)\b"),
    (r"^CPU unknown[^|]*\| value \| [^|]*\berf\b[^|]*\|.*want / got: (\S+e-\d\d / -?0\.0(, )?)+$", "erf of small numbers: off by a part of 1"),
    (r"^CPU[^|]*\| integers \| [^|]*histogram", "edges of even bins are rounded otherwise: what lies on one is in the next"),
    (r"^NumPy eager \| value \| .*(nan|inf)[+-][\w.]*j", "complex products that overflow: NumPy's order"),
    (r"^NumPy eager \| value \| [^|]*\| (std|var): (float32|bfloat16) .*/ eager: .*/ inf", "squares that overflow float32: the reference's are of float64"),
    (DYNAMIC + r"raises \|.*Convolution: the data has \d+ channels, the kernel takes", "the groups of a convolution are known when traced"),
]

OPEN = []


def reason_of(finding):
    text = " | ".join((finding["mode"], finding["nature"], finding["ops"], finding["detail"]))
    fits = lambda pattern, program=None: re.search(pattern, text, re.S) and (not program or re.search(program, finding.get("source", "")))
    return next((reason for pattern, reason, *program in LIMITS + OPEN if fits(pattern, *program)), None)
