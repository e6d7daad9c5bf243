"""Frame to frame: the method at work on a video.

Start with `segmentation` (frames and annotations in, masks out), then `propagation`. `oracles` need
no network; `crf` refines a frame, `refinement` a video, `crf_search` looks for its parameters.
"""
