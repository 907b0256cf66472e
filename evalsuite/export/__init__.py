"""Finished folders given to other tools, in the tools' own forms."""
