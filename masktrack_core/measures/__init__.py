"""J, F and T, and their summaries.

Start with `metrics`. `temporal` is T, on the polygons of `contours`; `scoring` scores folders of
masks, whoever made them.
"""
