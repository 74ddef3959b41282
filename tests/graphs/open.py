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

OPEN = [
    (r"signbit|copysign", "the sign of a zero behind other nodes"),
    (r"^CPU[^|]*\| (nan|inf|value|bool|integers)", "NaN, infinities, subnormals and float16 on OpenVINO"),
    (DYNAMIC + r"raises .*(rank 0 is out of bounds for an axis of size 0|zero-size array to reduction)",
     "quantiles and histograms of nothing, with unknown lengths"),
    (DYNAMIC + r"shape \| .*(cov|corrcoef)", "cov of one row, with unknown lengths"),
    # slice, index by a mask, scale_and_translate, binary_crossentropy, tensordot, cdist, compute_homography_matrix, perspective_transform,
    # rgb_to_grayscale, batch_normalization, ctc_decode, random seeds
    (DYNAMIC + "does not raise", "shapes that an operator checks while it is traced, with unknown lengths"),
    (r"does not raise \| .*unravel_index", "indices of unravel_index"),
    (DYNAMIC + r"raises \| .*rgb_to_grayscale", "images of one channel, with unknown lengths"),
    (r"^native [^|]*\| (sign of zero|last bits)[^|]*\| .*(resize|scale_and_translate)", "weights of a resize, with unknown lengths"),
]


def reason_of(finding):
    text = " | ".join((finding["mode"], finding["nature"], finding["ops"], finding["detail"]))
    return next((reason for pattern, reason in LIMITS + OPEN if re.search(pattern, text, re.S)), None)
