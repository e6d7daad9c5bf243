"""The command line ``masktrack``.

Start with `cli`; each subcommand is a module of its name.
"""
