"""Followed objects in the forms of other programs: a module a form.

Start with `forms`, the table of all of them; `followed` is what each is given. A form that is to
be added is a module with a function that writes it, and a row of the table.
"""
