"""Optical flow and its picture for the flow stream (paper §3.3).

Start with `flow`; `raft` is a learned flow beside it.
"""
