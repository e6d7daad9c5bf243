"""The embedded benchmark: clips and stills with exact truth, rendered from a seed.

Start with `scenes` (a script in, a clip out); `clips` and `stills` are the scripts, `zoo` and
`animals` the actors, `layouts` writes it all as the paper's data sets lie on disk.
"""
