"""The tables of a configuration, what they mean, cost and gave; and what made a result.

Start with `recipes` (rows as dataclasses) and `configuration` (all of them, read once). `results`,
`ablations`, `attributes` and `effort` turn scores into the paper's numbers; `provenance` says what
code made a file, `usage` how a network wants to be used.
"""
