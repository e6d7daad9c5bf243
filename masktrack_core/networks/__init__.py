"""What is computed: trunks, heads, the network of both, and its weights on disk.

Start with `network` (a picture and the mask before in, scores out) and `spec` (what it is made of).
`weights` reads and writes our files, `checkpoints` knows published ones, `trained/` holds those
that come with the project.
"""
