"""Tables: each reported number beside the reproduced one, as CSV, Markdown, LaTeX and HTML."""
