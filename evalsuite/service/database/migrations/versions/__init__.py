"""The revisions of the schema, each made once and never changed after a release."""
