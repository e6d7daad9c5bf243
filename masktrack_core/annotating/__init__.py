"""A page to draw on: annotate, follow, correct, export.

Start with `project` (what is drawn, on disk as it is done), then `following` (masks from it, only
where they changed), `jobs` (what runs beside the page) and `server` (the page).
"""
