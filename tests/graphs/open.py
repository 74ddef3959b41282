"""Disagreements that are known: (what the text of a finding matches, the reason). OPEN is to become empty; LIMITS are stated ones.

The text is "mode | nature | operators | detail".
"""

import re

DYNAMIC = r"(unknown|partly)[^|]*\| "

LIMITS = [
    # What a graph with unknown lengths cannot do, and says so.
    (DYNAMIC + r"shape \| [^|]*squeeze", "squeeze without axes drops the axes whose length is known to be 1"),
    (DYNAMIC + r"raises \| squeeze", "the same: what follows has another rank"),
    (DYNAMIC + r"(raises|other error) .*NotImplementedError", "refused while tracing"),
    (DYNAMIC + r"(raises|other error) .*a recurrent kernel must have the shape", "units of a recurrent kernel must be known"),
    (DYNAMIC + r"(raises|other error) .*kernel's numbers of channels must be known", "the lengths of a kernel must be known"),
    (DYNAMIC + r"(raises|other error) .*can only specify one unknown dimension", "the lengths of a kernel must be known"),
    (DYNAMIC + r"(raises|other error) .*Cannot infer argument `num` from shape", "the number of results must be known"),
    # Shapes are refused by the words of the operator while it is traced, by those of the primitive that meets them when a graph runs.
    (r"^\w+ (unknown|partly)[^|]*\| other error .*want (\w+):.*\ngot  \2:", "words of a primitive"),
    (DYNAMIC + r"raises \|.*Convolution: the data has \d+ channels, the kernel takes", "the groups of a convolution are known when traced"),
]

OPEN = []


def reason_of(finding):
    text = " | ".join((finding["mode"], finding["nature"], finding["ops"], finding["detail"]))
    return next((reason for pattern, reason in LIMITS + OPEN if re.search(pattern, text, re.S)), None)
