"""What is done to one mask, and to a frame with it: pure functions on arrays.

Start with `elementary` (disks, boxes, objects). `deform` makes the paper's imperfect previous mask,
`augment` changes an annotated frame and its mask together, `regions` cuts out what the network
sees; all of them move pixels through the coordinate maps of `warp`.
"""
