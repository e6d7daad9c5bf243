"""The documentation site (Sphinx): ``make docs``. What can be generated is: see generated.py."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent))

from generated import write_pages  # noqa: E402  the folder is known from here on
from pygments.lexers.special import TextLexer  # noqa: E402

project = "MaskTrack, reproduced"
author = "The MaskTrack reproduction authors"
copyright = author
release = installed_version("masktrack")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.graphviz",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
exclude_patterns = ["build", "data", "pictures", "reference/_*"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
myst_links_external_new_tab = True
nb_execution_mode = "force"
nb_execution_timeout = 120
nb_execution_raise_on_error = True
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
default_role = "code"

graphviz_output_format = "svg"

html_theme = "furo"
html_title = project
html_show_copyright = False
linkcheck_ignore = [r"https?://"]  # pages of others are not looked at: the build works offline

write_pages(HERE.parent, HERE / "reference")


def _bars(app, what, name, obj, options, lines):
    """Let |A ∩ B| of a docstring be the size of a set, not a substitution."""
    lines[:] = [line.replace("|", "\\|") for line in lines]


def setup(app):
    """Connect what the extensions leave out."""
    app.add_lexer("csv", TextLexer)
    app.connect("autodoc-process-docstring", _bars)
