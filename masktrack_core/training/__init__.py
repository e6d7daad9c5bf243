"""How weights move, offline and online: one loop over numbered examples.

Start with `loop.train`. `examples` makes what is shown, `batches` in the background; `optimisers`
holds loss and rates, `state` what survives a kill.
"""
