"""How it is shown: console, Markdown, HTML, JSON and CSV from one Comparison."""
