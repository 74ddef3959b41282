"""A fuzzer of graphs: random typed programs over all of kvino's operators, run eagerly and compiled; the results must agree.

    python -m graphs --seconds 60        (from tests/, or `make fuzz-graphs`)

`program` is what is generated: inputs, constants, steps, results. `generate` makes one from a random number, with the arguments that
`arguments` (with `special` and `models`) chooses for each operator and the arrays of `arrays`; `judge` runs it in every way and compares, steps with NumPy, too
(`numpy_check`); `open`
names what is known; `shrink` makes a failing program small; `__main__` runs many in child processes, for a crash is a finding like others.
"""
