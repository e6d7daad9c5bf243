"""Bytes on disk and from the net; nothing here knows a data set.

Start with `io`: frames, masks, labels and tables, written whole or not at all. `decoding` says what
a picture file holds, `archives` and `picture_zip` keep many small pictures in one file, `tensors`
named arrays; `mirrors`, `download` and `unpacking` bring archives here.
"""
