"""What lies on disk, in whose layout: indexes in, frames and truth out.

Start with `index` (a tidy table a sequence), `videos` (an index, opened) and `stills`. `layouts` is
the table of known layouts, `patterns` how their paths are read; `mask_folders` and `object_masks`
read masks that others made, `checks` finds everything wrong in one pass.
"""
