"""What people look at: figures, sheets, overlays, the page of results.

Start with `figures`; tables and arrays in, pictures out.
"""
