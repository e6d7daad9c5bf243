"""The command line ``masktrack``.

Start with `cli`; each subcommand is a module of its name. Behind `segment` stand `clips` (a whole
clip, from annotations to masks) and `stages` (one object of it, each stage a file).
"""
